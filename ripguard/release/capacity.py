"""Check before any work that every compressed image fits into its carrier; its size does not depend on the carrier."""

from __future__ import annotations

import numpy as np

from ripguard.bar import Bar
from ripguard.errors import InputRefused
from ripguard.hide.base import DoesNotFit
from ripguard.images.rendering import render
from ripguard.release.plan import Plan
from ripguard.schemes.base import Run


def check_capacity(plan: Plan, run: Run) -> None:
    """Raise :class:`InputRefused` for an image that the scheme cannot hide.

    Only images that may be too large are decoded.
    """
    shards = []
    for shard in plan.shards:
        shape = plan.published_shape(shard[0])
        hider = plan.scheme.hider(shard[0].shape, run)
        if hider is None or hider.always_fits:
            continue
        for own, whole in ((hider, False), (hider.keeping_files(), True)):
            if images := [image for image in shard if image.whole == whole]:
                shards.append((own, shape, images))
    if not shards:
        return
    with Bar(total=sum(len(shard) for *_, shard in shards), stage="measuring", unit="image") as bar:
        for hider, shape, shard in shards:
            part = [image for image in shard if not hider.fits(image, shape)]
            files = [image.read() for image in part]
            if part:
                clean = np.stack([render(data, image.name).image for image, data in zip(part, files)])
                try:
                    hider.check_capacity(clean, shape, files)
                except DoesNotFit as error:
                    raise InputRefused(f"{part[error.number].name}: {error.message}", error.hint) from None
            bar.update(len(shard))
