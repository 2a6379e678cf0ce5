"""The small public header that a protected picture carries in its lowest bits: how to read the rest, and with what key.

30 bytes that all methods share and some of the method's own, big-endian; ``docs/format.md`` has the table. Everything
in it is authenticated with the payload.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from ripguard.compress.coders import BY_NUMBER
from ripguard.hide.mrit.pairing import RULES
from ripguard.hide.mrit.transform import Params

MAGIC, VERSION = b"rg", 1
MRIT, SEAL = 1, 2
COMMON = struct.Struct(">2sBB8s8sHIB3s")
OWN = {MRIT: struct.Struct(">BBBBH"), SEAL: struct.Struct(">BBQ")}
LENGTH = COMMON.size + OWN[MRIT].size  # 36 bytes
SEAL_LENGTH = COMMON.size + OWN[SEAL].size  # 40 bytes
MAX_PLANES = {MRIT: 4, SEAL: 8}
INLINE, LOSSY, GREY = 0x10, 0x20, 0x40


class BadHeader(ValueError):
    """These bytes are not a canonical header."""


@dataclass(frozen=True)
class SealPart:
    """What a header of method ``seal`` says: number of the coder, and which cells carry one bit more (64-bit map)."""

    coder: int
    cells: int


@dataclass(frozen=True)
class Header:
    """Decoded header.

    Attributes:
        key_id, dataset_id: 8 bytes each; name the key and the release.
        unit, index: which subkey.
        planes: low bit-planes that the payload reaches into; 0: the record stands wholly in the residue.
        inline: the picture carries all that is needed; there is no residue.
        lossy: the overwritten bits were not kept anywhere.
        length: bytes of the sealed record that follows the header (planes 0: of the sealed record in the residue).
        params: the method's own part; its type says which method.
        version: of the format, 0 or 1.
        grey: the clean picture has one channel, though the published one has three.
    """

    key_id: bytes
    dataset_id: bytes
    unit: int
    index: int
    planes: int
    inline: bool
    lossy: bool
    length: int
    params: Params | SealPart
    version: int = VERSION
    grey: bool = False

    @property
    def method(self) -> int:
        return SEAL if isinstance(self.params, SealPart) else MRIT

    @property
    def gives_file(self) -> bool:
        """Whether the picture brings its source file back, byte for byte."""
        return isinstance(self.params, SealPart) and BY_NUMBER[self.params.coder].gives_file

    @property
    def needs_model(self) -> bool:
        """Whether the picture cannot be read without its release's model."""
        return isinstance(self.params, SealPart) and BY_NUMBER[self.params.coder].needs_model

    @property
    def self_contained(self) -> bool:
        """Whether the picture comes back whatever becomes of its bits that carry no payload."""
        return self.method == SEAL and self.inline

    def pack(self) -> bytes:
        flags = self.planes | (INLINE if self.inline else 0) | (LOSSY if self.lossy else 0) | (GREY if self.grey else 0)
        if isinstance(self.params, SealPart):
            own: tuple[int, ...] = (self.params.coder, self.length >> 24, self.params.cells)
        else:
            p, code = self.params, next(c for c, (name, _) in RULES.items() if name == self.params.pairing)
            own = (p.size, p.step, p.overflow, code, p.tile)
        common = COMMON.pack(
            MAGIC, self.version, self.method, self.key_id, self.dataset_id, self.unit, self.index, flags,
            (self.length & 0xFFFFFF).to_bytes(3, "big"),
        )  # fmt: skip
        return common + OWN[self.method].pack(*own)

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Raises :class:`BadHeader` unless ``data`` is exactly what :meth:`pack` writes; bounds are checked first."""
        if len(data) < COMMON.size:
            raise BadHeader(f"header: expected at least {COMMON.size} bytes, got {len(data)}")
        magic, version, method, key_id, dataset_id, unit, index, flags, length = COMMON.unpack_from(data)
        planes = flags & 0x0F
        if magic != MAGIC or version > VERSION or method not in OWN or (version == 0 and method != MRIT):
            raise BadHeader("no header")
        if len(data) != COMMON.size + OWN[method].size:
            raise BadHeader(f"header: expected {COMMON.size + OWN[method].size} bytes, got {len(data)}")
        if flags & 0x80 or (flags & GREY and version == 0) or planes > MAX_PLANES[method]:
            raise BadHeader("header out of bounds")
        if (flags & INLINE and flags & LOSSY) or (planes == 0 and flags & INLINE):
            raise BadHeader("header flags contradict each other")
        own, high = list(OWN[method].unpack_from(data, COMMON.size)), 0
        if method == SEAL:
            high = own.pop(1)
        params = _seal_part(flags, *own) if method == SEAL else _mrit_params(*own)
        inline, lossy = bool(flags & INLINE), bool(flags & LOSSY)
        size = high << 24 | int.from_bytes(length, "big")
        return cls(key_id, dataset_id, unit, index, planes, inline, lossy, size, params, version, bool(flags & GREY))


def size_of(start: bytes) -> int:
    """Bytes of the header that begins with ``start`` (at least 4 bytes). Raises :class:`BadHeader`."""
    if start[:2] != MAGIC or start[3] not in OWN:
        raise BadHeader("no header")
    return COMMON.size + OWN[start[3]].size


def _mrit_params(size: int, step: int, overflow: int, code: int, tile: int) -> Params:
    if code not in RULES:
        raise BadHeader("header out of bounds")
    try:
        return Params(size, step, overflow, RULES[code][0], tile)
    except ValueError as error:
        raise BadHeader(str(error)) from None


def _seal_part(flags: int, coder: int, cells: int) -> SealPart:
    if coder not in BY_NUMBER or flags & LOSSY:
        raise BadHeader("header out of bounds")
    return SealPart(coder, cells)
