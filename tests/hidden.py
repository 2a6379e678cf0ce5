"""Hiding without a release around it: keys, a batch that was hidden, and the headers in it."""

from __future__ import annotations

import numpy as np

from ripguard.crypto.keys import ImageKeys, Key
from ripguard.hide import lsb
from ripguard.hide.base import Hidden, Identity
from ripguard.hide.header import Header
from ripguard.hide.mrit.method import MRIT
from ripguard.hide.mrit.transform import LENGTH, Params

KEY = Key(bytes(range(32)))
DATASET = b"data-set"


def keys_for(count: int, key: Key = KEY, dataset: bytes = DATASET) -> tuple[list[Identity], list[ImageKeys]]:
    """Identities and keys of images 0..count-1 of unit 0."""
    unit = key.dataset(dataset).unit(0)
    return [Identity(key.id, dataset, 0, i) for i in range(count)], [unit.image(i) for i in range(count)]


def protect_batch(
    clean: np.ndarray, carrier: np.ndarray, params: Params | None = None, lossy: bool = False
) -> tuple[list[Hidden], list[ImageKeys], list[Header]]:
    """Hide a batch; headers are read back from the images' own bits where they carry one."""
    ids, keys = keys_for(len(clean))
    hidden = MRIT(params, lossy).hide(clean, carrier, ids, keys)
    return hidden, keys, [header_of(one.image) if one.header.planes else one.header for one in hidden]


def header_of(image: np.ndarray) -> Header:
    """The header in an image's own bits."""
    return Header.unpack(lsb.first(image, LENGTH))
