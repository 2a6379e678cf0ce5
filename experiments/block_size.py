"""Measure which block sides of mRIT preserve the perturbation, for several image sizes.

    python experiments/block_size.py --record block-size

Input: training images of CIFAR-10 and TinyImageNet where they are installed, and crops of ten photographs at 128 and
256 pixels. Each image size has one surrogate and one carrier for each image; carriers are made by `fsp`. Every block
side and pairing is measured with the Sequence embedded: PSNR to the carrier, bits of the record, and the share of 8-bit
images that the surrogate assigns to the true and to the next class. Expected: 2×2 blocks at 32 and 64 pixels.

Hardware: two CPU cores.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from _run import begin, parser, scheme_named

from ripguard.crypto.keys import Key
from ripguard.data.photos import PHOTOGRAPHS, photograph
from ripguard.data.registry import open_source
from ripguard.data.source import data_root
from ripguard.errors import refusals_printed
from ripguard.hide.base import Identity
from ripguard.hide.mrit.method import MRIT
from ripguard.hide.mrit.transform import Params
from ripguard.images.decoding import read_image
from ripguard.images.quality import likeness
from ripguard.methods.fitted import Fitted
from ripguard.numbers import positive
from ripguard.perturb import surrogate
from ripguard.perturb.fsp import FSP, FSPParams, library

SIZES = (2, 4, 8, 16)
PAIRINGS = ("sd-rank", "sd-classes", "assignment")


def crops(side: int, each: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """``each`` crops of every photograph: uint8 ``[10·each, side, side, 3]``, labels, class names."""
    draw, images = np.random.default_rng(side), []
    for name, _ in PHOTOGRAPHS.values():
        whole = photograph(name)
        height, width = whole.shape[:2]
        for _ in range(each):
            y, x = draw.integers(height - side + 1), draw.integers(width - side + 1)
            images.append(whole[y : y + side, x : x + side])
    return np.stack(images), np.repeat(np.arange(10), each), list(PHOTOGRAPHS)


def dataset(name: str, each: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """``each`` training images of every class of a named dataset, color images only."""
    source, images, labels = open_source(name), [], []
    for number, label in enumerate(source.labels):
        own = [item for item in source.items if item.split == "train" and item.label == label]
        found = [p for p in (read_image(item.read()) for item in own[: each + 50]) if p.shape[2] == 3][:each]
        images += found
        labels += [number] * len(found)
    return np.stack(images), np.array(labels), source.labels


def measure(name: str, data: tuple[np.ndarray, np.ndarray, list[str]], epochs: int, count: int) -> list[dict[str, Any]]:
    """Rows for one image size."""
    images, labels, names = data
    side = min(images.shape[1], 64)
    small = np.stack([_small(p, side) for p in images])
    settings = surrogate.Settings(epochs=epochs, side=side)
    model, _, _ = surrogate.load(surrogate.obtain(small, labels, names, settings, "cpu"))
    chosen = np.random.default_rng(1).permutation(len(images))[:count]
    clean, true = images[chosen], labels[chosen]
    seeds = np.arange(len(clean), dtype=np.uint64)
    targets = FSP.known(Fitted(), library(model, small, labels))
    carrier = FSP(FSPParams(eps=0.07, steps=10), targets, surrogate=model)(clean, true, seeds)

    def agreement(published: np.ndarray) -> dict[str, float]:
        predicted = surrogate.predict(model, published, batch=64).argmax(1)
        hit = (true + 1) % len(names)
        return {
            "keeps": round(float((predicted == true).mean()), 4),
            "next": round(float((predicted == hit).mean()), 4),
        }

    common = {"data": name, "side": images.shape[1], "images": len(clean)}
    rows = [common | {"size": 0, "pairing": "clean"} | agreement(clean)]
    rows.append(common | {"size": 0, "pairing": "carrier alone"} | agreement(carrier))
    key = Key(bytes(32))  # measures sizes only; nothing is published
    ids = [Identity(key.id, bytes(8), 0, i) for i in range(len(clean))]
    keys = [key.dataset(bytes(8)).unit(0).image(i) for i in range(len(clean))]
    for size in SIZES:
        for pairing in PAIRINGS:
            hidden = MRIT(Params(size=size, pairing=pairing)).hide(clean, carrier, ids, keys)
            published = np.stack([one.image for one in hidden])
            psnr = [likeness(a, b)["psnr"] or 0.0 for a, b in zip(published, carrier)]
            record = float(np.mean([one.overwritten for one in hidden]))
            row = {"size": size, "pairing": pairing} | agreement(published)
            row |= {"psnr_to_carrier": round(float(np.median(psnr)), 2), "bpp": round(8 * record / clean[0].size, 3)}
            rows.append(common | row)
            print(rows[-1], file=sys.stderr, flush=True)
    return rows


def _small(image: np.ndarray, side: int) -> np.ndarray:
    from PIL import Image

    if image.shape[0] == side:
        return image
    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BILINEAR))


def main() -> None:
    arguments = parser(__doc__, source=False)
    arguments.add_argument("--count", type=positive, default=200, help="images measured at each size")
    options = arguments.parse_args()
    rows: list[dict[str, Any]] = []
    if data_root():
        rows += measure("cifar10", dataset("cifar10", 2000), 10, options.count)
        rows += measure("tinyimagenet", dataset("tinyimagenet", 480), 12, options.count)
    for side in (128, 256):
        rows += measure(f"photographs {side}", crops(side, 100), 12, options.count if side < 256 else 60)
    run = begin(options, "block-size", dataset="several", scheme=scheme_named("mrit"))
    for row in rows:
        run.add(row)


if __name__ == "__main__":
    with refusals_printed():
        main()
