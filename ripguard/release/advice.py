"""Advice on the scheme, from kind and size of the source files. Nothing is changed because of it.

mRIT restores the samples of a JPEG, seal the file itself. Above 384 pixels mRIT moves blocks of 8×8 pixels, which show
on edges and eyes; seal moves none. The marks are the same under both.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ripguard.data.source import Item
from ripguard.errors import RipguardError
from ripguard.hide.mrit.method import block_side
from ripguard.images.decoding import size_of_image
from ripguard.schemes.base import Scheme

MOST = 200  # files whose header is read
SHOWS = 8  # block side in pixels from which moved blocks show
JPEG = (".jpg", ".jpeg")


def advice(items: Sequence[Item], scheme: Scheme, byte_exact: bool = False) -> list[str]:
    """Options that suit these images better than the scheme, each as one sentence with the reason; [] if it suits them.

    Args:
        scheme: as chosen; only schemes that hide with mRIT get advice.
        byte_exact: whether the release keeps the source files whole, whatever the scheme.
    """
    made = scheme.to_json()
    if made.get("hide", {}).get("method") != "mrit" or not items:
        return []
    reasons = []
    jpegs = sum(os.path.splitext(item.name)[1].lower() in JPEG for item in items)
    if 2 * jpegs > len(items) and not byte_exact:
        reasons.append(f"{jpegs:,} of {len(items):,} images are JPEG files, which seal restores byte for byte")
    side = median_side(items)
    block = made["hide"].get("size") or block_side(side, side)
    if side and block >= SHOWS:
        reasons.append(
            f"the median shorter side is {side:,} pixels, where mRIT moves blocks of {block}×{block} pixels, which "
            "show on edges and eyes"
        )
    option = "--scheme seal" if scheme.name == "mrit" else "--hide seal"
    return [f"{option} suits this source better: {'; '.join(reasons)}"] if reasons else []


def median_side(items: Sequence[Item]) -> int:
    """Median of the shorter sides in pixels, from the headers of at most :data:`MOST` files; 0 if none can be read."""
    sides = []
    for item in items[:: -(-len(items) // MOST)]:
        try:
            sides.append(min(size_of_image(item.path or item.read(), item.name)))
        except (RipguardError, OSError):  # the check lists it
            continue
    return int(np.median(sides)) if sides else 0
