"""Will every picture find room in its carrier?  Known before any work: a stream owes nothing to the carrier."""

from __future__ import annotations

import math
import os

import numpy as np
from tqdm.auto import tqdm

from ripguard.errors import InputRefused
from ripguard.hide.base import DoesNotFit
from ripguard.hide.methods import for_hiding
from ripguard.hide.seal.method import Seal
from ripguard.images import read_picture
from ripguard.release.plan import Plan, Planned, read_unchanged

BATCH = 1 << 20  # samples that are coded at once


def check_room(plan: Plan, model: bytes) -> None:
    """Raise :class:`InputRefused` that names a picture which `seal` could not hide, and what to do about it.

    Only pictures whose own file finds no room are coded: all others can be kept as they are.
    """
    if plan.scheme.method != "seal" or plan.scheme.allow_residue:
        return
    method = for_hiding(plan.scheme, plan.pictures[0].shape, plan.lossy, model)
    assert isinstance(method, Seal)
    groups: dict[tuple[int, int, int], list[Planned]] = {}
    for picture in plan.pictures:
        as_file = "file" in plan.scheme.coders and os.path.exists(picture.path)
        if not as_file or os.path.getsize(picture.path) > method.room(math.prod(published_shape(plan, picture))):
            groups.setdefault(picture.shape, []).append(picture)
    with tqdm(total=sum(map(len, groups.values())), desc="measuring", unit="picture", disable=None) as bar:
        for shape, group in groups.items():
            size = max(1, BATCH // math.prod(shape))
            for part in (group[i : i + size] for i in range(0, len(group), size)):
                files = [read_unchanged(p.path, p.name, p.sha256) for p in part]
                clean = np.stack([read_picture(data, p.name) for p, data in zip(part, files)])
                try:
                    method.check(clean, published_shape(plan, part[0]), files)
                except DoesNotFit as error:
                    raise InputRefused(f"{part[error.number].name}: {error}", error.hint) from None
                bar.update(len(part))


def published_shape(plan: Plan, picture: Planned) -> tuple[int, int, int]:
    """Height, width and channels that a picture is published with."""
    height, width, channels = picture.shape
    return height, width, 3 if plan.tinted else channels
