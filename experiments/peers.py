"""Measure published poisons, reimplemented and without hiding, as a reference for the defences.

    python experiments/peers.py cifar10 --record peers-cifar10                    # protocol `small`, 20,000 images
    python experiments/peers.py cifar10 --images 50000 --protocol standard --steps 250 --device cuda

A defence that undoes a poison counts only where the poison works. So each poison is trained on without a defence
first, then under the defences that are known to undo it, beside clean images under the same defences. `tap` and clean
images are measured under all defences, so that each defence has a poison on which it works. Adversarial training takes
most of an hour: list the other defences to leave it for later. The null is uniform noise of 8/255, and as large as that
of `balanced` (26 dB) and `strong` (22 dB). `seal` publishes carriers with noise of its own size, which may hide the
weakest poisons; `experiments/grid.py` has those rows. Published accuracies are of a ResNet-18 on 50,000 images. Models
are trained on 8-bit carriers and measured on clean test images. Recorded rows are skipped. Expected: `lsp`, `ar` and
`em-sample` leave the published accuracy.

Hardware: two CPU cores, or a GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
from typing import Any

import numpy as np
from _run import add_pretrain_on, begin, parser

from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.defended import applicable, fit_defended
from ripguard.benchmark.victims import check
from ripguard.data.image_set import ImageSet, load
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.images.quality import median_looks
from ripguard.numbers import not_negative, positive
from ripguard.perturb.make import make, params_of
from ripguard.train.loop import accuracy
from ripguard.train.protocols import PROTOCOLS

NULLS = {f"noise-{db}": math.sqrt(3) * 10 ** (-db / 20) for db in (26, 22)}  # uniform noise, a root mean square in dB
PEERS: dict[str, tuple[float | None, tuple[str, ...]]] = {  # what they leave of CIFAR-10 for a ResNet-18 (APBench),
    "clean": (None, tuple(DEFENCES)),  # and what they are tried against
    "noise": (None, ()),
    **dict.fromkeys(NULLS, (None, ())),
    "lsp": (13.06, ("grayscale", "autoaugment", "pretrained", "ueraser-max", "adversarial-training")),
    "ar": (11.74, ("jpeg-10", "blur", "low-pass-1of2", "low-pass-1of4", "pretrained", "pretrained-frozen")),
    "ops": (
        14.69,
        ("orthogonal-projection", "median", "low-pass-1of2", "pretrained-frozen", "cutout", "mixup", "cutmix"),
    ),
    "em": (None, ("grayscale",)),  # class-wise: APBench's is sample-wise
    "em-sample": (20.78, ("grayscale", "ueraser-max")),
    "tap": (6.27, tuple(DEFENCES)),
}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--only", nargs="*", choices=PEERS, default=list(PEERS))
    arguments.add_argument("--defences", nargs="*", choices=DEFENCES, help="at most these (default: all)")
    add_pretrain_on(arguments)
    arguments.add_argument("--images", type=positive, default=20_000, help="training images (default 20,000)")
    arguments.add_argument("--steps", type=positive, default=20, help="of tap (default 20; published: 250)")
    arguments.add_argument(
        "--surrogate-epochs", type=positive, default=10, metavar="E", help="of tap's surrogate (default 10)"
    )
    arguments.add_argument("--protocol", default="small", help=f"one of {', '.join(PROTOCOLS)} (default: small)")
    arguments.add_argument("--seed", type=not_negative, default=0)
    arguments.add_argument("--device", default="cpu")
    options = arguments.parse_args()

    if options.defences is None:
        options.defences = applicable(options.source, options.pretrain_on)
    check((), options.protocol, None, tuple(options.defences), options.source, options.pretrain_on)

    # 1. clean images, and the record so far
    source = open_source(options.source)
    own = dataclasses.replace(source, items=[item for item in source.items if item.split == "train"])
    clean = load(own.limited(options.images).items, note="clean train")  # the images that grid.py protects
    test = load([item for item in source.items if item.split == "test"], note="clean test")
    protocol = PROTOCOLS[options.protocol]
    run = begin(
        options, "peer", dataset=options.source, protocol=options.protocol, images=len(clean.labels),
        recipe=dataclasses.asdict(protocol),
        setting={"steps": options.steps, "surrogate_epochs": options.surrogate_epochs},
    )  # fmt: skip

    # 2. a victim for each poison, undefended and under what is known to undo it
    for name in options.only:
        published, against = PEERS[name]
        wanted = [one for one in DEFENCES if one in ("none", *against) and one in options.defences]
        wanted = [one for one in wanted if not run.has(poison=name, defence=one, seed=options.seed)]
        if not wanted:
            continue
        shown = carriers(name, clean, options)
        quality: dict[str, float] = {}
        if name != "clean":
            quality = median_looks(shown, clean.images)
        for defence in wanted:
            trained = fit_defended(
                DEFENCES[defence], shown, clean.labels, len(clean.names), protocol, options.source, options.seed,
                options.device, pretrain_on=options.pretrain_on, note=f"{name}, {defence}",
            )  # fmt: skip
            victim = trained.victim
            row: dict[str, Any] = {"poison": name, "defence": defence, "seed": options.seed, "n_train": len(shown)}
            shown_test = DEFENCES[defence].fitting(test, options.seed + 1)
            row |= {"test_acc": round(accuracy(victim, shown_test.images, test.labels), 3), "published": published}
            if DEFENCES[defence].each and not DEFENCES[defence].shrinks:
                inputs = DEFENCES[defence].treated(test, options.seed + 1)
                row["test_acc_defended"] = round(accuracy(victim, inputs.images, inputs.labels), 3)
            row |= {"test_images": len(test.labels), "model": protocol.model} | quality | trained.about
            print(row, flush=True)
            run.add(row)


def carriers(name: str, clean: ImageSet, options: argparse.Namespace) -> np.ndarray:
    """The images under one perturbation: uint8, as many as the clean ones."""
    if name == "clean":
        return clean.images
    perturb = "noise" if name in NULLS else name
    eps = NULLS.get(name, 8 / 255 if name == "tap" else None)  # the others' sizes are their own, as published
    wanted = {"eps": eps, "steps": options.steps, "surrogate_epochs": options.surrogate_epochs}
    known = params_of(perturb).options()
    params = params_of(perturb, **{k: v for k, v in wanted.items() if k in known and v is not None})
    seeds = np.random.default_rng(2).integers(0, 2**63, len(clean.labels)).astype(np.uint64)
    return make(params, clean, options.seed, options.device).in_parts(clean.images, clean.labels, seeds)


if __name__ == "__main__":
    with refusals_printed():
        main()
