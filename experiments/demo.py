"""Protect, restore, train on clean, protected and restored photographs, and draw one figure of it.

    python experiments/demo.py                     # as `make demo` runs it: minutes, nothing is downloaded
    python experiments/demo.py --record demo       # also into results/victims/demo.jsonl and demo.jpg

The images are those of the source `demo`, the scheme is the default. Models see them as thumbnails (protocol `demo`).
Expected: clean and restored images teach a model equally well, protected ones less. How much less depends on images
and model; the figures show no security.

Hardware: two CPU cores.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from _run import ROOT, command, parser, release_facts
from PIL import Image

from ripguard.benchmark.accuracy import recipe, release_of, scheme_of
from ripguard.benchmark.records import read_file, read_runs
from ripguard.benchmark.run import Run
from ripguard.errors import refusals_printed

SOURCE = PROTOCOL = "demo"


def main() -> None:
    arguments = parser(__doc__, source=False)
    arguments.add_argument("--work", type=Path, default=ROOT / "build" / SOURCE, help="folder for all that is made")
    options = arguments.parse_args()
    evaluation = options.work / "evaluation"
    record = evaluation / "victims" / f"{SOURCE}-{PROTOCOL}.jsonl"
    for name in ("protected", "restored", "victims", "evaluation"):  # by this script alone: it begins anew
        shutil.rmtree(options.work / name, ignore_errors=True)
    table1 = str(ROOT / "experiments" / "table1.py")
    began = time.time()
    call = [sys.executable, table1, SOURCE, "--protocol", PROTOCOL, "--work", str(options.work)]
    if code := subprocess.run(call).returncode:
        sys.exit(code)
    seconds, used = time.time() - began, os.times()
    print(f"figure  {evaluation / 'overview.png'}")
    if not options.record:
        return
    rows = read_file(record, evaluation, read_runs(evaluation))
    victims = {row.training_set: row for row in rows if row.kind == "victim"}
    quality = next(row.metrics for row in rows if row.kind == "image-quality")
    facts = release_facts(options.work)
    first = victims["clean"]
    run = Run(
        "demo", options.record, options.results, command(), release=release_of(facts), recipe=recipe(PROTOCOL),
        dataset=SOURCE, protocol=PROTOCOL, scheme=scheme_of(facts),
    )  # fmt: skip
    run.add(
        {f"{name}_acc": row.metrics["test_acc"] for name, row in victims.items()}
        | {"n_train": first.n_train, "model": first.model, "seed": first.seed, "classes": first.provenance["classes"]}
        | {"test_images": first.metrics["test_images"]}
        | {name: quality[name] for name in ("images", "restored_equal", "psnr_to_clean", "ssim_to_clean")}
        | {"seconds": round(seconds, 1), "processor_seconds": round(used.children_user + used.children_system, 1)}
    )
    image = Image.open(evaluation / "overview.png").convert("RGB")
    image.save(run.path.with_suffix(".jpg"), quality=80, subsampling=0, optimize=True)


if __name__ == "__main__":
    with refusals_printed():
        main()
