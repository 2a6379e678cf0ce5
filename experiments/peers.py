"""Published poisons, made anew and not hidden.  Claim: lsp, ar, em-sample leave what is published.

    python experiments/peers.py cifar10 --record peers-cifar10                    # protocol `small`, 20,000 images
    python experiments/peers.py cifar10 --pictures 50000 --protocol standard --steps 250 --device cuda

A poison that does nothing here says nothing when a defence undoes it, so every one is trained on undefended first,
then under the defences that its critics undid it with, beside clean images under the same ones; tap and clean
images under all, so that every defence has a poison to show that it works (adversarial training takes most of an
hour: name the other defences to leave it for later). The null is uniform noise, of 8/255 and as large as `balanced`
(26 dB) and `strong` (22 dB) are. `seal` publishes carriers with noise of its
own size, which may drown the faintest (`experiments/grid.py` has those rows). Published figures are of a ResNet-18 on
50,000 images. Trained on 8-bit carriers, measured on clean test images. What is recorded already is skipped.
Hardware: two CPU cores, or a GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.entry import poison_of
from ripguard.benchmark.record import add_row, environment, go_on_with
from ripguard.benchmark.victims import check
from ripguard.data.image_set import ImageSet, load
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.images.quality import median_looks
from ripguard.numbers import not_negative, positive
from ripguard.perturb.make import make, params_of
from ripguard.train.loop import accuracy, fit
from ripguard.train.protocols import PROTOCOLS

ROOT = Path(__file__).resolve().parents[1]
NULLS = {f"noise-{db}": math.sqrt(3) * 10 ** (-db / 20) for db in (26, 22)}  # uniform noise, a root mean square in dB
PEERS: dict[str, tuple[float | None, tuple[str, ...]]] = {  # what they leave of CIFAR-10 for a ResNet-18 (APBench),
    "clean": (None, tuple(DEFENCES)),  # and what they are tried against
    "noise": (None, ()),
    **dict.fromkeys(NULLS, (None, ())),
    "lsp": (13.06, ("grayscale", "ueraser-max", "adversarial-training")),
    "ar": (11.74, ("jpeg-10", "blur")),
    "ops": (14.69, ("orthogonal-projection", "median", "cutout", "mixup", "cutmix")),
    "em": (None, ("grayscale",)),  # class-wise: APBench's is sample-wise
    "em-sample": (20.78, ("grayscale", "ueraser-max")),
    "tap": (6.27, tuple(DEFENCES)),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="Output: a table, a record."
    )
    parser.add_argument("source")
    parser.add_argument("--only", nargs="*", choices=PEERS, default=list(PEERS))
    parser.add_argument("--defences", nargs="*", choices=DEFENCES, default=list(DEFENCES), help="at most these")
    parser.add_argument("--images", type=positive, default=20_000, help="training images (default 20,000)")
    parser.add_argument("--steps", type=positive, default=20, help="of tap (default 20; published: 250)")
    parser.add_argument(
        "--surrogate-epochs", type=positive, default=10, metavar="E", help="of tap's surrogate (default 10)"
    )
    parser.add_argument("--protocol", default="small", help=f"one of {', '.join(PROTOCOLS)} (default: small)")
    parser.add_argument("--seed", type=not_negative, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--record", metavar="NAME", help="write build/records/<date>_<NAME>/, after every row, and go on"
    )
    options = parser.parse_args()

    check((), options.protocol, None, tuple(options.defences))

    # 1. clean images, and the record so far
    source = open_source(options.source)
    own = dataclasses.replace(source, items=[item for item in source.items if item.split == "train"])
    clean = load(own.limited(options.images).items, note="clean train")  # the images that grid.py protects
    test = load([item for item in source.items if item.split == "test"], note="clean test")
    protocol = PROTOCOLS[options.protocol]
    record: dict[str, Any] = {"name": f"peers {options.source} {options.protocol}"}
    here = environment()
    record |= {"command": "python experiments/peers.py " + shlex.join(sys.argv[1:])} | here
    record |= {"dataset": options.source, "protocol": "peers", "scheme": "none", "pictures": len(clean.labels)}
    record |= {"recipe": dataclasses.asdict(protocol), "steps": options.steps}
    record |= {"surrogate_epochs": options.surrogate_epochs, "rows": []}
    folder = Path()
    if options.record:
        same = ("name", "pictures", "recipe", "steps", "surrogate_epochs")
        folder, record = go_on_with(ROOT / "build" / "records", options.record, record, same)
    known = {(poison_of(row), row["defence"], row["seed"]) for row in record["rows"]}

    # 2. a victim for each poison, undefended and under what is known to undo it
    for name in options.only:
        published, against = PEERS[name]
        wanted = [one for one in DEFENCES if one in ("none", *against) and one in options.defences]
        wanted = [defence for defence in wanted if (name, defence, options.seed) not in known]
        if not wanted:
            continue
        shown = carriers(name, clean, options)
        looks: dict[str, float] = {}
        if name != "clean":
            looks = median_looks(shown, clean.images)
        for defence in wanted:
            victim = fit(
                DEFENCES[defence].prepared(shown, clean.labels, options.seed), clean.labels, len(clean.names), protocol,
                options.seed, options.device, note=f"{name}, {defence}", objective=DEFENCES[defence].objective,
            )  # fmt: skip
            row: dict[str, Any] = {"perturb": name, "defence": defence, "seed": options.seed, "images": len(shown)}
            row |= {"test_accuracy": round(accuracy(victim, test.images, test.labels), 3), "published": published}
            if DEFENCES[defence].each:
                asked = DEFENCES[defence].treated(test, options.seed + 1)
                row["treated_accuracy"] = round(accuracy(victim, asked.images, asked.labels), 3)
            row |= {"test_images": len(test.labels), "model": protocol.model, "commit": here["commit"]} | looks
            print(row, flush=True)
            if options.record:
                add_row(folder, record, row)


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
