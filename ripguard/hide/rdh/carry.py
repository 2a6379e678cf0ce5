"""A sealed record inside an image, reversibly: reading it gives back the exact image that it was written into.

The header is in the lowest bits of the first samples, as for every method. The bits that it replaces, and the sealed
record, are embedded into the rest of the image (:mod:`ripguard.hide.rdh.layers`). Anybody can undo the embedding; only
the key opens the record. The record is bound to the header and to all samples of the image that it was written into.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import ClassVar, Self, cast

import numpy as np

from ripguard.codecs.bounded import BadStream
from ripguard.crypto.aead import TAG, Forged, associated_data, image_digest, open_sealed, seal
from ripguard.crypto.keys import ImageKeys
from ripguard.errors import InputRefused
from ripguard.hide.base import Hidden, Identity
from ripguard.hide.header import COMMON, Header, Tail
from ripguard.hide.rdh.expand import STEPS
from ripguard.hide.rdh.layers import MOST, NOTHING, Layer, embed_bits, extract_bits

LARGEST = 1 << 25  # samples; embedding into larger images takes gigabytes, so their records go to the residue
LONGEST = (1 << 24) - 1  # bytes of a sealed record: the header has 24 bits for them
WHERE = struct.Struct(">BBBI")


@dataclass(frozen=True, kw_only=True)
class CarriedTail(Tail):
    """End of a header part: where the record is.

    Attributes:
        layers: layers of embedding, 0 if the image carries nothing; top: what opens the last one.
    """

    first_version: ClassVar[int] = 2
    max_planes: ClassVar[int] = 1

    layers: int = 0
    top: Layer = NOTHING

    def where(self) -> bytes:
        return WHERE.pack(self.layers, self.top.cross, self.top.dot, self.top.bits)

    @staticmethod
    def where_of(data: bytes) -> tuple[int, Layer]:
        """Inverse of :meth:`where`. Raises :class:`ValueError`."""
        layers, cross, dot, bits = WHERE.unpack(data)
        if layers > MOST or max(cross, dot) >= STEPS:
            raise ValueError(f"layers and thresholds out of bounds: {layers}, {cross}, {dot}")
        if layers == 0 and (cross or dot or bits):
            raise ValueError("what opens a layer, without layers")
        return layers, Layer(cross, dot, bits)

    def without(self) -> Self:
        """The part before anything is embedded; the record is bound to it."""
        return replace(self, layers=0, top=NOTHING)


def draft(who: Identity, part: CarriedTail) -> Header:
    """A header without place and length of the record."""
    ids = (who.key_id, who.dataset_id, who.unit, who.index)
    return Header(*ids, planes=0, inline=False, lossy=False, length=0, params=part)


def carried(
    image: np.ndarray, header: Header, plaintext: bytes, purpose: bytes, keys: ImageKeys, layers: int
) -> Hidden | None:
    """The image with its record inside; None if that does not fit.

    Args:
        image: uint8 ``[height, width, channels]``.
        header: as :func:`draft` gives it.
        purpose: of the record, for its associated data.
        layers: most layers of embedding.
    """
    length, head = TAG + len(plaintext), _head(header)
    if not head <= image.size <= LARGEST or length > LONGEST:
        return None
    header = replace(header, planes=1, inline=True, length=length)
    sealed = seal(keys.payload, _bound(header, purpose, image), plaintext)
    low = image.reshape(-1)[:head] & 1
    bits = np.concatenate([low, np.unpackbits(np.frombuffer(sealed, np.uint8))])
    done = embed_bits(_with_low(image, np.zeros(head, np.uint8)), head, bits, layers)
    if done is None:
        return None
    header = replace(header, params=replace(_part(header), layers=done.layers, top=done.top))
    shown = _with_low(done.image, np.unpackbits(np.frombuffer(header.pack(), np.uint8)))
    return Hidden(shown, b"", header, 0, 0)


def beside(image: np.ndarray, header: Header, plaintext: bytes, purpose: bytes, keys: ImageKeys) -> Hidden:
    """The image as it is, with its record in the residue. Arguments as for :func:`carried`.

    Raises:
        InputRefused: the record is too long.
    """
    header = replace(header, length=TAG + len(plaintext))
    if header.length > LONGEST:
        raise InputRefused(
            f"a {image.shape[1]}×{image.shape[0]} image needs a record of {header.length:,} bytes, more than "
            f"{LONGEST:,}",
            "use larger blocks: --block-size 8",
        )
    sealed = seal(keys.residue, _bound(header, purpose, image), plaintext)
    return Hidden(image, sealed, header, header.length, 0)


def opened(
    image: np.ndarray, header: Header, residue: bytes, purpose: bytes, keys: ImageKeys
) -> tuple[np.ndarray, bytes]:
    """Inverse of :func:`carried` and :func:`beside`: the image that the record was written into, and the record.

    Raises:
        Forged: the key is another, or the image or its residue was changed.
    """
    head, part, key = _head(header), _part(header), keys.residue
    sealed = residue
    if bool(header.planes) != bool(part.layers) or len(residue) != (0 if header.planes else header.length):
        raise Forged
    if header.planes:
        if not head <= image.size <= LARGEST or not header.inline:
            raise Forged
        key = keys.payload
        try:
            image, bits = extract_bits(_with_low(image, np.zeros(head, np.uint8)), head, part.layers, part.top)
        except BadStream:
            raise Forged from None
        if len(bits) != head + 8 * header.length:
            raise Forged
        image, sealed = _with_low(image, bits[:head]), np.packbits(bits[head:]).tobytes()
    return image, open_sealed(key, _bound(header, purpose, image), sealed)


def _part(header: Header) -> CarriedTail:
    return cast(CarriedTail, header.params)


def _head(header: Header) -> int:
    """Bits of the header."""
    return 8 * (COMMON.size + header.params.layout.size)


def _bound(header: Header, purpose: bytes, image: np.ndarray) -> bytes:
    """Associated data. What opens the layers is known only after the record is embedded; the image stands for it."""
    return associated_data(purpose, replace(header, params=_part(header).without()).pack(), image_digest(image))


def _with_low(image: np.ndarray, bits: np.ndarray) -> np.ndarray:
    """The image with other lowest bits in its first samples."""
    result = image.copy()
    flat = result.reshape(-1)
    flat[: len(bits)] = flat[: len(bits)] & 0xFE | bits
    return result
