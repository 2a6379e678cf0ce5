"""Measure how many low bit planes of a carrier can hold a payload.

    python experiments/planes.py cifar10 --record planes-cifar10
    python experiments/planes.py tinyimagenet --surrogate-epochs 30 --count 200 --record planes-tinyimagenet

Held-out training images are perturbed by `tap`. Then k whole planes, or k planes and one more in the textured half of
the samples, are filled with random bits, which is what sealed bytes look like. Two models classify the 8-bit result:
the owner's surrogate, and one of the same kind with another seed. PSNR and SSIM are measured too. `floor` replaces the
low bits directly; it is the reference for `nearest`. Expected: four planes cost little quality and no effect.

Hardware: two CPU cores.
"""

from __future__ import annotations

import dataclasses
import os
from typing import Any

import numpy as np
from _run import begin, parser, scheme_named

from ripguard.data.image_set import held_out, load
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.hide.base import DoesNotFit
from ripguard.hide.seal import planes
from ripguard.hide.seal.method import HEAD, LENGTH
from ripguard.images.quality import likeness
from ripguard.methods.params import DataStats
from ripguard.numbers import positive
from ripguard.perturb import surrogate
from ripguard.perturb.tap import TAP, TAPParams

AMOUNTS = (1.0, 2.0, 3.0, 3.5, 4.0, 4.5, 5.0, 6.0)  # bits a sample


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=positive, default=600, help="images (default 600)")
    arguments.add_argument("--surrogate-epochs", type=positive, default=10)
    options = arguments.parse_args()

    # 1. two surrogates: one guides the perturbation, both classify
    items = [item for item in open_source(options.source).items if item.split == "train"]
    data = load(items, workers=os.cpu_count() or 1)
    side = data.images.shape[1]
    params = TAPParams().resolve(DataStats(side, len(data.names)))
    settings = surrogate.Settings(
        epochs=options.surrogate_epochs, side=side, coarse=surrogate.COARSE if params.coarse else ()
    )
    rest = data.part(~held_out(len(data.labels)))
    own = surrogate.obtain(rest.images, rest.labels, rest.names, settings, "cpu")
    another = surrogate.obtain(rest.images, rest.labels, rest.names, dataclasses.replace(settings, seed=1), "cpu")
    judges = {"surrogate": surrogate.load(own)[0], "other": surrogate.load(another)[0]}

    # 2. carriers
    held = data.part(held_out(len(data.labels)))
    chosen = np.random.default_rng(7).permutation(len(held.labels))[: options.count]
    clean, true = held.images[chosen], held.labels[chosen]
    carriers = TAP(params, surrogate=judges["surrogate"])(clean, true, np.arange(len(clean), dtype=np.uint64))

    # 3. planes
    run = begin(options, "planes", dataset=options.source, scheme=scheme_named("seal"))
    for what, amount, shown in versions(clean, carriers):
        row: dict[str, Any] = {"what": what, "bits_a_sample": amount, "images": len(clean)}
        for name, others in (("carrier", carriers), ("clean", clean)):
            found = [likeness(a, b) for a, b in zip(shown, others)]
            row[f"psnr_to_{name}"], row[f"ssim_to_{name}"] = (
                round(float(np.median([one[kind] for one in found])), 4)  # type: ignore[type-var]
                for kind in ("psnr", "ssim")
            )
        for name, judge in judges.items():
            predicted = surrogate.predict(judge, shown).argmax(1)
            row[f"{name}_keeps"] = round(100 * float((predicted == true).mean()), 2)
            row[f"{name}_predicts_next"] = round(100 * float((predicted == (true + 1) % len(data.names)).mean()), 2)
        run.add(row)
        print(row, flush=True)


def versions(clean: np.ndarray, carriers: np.ndarray) -> Any:
    """(what, bits a sample, images) of everything that is compared."""
    yield "clean", 0.0, clean
    yield "carrier", 0.0, carriers
    draw = np.random.default_rng(0)
    for amount in AMOUNTS:
        length = int(amount * carriers[0].size) // 8
        shown = np.stack([filled(one, length, draw) for one in carriers])
        yield "nearest", amount, shown
        if amount == int(amount):
            low = (1 << int(amount)) - 1
            noise = draw.integers(0, low + 1, carriers.shape).astype(np.uint8)
            yield "floor", amount, carriers & np.uint8(255 - low) | noise


def filled(carrier: np.ndarray, length: int, draw: np.random.Generator) -> np.ndarray:
    """The carrier with ``length`` random bytes, as ``seal`` would write them."""
    cells = planes.choose(carrier, HEAD, length)
    where = planes.places(carrier.shape, HEAD, length, cells, draw.bytes(32))
    if where is None:
        raise DoesNotFit(f"{length} bytes into {carrier.size} samples")
    return planes.embed(carrier, draw.bytes(LENGTH), draw.bytes(length - LENGTH), where)


if __name__ == "__main__":
    with refusals_printed():
        main()
