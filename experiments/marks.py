"""Compare kinds of class marks: which of them keep a model from learning?

    python experiments/marks.py cifar10 --record marks-cifar10
    python experiments/marks.py cifar10 --only waves --defences none

Models of protocol `small` are trained on carriers of training images and measured on clean held-out training images. No
test image is read. All variants have the same root mean square of the noise, except on the images of the sink class,
where it is smaller. Recorded rows are skipped: run the same command again until the table is complete. Expected:
patches keep a model from learning, waves do so less.

Hardware: one CPU core, or a GPU.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from _run import add_pretrain_on, begin, parser

from ripguard.benchmark.attacks.limited_clean_data import reached
from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.defended import fit_defended
from ripguard.benchmark.victims import check
from ripguard.data.image_set import held_out, load
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.images.quality import likeness
from ripguard.numbers import above_zero, positive
from ripguard.perturb.marks import CELLS, EPS, GRID, PATCHES, Marks, search
from ripguard.train.protocols import PROTOCOLS

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
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=positive, default=10_000, help="training images (default 10,000)")
    arguments.add_argument("--eps", type=above_zero, default=EPS)
    arguments.add_argument("--only", nargs="*", choices=VARIANTS, default=list(VARIANTS))
    arguments.add_argument("--defences", nargs="*", default=["none", "jpeg-10", "orthogonal-projection"])
    add_pretrain_on(arguments)
    arguments.add_argument("--protocol", default="small")
    arguments.add_argument("--device", default="cpu")
    options = arguments.parse_args()
    check((), options.protocol, None, tuple(options.defences), options.source, options.pretrain_on)

    # 1. training images for the victims, a few for the attacker, held-out ones to measure on
    data = load([item for item in open_source(options.source).items if item.split == "train"], note="clean train")
    held = held_out(len(data.labels))
    held_images, rest = data.part(held), data.part(~held)
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
    run = begin(
        options, "marks", dataset=options.source, protocol=options.protocol, images=len(clean.labels),
        recipe=dataclasses.asdict(protocol), setting={"eps": options.eps},
    )  # fmt: skip

    # 3. a victim for each defence and variant
    for name in options.defences:
        defence = DEFENCES[name]
        for variant in options.only:
            if run.has(variant=variant, defence=name):
                continue
            made, shown = VARIANTS[variant], clean.images
            if made is not None:
                shown = Marks.of(patches[made[0]], options.eps, made[1]).in_parts(shown, clean.labels, seeds)
            psnr = float(np.median([likeness(a, b)["psnr"] for a, b in zip(shown[:300], clean.images)]))
            trained = fit_defended(
                defence, shown, clean.labels, classes, protocol, options.source, 0, options.device,
                pretrain_on=options.pretrain_on, note=f"{variant}, {name}",
            )  # fmt: skip
            got = reached(trained.victim, few, held_images, (FEW,))
            row = {
                "variant": variant,
                "defence": name,
                "n_train": len(shown),
                "held_out": len(held_images.labels),
                "psnr_to_clean": None if made is None else round(psnr, 2),
                "test_acc": got.plain,
                "standardized_acc": got.standardised,
                "permuted_acc": got.permuted,
                "head_acc": got.heads[FEW],
            }
            row |= trained.about
            row = {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}
            print(row, flush=True)
            run.add(row)


if __name__ == "__main__":
    with refusals_printed():
        main()
