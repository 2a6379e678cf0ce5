"""Measure choices that the paper leaves open, one at a time.

    python experiments/open_choices.py cifar10 --record open-choices-cifar10
    python experiments/open_choices.py tinyimagenet --protocol paper --surrogate-epochs 30 --count 200
    python experiments/open_choices.py photos --count 200 --surrogate-epochs 4          # a few minutes

Each row changes one option of the scheme `mrit-tap` (rows of `fsp` also take the paper's ten steps), or is a preset.
It perturbs and hides the same held-out training images. Two models then classify the published 8-bit images: the
owner's surrogate, and an independent model that was trained on the other nine tenths of the clean training images under
`--protocol`. The labels that they keep are a proxy; `table1.py` measures what a model learns.

Hardware: two CPU cores.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from _run import ROOT, begin, parser, scheme_named

from ripguard.benchmark.run import Run as Record
from ripguard.crypto.keys import Key
from ripguard.data.image_set import held_out, load
from ripguard.data.registry import open_source, short_name
from ripguard.errors import refusals_printed
from ripguard.hide.base import Identity
from ripguard.images.quality import likeness
from ripguard.methods.fitted import FitContext
from ripguard.methods.params import DataStats
from ripguard.numbers import positive
from ripguard.perturb import surrogate
from ripguard.perturb.base import Perturbation
from ripguard.schemes import SCHEMES
from ripguard.schemes.base import Run
from ripguard.schemes.two_axis import TwoAxis
from ripguard.train.loop import fit
from ripguard.train.protocols import PROTOCOLS


def choices() -> Iterator[tuple[str, str, TwoAxis, dict[str, Any]]]:
    """(what is changed, to what, scheme, what else: attributes of the attack, settings of the surrogate)."""
    base = SCHEMES["mrit-tap"]
    features = base.with_options({"perturb": "fsp", "steps": 10})

    def scheme(**changes: Any) -> TwoAxis:
        return base.with_options(changes)

    yield "preset", "mrit-tap", base, {}
    yield "preset", "mrit", SCHEMES["mrit"], {}
    yield "preset", "paper", SCHEMES["paper"], {}
    yield "perturbation", "fsp, pooled features", features, {}
    yield "perturbation", "fsp, stage3", features.with_options({"layer": "stage3"}), {}
    yield "perturbation", "fsp, random target", features.with_options({"target": "random"}), {}
    yield "aimed at", "the carrier, not what hiding makes of it", base, {"simulate": None}
    yield "views", "none", base, {"views": False}
    yield "target", "random", scheme(target="random"), {}
    for eps in (0.03, 0.05, 0.07, 0.085, 0.1):
        yield "ε", f"{eps}", scheme(eps=eps), {}
    for steps in (5, 10, 40):
        yield "steps", f"{steps}", scheme(steps=steps), {}
    for size in (3, 4):
        yield "block side", f"{size}", scheme(size=size), {}
    for pairing in ("in-place", "sd-rank", "sd-classes", "assignment"):
        yield "pairing", pairing, scheme(pairing=pairing), {}
    yield "tile", "256", scheme(tile=256), {}
    yield "shift step", "4", scheme(step=4), {}
    yield "overflow", "8", scheme(overflow=8), {}
    yield "surrogate epochs", "2", base, {"epochs": 2}
    yield "coarse trunk", "the other way", base, {"coarse": True}


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=positive, default=500, help="held-out images that are perturbed and hidden")
    arguments.add_argument("--surrogate-epochs", type=positive, default=10)
    arguments.add_argument("--protocol", default="fast", help="of the independent model (default: fast)")
    arguments.add_argument(
        "--only", nargs="*", help="some choices, by their first word(s), e.g. preset ε (default: all)"
    )
    arguments.add_argument("--work", type=Path, help="folder of checkpoints (default: build/<source>)")
    options = arguments.parse_args()
    work = options.work or ROOT / "build" / short_name(options.source)

    # 1. the owner's surrogate, and a model that has never met it
    source = open_source(options.source)
    data = load(
        [item for item in source.items if item.split == "train"], workers=os.cpu_count() or 1, note="clean train"
    )
    held = held_out(len(data.labels))
    rest, held_images = data.part(~held), data.part(held)
    classes, side, protocol = len(data.names), data.images.shape[1], PROTOCOLS[options.protocol]
    known = work / "held-out" / f"as-the-protocol-{protocol.epochs}.pt"  # of held_out.py, which reads `paper`
    checkpoint = known if options.protocol == "paper" else work / "held-out" / f"{options.protocol}.pt"
    other = fit(rest.images, rest.labels, classes, protocol, checkpoint=checkpoint, note="independent model")
    stats, run = DataStats(side, classes), Run()
    usual = stats.large  # whether the surrogate has a coarse trunk

    def attack_of(scheme: TwoAxis, epochs: int, coarse: bool | None = None) -> Perturbation:
        if "surrogate_epochs" in scheme.options():
            scheme = scheme.with_options({"surrogate_epochs": epochs})
            scheme = scheme if coarse is None else scheme.with_options({"coarse": coarse})
        scheme = scheme.resolve(stats)
        return scheme.protector(scheme.fit(data, FitContext(tuple(data.names))), run).perturbation

    # 2. the same images for every choice; the surrogate that judges is always the usual one
    chosen = np.random.default_rng(7).permutation(len(held_images.labels))[: options.count]
    clean, true = held_images.images[chosen], held_images.labels[chosen]
    seeds = np.random.default_rng(8).integers(0, 2**63, len(clean)).astype(np.uint64)
    judge = surrogate.from_fitted(attack_of(SCHEMES["mrit-tap"], options.surrogate_epochs).fitted)
    key = Key(bytes(32))  # measures only; nothing is published
    ids = [Identity(key.id, bytes(8), 0, i) for i in range(len(clean))]
    keys = [key.dataset(bytes(8)).unit(0).image(i) for i in range(len(clean))]

    def agreement(images: np.ndarray, name: str) -> dict[str, float]:
        own, others = surrogate.predict(judge, images).argmax(1), other.logits(images).argmax(1)
        return {
            f"{name}_surrogate_keeps": round(100 * float((own == true).mean()), 2),
            f"{name}_other_keeps": round(100 * float((others == true).mean()), 2),
            f"{name}_other_predicts_next": round(100 * float((others == (true + 1) % classes).mean()), 2),
        }

    record = begin(options, "choice", dataset=options.source, scheme=scheme_named("mrit"))
    keep(record, {"choice": "clean", "value": "", "images": len(clean)} | agreement(clean, "published"))
    for what, value, scheme, more in choices():
        if options.only and not any(what.startswith(word) for word in options.only):
            continue
        coarse = not usual if "coarse" in more else None
        attack = attack_of(scheme, more.get("epochs", options.surrogate_epochs), coarse)
        if "simulate" in more:
            attack.context = dataclasses.replace(attack.context, simulate=None)
        if "views" in more:
            attack.views = more["views"]  # type: ignore[attr-defined]
        carrier = attack(clean, true, seeds)
        hidden = scheme.hider(clean.shape[1:], run).hide(clean, carrier, ids, keys)
        published = np.stack([one.image for one in hidden])
        psnr = {
            name: round(float(np.median([likeness(a, b)["psnr"] for a, b in zip(published, images)])), 2)
            for name, images in (("psnr_to_clean", clean), ("psnr_to_carrier", carrier))
        }
        bits = float(np.mean([8 * one.overwritten / clean[0].size for one in hidden]))
        value = ("without" if usual else "with") if what == "coarse trunk" else value
        row: dict[str, Any] = {"choice": what, "value": value, "images": len(clean)}
        row |= (
            agreement(carrier, "carrier") | agreement(published, "published") | psnr | {"bits_a_sample": round(bits, 3)}
        )
        keep(record, row)


def keep(record: Record, row: dict[str, Any]) -> None:
    print(row, flush=True)
    record.add(row)


if __name__ == "__main__":
    with refusals_printed():
        main()
