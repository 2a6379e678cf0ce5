"""The release's model of the small-image codec, fitted to the owner's small images if that saves space."""

from __future__ import annotations

import numpy as np

from ripguard.bar import Bar
from ripguard.codecs.coders import SMALL
from ripguard.hide.base import ImageInfo
from ripguard.images.rendering import render

ENOUGH = 3_000_000  # samples in small images; with fewer, the model is larger than the saving
MOST = 20_000  # most images to fit to
CHEAP = 3.5  # bits per sample; smaller source files are kept as they are
SIDE = 64  # larger images are cropped


def obtain(images: list[ImageInfo], seed: int, steps: int | None = None) -> bytes:
    """The model file for these training images, from the cache or fitted now; empty if it would not save space.

    Args:
        steps: training steps; None: by the number of images.
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
    """The images that the small-image codec takes, of the more frequent number of channels."""
    small = [p for p in images if p.shape[0] * p.shape[1] <= SMALL and min(p.shape[:2]) >= 3]
    gray = [p for p in small if p.shape[2] == 1]
    return gray if 2 * len(gray) > len(small) else [p for p in small if p.shape[2] == 3]


def bits_of_files(images: list[ImageInfo]) -> float:
    """Mean size of the source files in bits per sample."""
    return float(np.mean([8 * p.size / np.prod(p.shape) for p in images]))


def cut(images: list[ImageInfo]) -> np.ndarray:
    """Center crops: uint8 ``[n, side, side, channels]``, with the largest side that fits all images, at most 64."""
    side = min(SIDE, *(min(p.shape[:2]) for p in images))
    result = np.empty((len(images), side, side, images[0].shape[2]), np.uint8)
    for i, p in enumerate(Bar(images, stage="reading for the codec", unit="image")):
        y, x = (p.shape[0] - side) // 2, (p.shape[1] - side) // 2
        result[i] = render(p.read(), p.name).image[y : y + side, x : x + side]
    return result
