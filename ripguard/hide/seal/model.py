"""The release's model of the small-image coder: fitted to the owner's own small images, where that pays."""

from __future__ import annotations

import numpy as np

from ripguard.codecs.coders import SMALL
from ripguard.hide.base import ImageInfo
from ripguard.images.decoding import read_image
from ripguard.progress import Bar

ENOUGH = 3_000_000  # samples in small images, below which a model costs more than it saves
MOST = 20_000  # images to fit to
CHEAP = 3.5  # bits a sample: source files smaller than this are better kept as they are
SIDE = 64  # larger images are cropped


def obtain(images: list[ImageInfo], seed: int, steps: int | None = None) -> bytes:
    """The model file for these training images, from the cache or fitted now; empty where it would not pay.

    Args:
        steps: of the fit; None: by the number of images.
    """
    chosen = small_images(images)
    if sum(np.prod(p.shape) for p in chosen) < ENOUGH or bits_of_files(chosen[:: 1 + len(chosen) // 500]) < CHEAP:
        return b""
    from ripguard.codecs.interlaced import fit

    crops = cut(chosen[:: 1 + len(chosen) // MOST])
    settings = fit.Settings(seed=seed)
    usual = int(np.clip(3 * crops.size // settings.samples, 500, settings.steps))
    return fit.obtain(crops, fit.Settings(seed=seed, steps=steps or usual))


def small_images(images: list[ImageInfo]) -> list[ImageInfo]:
    """Those that the small-image coder takes, of the more usual number of channels."""
    small = [p for p in images if p.shape[0] * p.shape[1] <= SMALL and min(p.shape[:2]) >= 3]
    gray = [p for p in small if p.shape[2] == 1]
    return gray if 2 * len(gray) > len(small) else [p for p in small if p.shape[2] == 3]


def bits_of_files(images: list[ImageInfo]) -> float:
    """Mean size of the source files in bits a sample."""
    return float(np.mean([8 * p.size / np.prod(p.shape) for p in images]))


def cut(images: list[ImageInfo]) -> np.ndarray:
    """The middle of each image: uint8 ``[n, side, side, channels]``, the largest side that all have, at most 64."""
    side = min(SIDE, *(min(p.shape[:2]) for p in images))
    result = np.empty((len(images), side, side, images[0].shape[2]), np.uint8)
    for i, p in enumerate(Bar(images, stage="reading for the coder", unit="image")):
        y, x = (p.shape[0] - side) // 2, (p.shape[1] - side) // 2
        result[i] = read_image(p.read(), p.name)[y : y + side, x : x + side]
    return result
