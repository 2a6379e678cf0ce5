"""Color spaces → sRGB, by the ICC profile of a file (LittleCMS) or by Pillow's formulas.

A profile counts as sRGB if it moves no color of a coarse grid by more than :data:`SAME` levels. A profile that is
damaged, too large, or for another color space than that of the samples is ignored, as viewers do.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

SAME = 2  # levels
MAX_PROFILE = 4 << 20  # bytes
GRID = 9  # levels of each channel
SPACES = {"L": "GRAY", "RGB": "RGB ", "CMYK": "CMYK"}  # Pillow's mode → color space of a profile


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[np.ndarray, bool]:
    """Samples in sRGB.

    Args:
        image: of mode ``L``, ``RGB``, ``CMYK``, ``YCbCr``, ``LAB`` or ``HSV``.
        profile: the file's ICC profile, or None.

    Returns:
        uint8 ``[height, width, 1 or 3]``, and whether the profile moved colors of gray or RGB samples.
    """
    if image.mode == "LAB":
        return np.asarray(ImageCms.applyTransform(image, _lab())), False
    if image.mode not in SPACES:
        image = image.convert("RGB")
    transform = profile_transform(profile, image.mode) if profile and len(profile) <= MAX_PROFILE else None
    if transform is None:
        array = np.asarray(image.convert("RGB") if image.mode == "CMYK" else image)
        return (array if array.ndim == 3 else array[:, :, None]), False
    array = np.asarray(ImageCms.applyTransform(image, transform))
    return (array[:, :, :1] if image.mode == "L" else array), image.mode != "CMYK"


@lru_cache(maxsize=16)
def profile_transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Conversion from a profile to sRGB; None if it changes nothing or cannot be used."""
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if own.profile.xcolor_space != SPACES[mode]:
            return None
        transform = ImageCms.buildTransform(
            own, ImageCms.createProfile("sRGB"), mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )  # fmt: skip
        if mode == "CMYK":
            return transform
        grid = _grid(mode)
        moved = np.asarray(ImageCms.applyTransform(grid, transform)).astype(int)
    except Exception:  # LittleCMS raises errors of several types on damaged profiles
        return None
    return transform if np.abs(moved - np.asarray(grid.convert("RGB"))).max() > SAME else None


def _grid(mode: str) -> Image.Image:
    if mode == "L":
        return Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    levels = np.linspace(0, 255, GRID).round().astype(np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(*[levels] * 3, indexing="ij"), -1).reshape(GRID, -1, 3))


@lru_cache(maxsize=1)
def _lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
