"""Will every picture find room in its carrier?  Known before any work: a stream owes nothing to the carrier."""

from __future__ import annotations

import math
import os

import numpy as np

from ripguard.errors import InputRefused
from ripguard.hide.base import DoesNotFit
from ripguard.hide.methods import for_hiding
from ripguard.hide.seal.method import Seal
from ripguard.images import read_picture
from ripguard.progress import Bar
from ripguard.release.plan import Plan, Planned, read_unchanged


def check_room(plan: Plan, model: bytes) -> None:
    """Raise :class:`InputRefused` that names a picture which `seal` could not hide, and what to do about it.

    Only pictures whose own file finds no room are coded: all others can be kept as they are.
    """
    if plan.scheme.method != "seal" or plan.scheme.allow_residue:
        return
    method = for_hiding(plan.scheme, plan.pictures[0].shape, plan.lossy, model)
    assert isinstance(method, Seal)
    with Bar(total=len(plan.pictures), stage="measuring", unit="picture") as bar:
        for shard in plan.shards:
            shape = plan.published_shape(shard[0])
            part = [p for p in shard if not _fits_as_file(p, plan, method.room(math.prod(shape)))]
            files = [read_unchanged(p.path, p.name, p.sha256) for p in part]
            if part:
                clean = np.stack([read_picture(data, p.name) for p, data in zip(part, files)])
                try:
                    method.check(clean, shape, files)
                except DoesNotFit as error:
                    raise InputRefused(f"{part[error.number].name}: {error.message}", error.hint) from None
            bar.update(len(shard))


def _fits_as_file(picture: Planned, plan: Plan, room: int) -> bool:
    return "file" in plan.scheme.coders and os.path.exists(picture.path) and os.path.getsize(picture.path) <= room
