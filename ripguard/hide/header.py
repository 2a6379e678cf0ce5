"""The small public header that a protected picture carries in its lowest bits: how to read the rest, and with what key.

Fixed 36 bytes, big-endian; ``docs/format.md`` has the table. Everything in it is authenticated with the payload.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ripguard.hide.mrit.pairing import RULES
from ripguard.hide.mrit.transform import Params

MAGIC, VERSION, MRIT = b"rg", 0, 1
LAYOUT = struct.Struct(">2sBB8s8sHIB3sBBBBH")
LENGTH = LAYOUT.size  # 36 bytes
MAX_PLANES = 4
INLINE, LOSSY = 0x10, 0x20


class BadHeader(ValueError):
    """These bytes are not a canonical header."""


@dataclass(frozen=True)
class Header:
    """Decoded header.

    Attributes:
        key_id, dataset_id: 8 bytes each; name the key and the release.
        unit, index: which subkey.
        planes: low bit-planes that the payload reaches into, 0..4; 0: the record stands wholly in the residue.
        inline: the record carries its own corrections; no residue is needed.
        lossy: the overwritten bits were not kept anywhere.
        length: bytes of the sealed record that follows the header (planes 0: of the sealed record in the residue).
        params: parameters of the transformation.
    """

    key_id: bytes
    dataset_id: bytes
    unit: int
    index: int
    planes: int
    inline: bool
    lossy: bool
    length: int
    params: Params

    def pack(self) -> bytes:
        flags = self.planes | (INLINE if self.inline else 0) | (LOSSY if self.lossy else 0)
        p, code = self.params, next(c for c, (name, _) in RULES.items() if name == self.params.pairing)
        return LAYOUT.pack(
            MAGIC, VERSION, MRIT, self.key_id, self.dataset_id, self.unit, self.index, flags,
            self.length.to_bytes(3, "big"), p.size, p.step, p.overflow, code, p.tile,
        )  # fmt: skip

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Raises :class:`BadHeader` unless ``data`` is exactly what :meth:`pack` writes; bounds are checked first."""
        if len(data) != LENGTH:
            raise BadHeader(f"header: expected {LENGTH} bytes, got {len(data)}")
        magic, version, method, key_id, dataset_id, unit, index, flags, length, *rest = LAYOUT.unpack(data)
        size, step, overflow, code, tile = rest
        planes = flags & 0x0F
        if magic != MAGIC or version != VERSION or method != MRIT:
            raise BadHeader("no header")
        if flags & 0xC0 or planes > MAX_PLANES or code not in RULES:
            raise BadHeader("header out of bounds")
        if (flags & INLINE and flags & LOSSY) or (planes == 0 and flags & INLINE):
            raise BadHeader("header flags contradict each other")
        try:
            params = Params(size, step, overflow, RULES[code][0], tile)
        except ValueError as error:
            raise BadHeader(str(error)) from None
        inline, lossy = bool(flags & INLINE), bool(flags & LOSSY)
        return cls(key_id, dataset_id, unit, index, planes, inline, lossy, int.from_bytes(length, "big"), params)
