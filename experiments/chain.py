"""Protect a dataset, restore it in another process, and compare: is every image restored bit for bit?

    python experiments/chain.py photos                       # as `make protect` runs it
    python experiments/chain.py cifar10 --record cifar10     # all 60,000 images, into results/
    python experiments/chain.py tinyimagenet -- --eps 0.05

Each step is a call of `ripguard.api`. The process that restores gets the release and the key only: no data variable, no
surrogate, an empty cache. Options after `--` are passed to `ripguard protect`. Measured are equality, PSNR and SSIM of
protected to clean images, the size of the residue, and the labels that the surrogate keeps.

Hardware: two CPU cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _run import RESULTS, ROOT, command, release_facts

from ripguard import api
from ripguard.benchmark.run import Run
from ripguard.cli import parse
from ripguard.cli.protect import of_scheme
from ripguard.data.registry import open_source, short_name
from ripguard.errors import refusals_printed, tell
from ripguard.images.limits import VARIABLE

OPTIONS = "protect-options.txt"  # options of `ripguard protect`, beside the release
USUAL = {  # small sets need more epochs than the default for a surrogate worth aiming at; photographs are to be quick
    "demo": {"--surrogate-epochs": "12", "--attack-steps": "10"},
    "photos": {"--surrogate-epochs": "12", "--attack-steps": "10"},
    "tinyimagenet": {"--surrogate-epochs": "30"},
}


RESTORE = """
import sys
from ripguard import errors, restore
with errors.refusals_printed():
    result = restore(*sys.argv[1:])
sys.exit(result.first_error.exit_code if result.first_error else 0)
"""


def with_usual(source: str, words: list[str]) -> list[str]:
    """Options of ``ripguard protect``, with those of USUAL that are missing among them."""
    chosen = dict(itertools.pairwise(word for one in words for word in one.split("=", 1)))
    known = api.choose_scheme(chosen.get("--scheme", "mrit"), perturb=chosen.get("--perturb")).options()
    usual = USUAL.get(source.split(":")[0], {}) if "surrogate_epochs" in known else {}  # marks alone need none
    return words + [word for option in usual.items() if option[0] not in words for word in option]


def timed(what: str, call: Callable[[], Any]) -> tuple[Any, float]:
    """The result of a call, and its seconds."""
    tell(what)
    start = time.time()
    result = call()
    return result, round(time.time() - start, 1)


def restore_alone(release: Path, out: Path, key: Path) -> None:
    """Restore in a process that has the release and the key, and nothing else."""
    with tempfile.TemporaryDirectory() as empty:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("RIPGUARD_") or k == VARIABLE}
        bare = kept | {"RIPGUARD_CACHE": empty}
        code = subprocess.run([sys.executable, "-c", RESTORE, release, out, key], env=bare).returncode
    if code:
        sys.exit(code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", help="photos, cifar10, tinyimagenet, or a folder")
    parser.add_argument("--out", type=Path, help="working folder (default: build/<source>)")
    parser.add_argument("--record", metavar="NAME", help="add to results/exactness/NAME.jsonl as well")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR", help="folder of records (default: results/)"
    )
    split = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    options, extra = parser.parse_args(sys.argv[1:split]), sys.argv[split + 1 :]
    given, extra = extra, with_usual(options.source, extra)
    out = options.out or ROOT / "build" / short_name(options.source)
    open_source(options.source, strict=False)  # what is mistyped is refused before an older release is removed
    given_options = parse(["protect", options.source, str(out / "protected"), *extra])
    api.choose_scheme(**of_scheme(given_options))
    if given_options.max_pixels:  # also for the process that restores
        os.environ[VARIABLE] = str(given_options.max_pixels)
    for name in ("protected", "restored", "records"):  # made by this script alone
        shutil.rmtree(out / name, ignore_errors=True)
    for path in out.glob("victims/*-protected-*"):  # of the release that was there
        path.unlink()
    out.mkdir(parents=True, exist_ok=True)
    (out / OPTIONS).write_text(shlex.join(given) + "\n")

    # 1. a key, kept beside the release and not in it
    key = out / "owner.key"
    if not key.exists():
        api.keygen(key)
    release, back = out / "protected", out / "restored"
    # 2. protect
    passed = ("labels", "limit", "seed", "restart", "workers", "sign_key", "on_error")
    own = {name: getattr(given_options, name) for name in passed}
    protected, protecting = timed(
        f"protect {options.source} {shlex.join(extra)}",
        lambda: dataclasses.asdict(api.protect(options.source, release, key, **own, **of_scheme(given_options))),
    )
    # 3. restore in a fresh process that has the release and the key, and nothing else
    _, restoring = timed("restore, from release and key alone", lambda: restore_alone(release, back, key))
    # 4. compare with the source, sample by sample, and measure; all from the files on disk
    measured, measuring = timed(
        "compare and measure",
        lambda: api.report(
            release, options.source, labels=given_options.labels, restored=back, grid=out / "grid.png",
            surrogate=protected["surrogate"] or None,
        ),
    )  # fmt: skip
    checked, _ = timed("verify", lambda: api.verify(release, key, signer=protected["signer"]))

    row = {
        "images": measured["pictures"],
        "restored_equal": measured["restored_equal"],
        "files_equal": measured["files_equal"],
        "without_residue": protected["without_residue"],
        "residue_bytes_per_image": measured["residue_bytes_per_picture"],
        "residue_over_bound": protected["residue_over_bound"],
        "in_residue_only": protected["in_residue_only"],
        "planes": protected["planes"],
        "psnr_to_clean": measured["psnr_to_clean"],
        "ssim_to_clean": measured["ssim_to_clean"],
        "median_psnr_to_carrier": protected["psnr_to_carrier"],
        "median_ssim_to_carrier": protected["ssim_to_carrier"],
        "surrogate_keeps_label": measured.get("surrogate_keeps_label"),
        "surrogate_keeps_label_by_split": measured.get("surrogate_keeps_label_by_split"),
        "surrogate_predicts_next": measured.get("surrogate_says_next_label"),
        "verify_ok": checked.ok,
        "seconds": {"protect": protecting, "restore": restoring, "report": measuring},
    }
    made = release_facts(out)
    write(made, row, options, out)
    summary(out, row)


def write(made: dict[str, Any], row: dict[str, Any], options: argparse.Namespace, out: Path) -> None:
    """Record the row in the working folder, and in the folder of records where it has a name there."""
    places = [("chain", out / "records")] + ([(options.record, options.results)] if options.record else [])
    for name, results in places:
        about = {"dataset": Path(options.source).name, "scheme": made["scheme"]}
        run = Run("chain", name, results, command(), release={"dataset_id": made["dataset_id"]}, **about)
        run.add(row)


def summary(out: Path, row: dict[str, Any]) -> None:
    """A summary in ten lines."""
    spread = row["residue_bytes_per_image"]
    print(f"\n{row['restored_equal']:,} / {row['images']:,} images restored bit for bit from release and key alone")
    print(f"protected to clean    median {row['psnr_to_clean']['median']:.2f} dB", end="")
    print(f", SSIM {row['ssim_to_clean']['median']:.3f}" if row["ssim_to_clean"] else "")
    print(f"protected to carrier  median {row['median_psnr_to_carrier']:.2f} dB, SSIM {row['median_ssim_to_carrier']}")
    print(
        f"residue               median {spread['median']:.0f} bytes an image ({spread['p5']:.0f}–{spread['p95']:.0f})"
    )
    if row["surrogate_keeps_label"] is not None:
        share = 100 * row["surrogate_keeps_label"]
        print(f"attack                the surrogate keeps the true label on {share:.1f} % of the protected images")
    took = row["seconds"]
    print(f"time                  protect {took['protect']:.0f} s, restore {took['restore']:.0f} s")
    print(f"images to look at     {out / 'grid.png'}")
    print(f"release, key          {out / 'protected'}, {out / 'owner.key'}")
    if row["restored_equal"] != row["images"]:
        lost = row["images"] - row["restored_equal"]
        sys.exit(
            f"error: {lost:,} of {row['images']:,} images in {out / 'restored'} differ from the clean ones: a defect"
        )


if __name__ == "__main__":
    with refusals_printed():
        main()
