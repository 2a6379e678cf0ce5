"""Estimate, before any work, how many bytes the published images will take in each format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ripguard.data.source import Item
from ripguard.errors import RipguardError
from ripguard.images.encoding import ENCODERS
from ripguard.images.formats import built_in
from ripguard.images.rendering import render

SAMPLED = 12  # images that are encoded
SIDE = 256  # pixels: of a larger image only the middle is encoded
GROWN = 1.1  # published files take 1.02 to 1.2 times as much as the clean images in the same format; `carve` takes less


@dataclass(frozen=True)
class Sizes:
    """Bytes of some images.

    Attributes:
        images, samples: of the images that were looked at.
        source: bytes of their files.
        published: format → estimated bytes of their published images; not of a format that this Pillow lacks.
    """

    images: int
    samples: int
    source: int
    published: dict[str, float]

    def scaled(self, share: float) -> dict[str, int]:
        """Format → estimated bytes of ``share`` times as many images."""
        return {name: round(size * share) for name, size in self.published.items()}


def estimate(items: Sequence[Item]) -> Sizes:
    """Encode some of the images. Those that cannot be read are left out."""
    images, samples, source = 0, 0, 0
    encoders = {name: encode for name, encode in ENCODERS.items() if built_in(name.upper())}
    published = dict.fromkeys(encoders, 0.0)
    for item in items[:: max(1, len(items) // SAMPLED)][:SAMPLED]:
        try:
            data = item.read()
            image = render(data, item.name).image
        except (RipguardError, OSError):  # the check lists it
            continue
        top, left = (max(0, side - SIDE) // 2 for side in image.shape[:2])
        middle = np.ascontiguousarray(image[top : top + SIDE, left : left + SIDE])
        for name, encode in encoders.items():
            published[name] += GROWN * len(encode(middle)) / middle.size * image.size
        images, samples, source = images + 1, samples + image.size, source + len(data)
    return Sizes(images, samples, source, published)
