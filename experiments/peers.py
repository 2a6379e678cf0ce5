"""Measure published poisons, reimplemented and without hiding, as a reference for the defences.

    python experiments/peers.py cifar10 --record peers-cifar10                    # protocol `small`, 20,000 images
    python experiments/peers.py cifar10 --images 50000 --protocol standard --steps 250 --device cuda

A defence that undoes a poison counts only where the poison works. So each poison is trained on without a defence
first, then under the defences that are known to undo it, beside clean images under the same defences. `tap` and clean
images are measured under all defences, so that each defence has a poison on which it works. Adversarial training takes
longest: list the other defences to leave it for later. The null is uniform noise of 8/255, and as large as that
of `balanced` (26 dB) and `strong` (22 dB). `seal` publishes carriers with noise of its own size, which may hide the
weakest poisons; `experiments/grid.py` has those rows. Published accuracies are of a ResNet-18 on 50,000 images. Models
are trained on 8-bit carriers and measured on clean test images. Recorded rows are skipped. Expected: `lsp`, `ar` and
`em-sample` leave the published accuracy.

    python experiments/peers.py cifar10 --only pil dune --keep build/peers --record peers-cifar10
    python experiments/peers.py cifar10 --only clean dune --defences none --remove class-means --keep build/peers

A model that predicts wrong classes may still know the right ones. So each model is also read like those of `undo.py`:
with standardized logits, and with 100 labelled clean images, which give the best permutation of its outputs and a new
linear head; where a poison aims at class y+k, under the right labels, too. Rows of earlier versions lack these
readings; `--reread` trains their models again.

`--remove` trains models on images from which a removal attack, which knows the labels only, took what it could, also
under the defences: `class-patterns` subtracts patches found at the edges of cells, and waves where they are public;
`class-means` corrects the mean color of each class, `class-cells` that of 4×4 cells. Clean images show what they cost.

`dune` is by far the slowest to make. `--keep` saves carriers part by part, and reads them again.

Hardware: two CPU cores, or a GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import hashlib
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from _run import add_pretrain_on, begin, clean_images, parser
from undo import FEW, read_by

from ripguard.benchmark.attacks.removal import REMOVALS, Aid
from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.defended import applicable, fit_defended
from ripguard.benchmark.other_images import pretrained_on, seen_before
from ripguard.benchmark.victims import check
from ripguard.data.image_set import ImageSet
from ripguard.errors import refusals_printed
from ripguard.images.quality import median_looks
from ripguard.methods.params import DataStats, Params
from ripguard.numbers import not_negative, positive
from ripguard.perturb.base import UnperturbedParams
from ripguard.perturb.make import make, params_of
from ripguard.schemes import SCHEMES
from ripguard.store.atomic import write_file
from ripguard.train.loop import Victim
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
    "pil": (12.77, ("grayscale", "jpeg-10", "orthogonal-projection")),  # these two: as their authors report
    "dune": (13.26, ("jpeg-10", "adversarial-training")),
}
QUICK = tuple(name for name, removal in REMOVALS.items() if not removal.cost)  # they train no network
PART = 2_000  # images of a file of --keep


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
    arguments.add_argument(
        "--remove", nargs="*", choices=QUICK, default=[], help="train on what these removal attacks leave, too"
    )
    arguments.add_argument("--no-head", action="store_true", help="fit no new heads, which takes seconds for each row")
    arguments.add_argument("--keep", type=Path, metavar="DIR", help="save carriers there, and read them again")
    arguments.add_argument("--reread", action="store_true", help="train models again whose rows lack readings")
    arguments.add_argument("--protocol", default="small", help=f"one of {', '.join(PROTOCOLS)} (default: small)")
    arguments.add_argument("--seed", type=not_negative, default=0)
    arguments.add_argument("--device", default="cpu")
    options = arguments.parse_args()

    if options.defences is None:
        options.defences = applicable(options.source, options.pretrain_on)
    check((), options.protocol, None, tuple(options.defences), options.source, options.pretrain_on)

    # 1. clean images, and the record so far
    clean, test = clean_images(options.source, options.images)
    protocol = PROTOCOLS[options.protocol]
    run = begin(
        options, "peer", dataset=options.source, protocol=options.protocol, images=len(clean.labels),
        recipe=dataclasses.asdict(protocol),
        setting={"steps": options.steps, "surrogate_epochs": options.surrogate_epochs},
    )  # fmt: skip

    few = clean.part(np.random.default_rng([options.seed, FEW]).permutation(len(clean.labels))[:FEW])

    def recorded(name: str, removal: str | None, defence: str) -> bool:
        about = {"poison": name, "attack": removal, "defence": defence, "seed": options.seed}
        seen = pretrained_on(defence, options.source, options.pretrain_on)
        found = [row for row in run.rows if row.about(**about) and seen_before(row) == seen]
        return any("standardized_acc" in row.metrics or not options.reread for row in found)

    # 2. a victim for each poison, undefended and under what is known to undo it; then on what removal attacks leave
    for name in options.only:
        published, against = PEERS[name]
        known = [one for one in DEFENCES if one in ("none", *against) and one in options.defences]
        wanted = [(removal, one) for removal in (None, *options.remove) for one in known]
        wanted = [(removal, one) for removal, one in wanted if not recorded(name, removal, one)]
        if not wanted:
            continue
        shown, params = carriers(name, clean, options)
        for removal, defence in wanted:
            left = removed(removal, shown, clean, params, options)
            trained = fit_defended(
                DEFENCES[defence], left, clean.labels, len(clean.names), protocol, options.source, options.seed,
                options.device, pretrain_on=options.pretrain_on, note=f"{name}, {defence}",
            )  # fmt: skip
            victim = trained.victim
            row: dict[str, Any] = {"poison": name, "defence": defence, "seed": options.seed, "n_train": len(shown)}
            row |= {"attack": removal} if removal else {}
            how = (getattr(params, "label_shift", 0), not options.no_head)
            first, known_few = (DEFENCES[defence].fitting(one, options.seed + 1) for one in (test, few))
            row |= readings(victim, known_few, first, *how) | {"published": published}
            if DEFENCES[defence].each and not DEFENCES[defence].shrinks:
                inputs, known_few = (DEFENCES[defence].treated(one, options.seed + 1) for one in (test, few))
                found = readings(victim, known_few, inputs, *how)
                row |= {f"{metric}_defended": value for metric, value in found.items()}
            row |= {"test_images": len(test.labels), "model": protocol.model} | trained.about
            if (name != "clean" or removal) and left.shape == clean.images.shape:
                row |= median_looks(left, clean.images)
            print(row, flush=True)
            run.add(row)


def readings(victim: Victim, few: ImageSet, test: ImageSet, off: int, head: bool) -> dict[str, float]:
    """Accuracies as of `undo.py`; the number of clean images is the same in all rows, so it does not identify any."""
    found = read_by(victim, few, test, off, head)
    return {metric: value for metric, value in found.items() if metric != "clean_images"}


def removed(
    removal: str | None, shown: np.ndarray, clean: ImageSet, params: Params | None, options: argparse.Namespace
) -> np.ndarray:
    """What a removal attack leaves of the carriers, also where it does not fit them: uint8, their shape; None: all."""
    if removal is None:
        return shown
    published = dataclasses.replace(clean, images=shown)
    scheme = dataclasses.replace(SCHEMES["seal"], perturb=params or UnperturbedParams())  # hiding does not matter here
    return REMOVALS[removal].remove(published, scheme, options.seed, options.device, Aid(clean))


def carriers(name: str, clean: ImageSet, options: argparse.Namespace) -> tuple[np.ndarray, Params | None]:
    """The images under one perturbation, uint8, as many as the clean ones, and its parameters; None for clean ones."""
    if name == "clean":
        return clean.images, None
    perturb = "noise" if name in NULLS else name
    eps = NULLS.get(name, 8 / 255 if name == "tap" else None)  # the others' sizes are their own, as published
    steps = options.steps if name == "tap" else None  # likewise
    wanted = {"eps": eps, "steps": steps, "surrogate_epochs": options.surrogate_epochs}
    known = params_of(perturb).options()
    params = params_of(perturb, **{k: v for k, v in wanted.items() if k in known and v is not None})
    params = params.resolve(DataStats(clean.images.shape[1], len(clean.names)))
    seeds = np.random.default_rng(2).integers(0, 2**63, len(clean.labels)).astype(np.uint64)
    method = functools.cache(lambda: make(params, clean, options.seed, options.device))
    if options.keep is None:
        return method().in_parts(clean.images, clean.labels, seeds), params
    about = json.dumps([params.to_json(), params.form, clean.digest, options.seed])
    begin_of_name, parts = f"{name}-{hashlib.sha256(about.encode()).hexdigest()[:12]}", []
    options.keep.mkdir(parents=True, exist_ok=True)
    for start in range(0, len(clean.labels), PART):
        path, cut = options.keep / f"{begin_of_name}-{start}.npy", slice(start, start + PART)
        if not path.exists():
            buffer = io.BytesIO()
            np.save(buffer, method().in_parts(clean.images[cut], clean.labels[cut], seeds[cut]))
            write_file(path, buffer.getvalue())
        parts.append(np.load(path))
    return np.concatenate(parts), params


if __name__ == "__main__":
    with refusals_printed():
        main()
