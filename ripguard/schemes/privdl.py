"""``privdl``: the pixels of every image change places, by a key (Perez, Lopez, Arguello, ICASSP 2024).

Nothing is hidden in the image: its pixels are all there. The key of its order is encrypted in the release's residue,
bound to the header and to every sample of the published image, so that a changed image is refused. An image does not
restore without its release.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar, cast

import numpy as np

from ripguard.codecs.bounded import BadStream
from ripguard.crypto.aead import associated_data, image_digest, open_sealed, seal
from ripguard.crypto.backend import TAG, Forged
from ripguard.crypto.keys import ImageKeys
from ripguard.errors import Damaged
from ripguard.hide.base import Clean, Hidden
from ripguard.hide.flags import flag_byte, read_flags
from ripguard.hide.header import SEALED_FLAGS, BadHeader, Header, Tail
from ripguard.methods.fitted import Fitted
from ripguard.methods.params import Params, option
from ripguard.schemes.base import Batch, Run
from ripguard.schemes.one_step import OneStep
from ripguard.schemes.pixel_order import (
    KEY_BYTES,
    LABEL,
    image_order_key,
    pixel_order,
    release_order_key,
    scrambled,
    unscrambled,
)

SHARED, OWN = 0, 1  # whose order it is: that of all images of the release, or of this one
CHANGED = "it, or its residue, was changed after it was published"


@dataclass(frozen=True)
class PrivDLPart(Tail):
    """Header part of scheme ``privdl``: whether the order of the pixels is the release's or the image's own."""

    number: ClassVar[int] = 3
    layout: ClassVar[struct.Struct] = struct.Struct(">B")
    max_planes: ClassVar[int] = 0
    first_version: ClassVar[int] = SEALED_FLAGS

    order: int

    def pack(self, high: int) -> bytes:
        return self.layout.pack(self.order)

    @classmethod
    def unpack(cls, data: bytes) -> tuple[PrivDLPart, int]:
        (order,) = cls.layout.unpack(data)
        if order not in (SHARED, OWN):
            raise BadHeader("header out of bounds")
        return cls(order), 0


@dataclass(frozen=True, kw_only=True)
class PrivDLParams(Params):
    method: ClassVar[str] = "privdl"

    per_image: bool = option(
        False, "every image has an order of its own: known pairs tell nothing of others, no network can be converted"
    )


class PrivDL(OneStep):
    """The pixels of every image change places, by a key; networks can be converted to read them.

    Perez, Lopez, Arguello, ICASSP 2024. One order for all images of a size, or with ``--per-image`` one for each.
    """

    kind, tail = PrivDLParams, PrivDLPart
    leaves_one_color = True
    appearance = (
        "Their pixels have changed places, by a key: people see noise in the colors of the originals. Models can be "
        "trained on them."
    )
    params: PrivDLParams

    def protect(self, batch: Batch, fitted: Fitted, run: Run) -> list[Hidden]:
        """See :meth:`OneStep.protect`. Raises :class:`ValueError` for a shared order without the release's keys."""
        if self.params.per_image:
            own = [image_order_key(keys) for keys in batch.keys]
        elif batch.release is None:
            raise ValueError("privdl: expected the keys of the release, got none")
        else:
            own = [release_order_key(batch.release)] * len(batch.clean)
        orders, part = _orders(own, batch.clean.shape), PrivDLPart(OWN if self.params.per_image else SHARED)
        result = []
        for clean, who, keys, key in zip(batch.clean, batch.who, batch.keys, own):
            image, record = scrambled(clean, orders[key]), flag_byte(False) + key
            header = Header(
                who.key_id, who.dataset_id, who.unit, who.index, 0, False, False, len(record) + TAG, part
            )  # fmt: skip
            result.append(Hidden(image, seal(keys.residue, _bound(header, image), record), header, 0, 0))
        return result

    def sized_as(self, clean: np.ndarray, side: int) -> np.ndarray:
        height, width, channels = clean.shape
        chosen = np.random.default_rng(0).integers(0, height * width, (min(height, side), min(width, side)))
        return clean.reshape(-1, channels)[chosen]  # neighbors come from anywhere in the image

    def run_reveal(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        result: list[Clean] = [Damaged(CHANGED)] * len(images)
        found: dict[int, bytes] = {}
        for i, (image, header, residue, own) in enumerate(zip(images, headers, residues, keys)):
            try:
                record = open_sealed(own.residue, _bound(header, image), residue)
            except Forged:
                continue
            gray, start = read_flags(header, record, image.shape[2])
            if gray or len(record) != start + KEY_BYTES:
                raise BadStream("it holds no key of an order")
            found[i] = record[start:]
        orders = _orders(list(found.values()), images.shape)
        for i, key in found.items():
            result[i] = unscrambled(images[i], orders[key])
        return result


def _orders(keys: list[bytes], shape: tuple[int, ...]) -> dict[bytes, np.ndarray]:
    """The order of each key, made once, for images ``[batch, height, width, channels]``."""
    return {key: pixel_order(key, *shape[1:3]) for key in dict.fromkeys(keys)}


def _bound(header: Header, image: np.ndarray) -> bytes:
    return associated_data(LABEL, header.pack(), image_digest(image))


def is_shared(header: Header) -> bool:
    """Whether an image's order is that of its release; False for images of another scheme."""
    return header.method == PrivDLPart.number and cast(PrivDLPart, header.params).order == SHARED
