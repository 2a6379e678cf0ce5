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
from ripguard.schemes.base import Scheme

SAMPLED = 12  # images that are encoded
SIDE = 256  # pixels: of a larger image a part of this side is encoded, as a rule the middle
GROWN = 1.1  # published photographs take 1.02 to 1.2 times as much as clean ones in the same format; `carve` takes less
FLAT = 0.15  # bytes a sample: an image whose PNG is smaller is a drawing or a scan, which may grow many times


@dataclass(frozen=True)
class Sizes:
    """Bytes of some images.

    Attributes:
        images, samples: of the images that were looked at.
        source: bytes of their files.
        published: format → estimated bytes of their published images; not of a format that this Pillow lacks. Empty:
            nothing can be said, because the scheme does not tell, or most samples belong to flat graphics.
    """

    images: int
    samples: int
    source: int
    published: dict[str, float]

    def scaled(self, share: float) -> dict[str, int]:
        """Format → estimated bytes of ``share`` times as many images."""
        return {name: round(size * share) for name, size in self.published.items()}


def estimate(items: Sequence[Item], scheme: Scheme) -> Sizes:
    """Encode some of the images as the scheme would publish them. Those that cannot be read are left out."""
    images, samples, source, unknown = 0, 0, 0, 0
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
        shown, grown = (middle, GROWN) if scheme.near_clean else (scheme.sized_as(image, SIDE), 1.0)
        sizes = dict.fromkeys(encoders, 0) if shown is None else {name: len(encoders[name](shown)) for name in encoders}
        if shown is None or (scheme.near_clean and sizes["png"] < FLAT * shown.size):
            unknown += image.size
        for name, size in sizes.items():
            published[name] += grown * size / middle.size * image.size
        images, samples, source = images + 1, samples + image.size, source + len(data)
    return Sizes(images, samples, source, published if 2 * unknown <= samples else {})
