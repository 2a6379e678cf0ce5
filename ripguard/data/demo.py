"""``demo``: ten classes of 96×96 images of ten photographs in scikit-image, to look at; needs no download.

Unlike those of :mod:`ripguard.data.photos`, the images are large parts of a photograph, so that people recognize them.
Training and test images come from disjoint regions, which show different parts of the same things. The regions were
chosen by eye, and with the accuracy of models on the test images known: the figures are for demonstrations.

Photographs: Eileen Collins (NASA) and Hubble's deep field (NASA, ESA), public domain; camera (Lav Varshney), cat
(Stéfan van der Walt), coffee (Rachel Michetti), retina (Mikael Häggström) and rocket (SpaceX), CC0; coins (Brooklyn
Museum) and tissue (CMMI), no known restrictions; motorcycle (Middlebury 2014 stereo benchmark).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ripguard.data.folder import folder
from ripguard.data.photos import complete, photograph
from ripguard.data.source import Source, cache_root, made_once
from ripguard.images.encoding import png_bytes

SIDE, TRAIN, TEST = 96, 250, 30
NEAREST = {"train": 0.15, "test": 0.5}  # least side of a part, as a share of the largest that fits into its region

Region = tuple[int, int, int, int]  # left, top, right, bottom


class Photograph(NamedTuple):
    """Name in ``skimage.data``, and the regions of both splits, in pixels. Parts are taken from each in turn."""

    name: str
    train: tuple[Region, ...]
    test: tuple[Region, ...]


PHOTOGRAPHS = {
    "astronaut": Photograph("astronaut", ((0, 0, 512, 268), (0, 372, 512, 512)), ((0, 270, 300, 370),)),
    "camera": Photograph("camera", ((0, 0, 512, 330),), ((0, 340, 512, 512),)),
    "cat": Photograph("chelsea", ((0, 0, 290, 300),), ((295, 0, 451, 300),)),
    "coffee": Photograph("coffee", ((0, 0, 600, 240),), ((0, 250, 600, 400),)),
    "coins": Photograph("coins", ((0, 0, 243, 303),), ((245, 0, 384, 303),)),
    "galaxies": Photograph("hubble_deep_field", ((0, 0, 1000, 600),), ((0, 610, 1000, 872),)),
    "motorcycle": Photograph("stereo_motorcycle", ((0, 0, 500, 500),), ((505, 20, 741, 480),)),
    "retina": Photograph("retina", ((0, 0, 850, 1411),), ((870, 0, 1411, 1411),)),
    "rocket": Photograph("rocket", ((150, 0, 640, 427),), ((0, 0, 140, 427),)),
    "tissue": Photograph("immunohistochemistry", ((0, 0, 512, 330),), ((0, 340, 512, 512),)),
}


def demo() -> Source:
    """2,500 training and 300 test images, written once as PNG into the cache."""
    found = folder(made_once(cache_root() / "demo-1", _write, _whole))
    found.name = "demo"
    return found


def _whole(root: Path) -> bool:
    return complete(root, PHOTOGRAPHS, {"train": TRAIN, "test": TEST})


def _write(root: Path) -> None:
    for number, (label, own) in enumerate(PHOTOGRAPHS.items()):
        whole = photograph(own.name)
        for split, regions, count in (("train", own.train, TRAIN), ("test", own.test, TEST)):
            place = root / split / label
            place.mkdir(parents=True)
            draw = np.random.default_rng([2026, number, split == "test"])
            for index, part in enumerate(parts(whole, regions, count, NEAREST[split], draw)):
                (place / f"{index:04d}.png").write_bytes(png_bytes(part))


def parts(
    whole: np.ndarray, regions: tuple[Region, ...], count: int, nearest: float, draw: np.random.Generator
) -> Iterator[np.ndarray]:
    """``count`` square parts of a photograph, resized to uint8 ``[96, 96, 3]``.

    The first is the largest square in the middle of the first region; the others have random sides and places, and
    every other one, on average, is mirrored.
    """
    for index in range(count):
        left, top, right, bottom = regions[index % len(regions)]
        most = min(right - left, bottom - top)
        if index:
            side = int(draw.integers(int(nearest * most), most + 1))
            x, y = (int(draw.integers(low, high - side + 1)) for low, high in ((left, right), (top, bottom)))
        else:
            side, x, y = most, (left + right - most) // 2, (top + bottom - most) // 2
        part = Image.fromarray(whole[y : y + side, x : x + side]).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        mirrored = bool(index and draw.random() < 0.5)
        yield np.ascontiguousarray(np.asarray(part)[:, ::-1] if mirrored else np.asarray(part))
