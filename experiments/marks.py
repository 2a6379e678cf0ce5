"""What class marks should be made of.  Claim: patches keep a victim from learning, waves less.

    python experiments/marks.py cifar10 --record marks-cifar10
    python experiments/marks.py cifar10 --only waves --defences none

Held-out training images only: victims of protocol `small` are trained on carriers of other training images, and
asked for the class of clean held-out ones. All variants have the same size (root mean square of the noise), but for the
sink's images, where it is smaller. What is recorded already is skipped: the same command, called again, ends with the
whole table. Hardware: one CPU core, or a GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.benchmark.attacks.limited_clean_data import reached
from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.record import add_row, environment, go_on_with
from ripguard.benchmark.victims import check
from ripguard.data.image_set import held_out, load
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.images.quality import likeness
from ripguard.numbers import above_zero, positive
from ripguard.perturb.marks import CELLS, EPS, GRID, PATCHES, Marks, search
from ripguard.train.loop import fit
from ripguard.train.protocols import PROTOCOLS

ROOT = Path(__file__).resolve().parents[1]
VARIANTS: dict[str, tuple[str, float] | None] = {  # whose patches, and their share of the power; waves have the rest
    "clean": None,
    "waves": ("opposite", 0.0),
    "patches of the opposite class": ("opposite", 1.0),
    "both, as in `marks`": ("sink", PATCHES),
    "both, patches on 2 cells": ("cells 2", PATCHES),
    "both, patches on 4 cells": ("cells 4", PATCHES),
    "both, no sink": ("opposite", PATCHES),
    "both, patches of the next class": ("next", PATCHES),
    "both, half of the power each": ("opposite", 0.5),
    "both, patches not mirrored": ("one-sided", PATCHES),
    "both, random patches": ("random", PATCHES),
    "patches of the class itself": ("own", 1.0),
}
FEW = 500  # clean images that the linear head is fitted on


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="Output: a table, a record."
    )
    parser.add_argument("source")
    parser.add_argument("--count", type=positive, default=10_000, help="training images (default 10,000)")
    parser.add_argument("--eps", type=above_zero, default=EPS)
    parser.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    parser.add_argument("--defences", nargs="*", default=["none", "jpeg-10", "orthogonal-projection"])
    parser.add_argument("--protocol", default="small")
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--record", metavar="NAME", help="write build/records/<date>_<NAME>/, after every row, and go on"
    )
    options = parser.parse_args()
    check((), options.protocol, None, tuple(options.defences))

    # 1. training images for the victims, a few for the attacker, held-out ones to ask about
    data = load([item for item in open_source(options.source).items if item.split == "train"], note="clean train")
    held = held_out(len(data.labels))
    asked, rest = data.part(held), data.part(~held)
    order = np.random.default_rng(1).permutation(len(rest.labels))
    clean, few = rest.part(order[: options.count]), rest.part(order[-FEW:])
    classes, protocol = len(data.names), PROTOCOLS[options.protocol]
    seeds = np.random.default_rng(2).integers(0, 2**63, len(clean.labels)).astype(np.uint64)

    known = clean.images, clean.labels, classes
    following = search(*known, target="cyclic", sink=False)
    random = np.random.default_rng(3).choice([-1.0, 1.0], (classes, GRID, GRID, 3))
    patches = {"sink": search(*known), "opposite": search(*known, sink=False), "next": following}
    patches |= {"one-sided": search(*known, mirrored=False, sink=False), "own": np.roll(following, 1, axis=0)}
    patches |= {"random": random} | {f"cells {n}": search(*known, cells=n) for n in CELLS[:-1]}

    # 2. the record so far
    here = environment()
    record: dict[str, Any] = {"name": f"marks {options.source}"}
    record |= {"command": "python experiments/marks.py " + shlex.join(sys.argv[1:])} | here
    record |= {"dataset": options.source, "protocol": "marks", "scheme": "none", "pictures": len(clean.labels)}
    record |= {"recipe": dataclasses.asdict(protocol), "eps": options.eps, "rows": []}
    folder = Path()
    if options.record:
        folder, record = go_on_with(
            ROOT / "build" / "records", options.record, record, ("name", "pictures", "recipe", "eps")
        )
    done = {(row["variant"], row["defence"]) for row in record["rows"]}

    # 3. a victim for each defence and variant
    for name in options.defences:
        defence = DEFENCES[name]
        for variant in options.only:
            if (variant, name) in done:
                continue
            made, shown = VARIANTS[variant], clean.images
            if made is not None:
                shown = Marks.of(patches[made[0]], options.eps, made[1]).in_parts(shown, clean.labels, seeds)
            psnr = float(np.median([likeness(a, b)["psnr"] for a, b in zip(shown[:300], clean.images)]))
            seen = defence.prepared(shown, clean.labels, 0)
            victim = fit(
                seen, clean.labels, classes, protocol, 0, options.device, note=f"{variant}, {name}",
                objective=defence.objective,
            )  # fmt: skip
            got = reached(victim, few, asked, (FEW,))
            row = {
                "variant": variant,
                "defence": name,
                "images": len(seen),
                "held_out": len(asked.labels),
                "psnr_to_clean": None if made is None else round(psnr, 2),
                "accuracy": got.plain,
                "standardised": got.standardised,
                "permuted": got.permuted,
                "new_head": got.heads[FEW],
                "commit": here["commit"],
            }
            row = {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}
            print(row, flush=True)
            if options.record:
                add_row(folder, record, row)


if __name__ == "__main__":
    with refusals_printed():
        main()
