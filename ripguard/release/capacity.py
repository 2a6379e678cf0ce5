"""Check before any work that every compressed image fits into its carrier; its size does not depend on the carrier."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ripguard.bar import Bar
from ripguard.errors import InputRefused, some
from ripguard.hide.base import DoesNotFit, Hiding
from ripguard.images.rendering import render
from ripguard.release.plan import Plan
from ripguard.schemes.base import Run


def check_capacity(plan: Plan, run: Run) -> None:
    """Raise one :class:`InputRefused` for all images that the scheme cannot hide.

    Only images that may be too large are decoded.
    """
    shards = []
    for shard in plan.shards:
        shape = plan.published_shape(shard[0])
        hider = plan.scheme.hider(shard[0].shape, run)
        if hider is None or hider.always_fits:
            continue
        for own, whole in ((hider, False), (hider.keeping_files(), True)):
            images = [image for image in shard if image.whole == whole]
            if images and not own.always_fits:
                shards.append((own, shape, images))
    if not shards:
        return
    first, others = None, list[str]()
    with Bar(total=sum(len(shard) for *_, shard in shards), stage="measuring", unit="image") as bar:
        for hider, shape, shard in shards:
            part = [image for image in shard if not hider.fits(image, shape)]
            files = [image.read() for image in part]
            if part:
                clean = np.stack([render(data, image.name).image for image, data in zip(part, files)])
                for number, error in _unfit(hider, clean, shape, files):
                    if first is None:
                        first = InputRefused(f"{part[number].name}: {error.message}", error.hint)
                    else:
                        others.append(part[number].name)
            bar.update(len(shard))
    if first is not None:
        more = f"; {len(others):,} more do not fit: {some(others)}" if others else ""
        raise InputRefused(first.message + more, first.hint)


def _unfit(
    hider: Hiding, clean: np.ndarray, shape: tuple[int, ...], files: list[bytes]
) -> Iterator[tuple[int, DoesNotFit]]:
    """Number and error of each image that does not fit."""
    start = 0
    while start < len(clean):
        try:
            hider.check_capacity(clean[start:], shape, files[start:])
            return
        except DoesNotFit as error:
            yield start + error.number, error
            start += error.number + 1
