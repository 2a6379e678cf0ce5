"""The small public header that a protected image carries in its lowest bits: how to read the rest, and with what key.

30 bytes that all methods share, and a tail that is the method's own, big-endian; ``docs/format.md`` has the table.
Everything in it is authenticated with the payload.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

from ripguard.methods.registries import revealing_class

MAGIC, VERSION = b"rg", 1
COMMON = struct.Struct(">2sBB8s8sHIB3s")
INLINE, LOSSY, GRAY = 0x10, 0x20, 0x40


class BadHeader(ValueError):
    """These bytes are not a canonical header."""


class Tail(ABC):
    """What a method adds to the header; a frozen dataclass in the method's own file.

    Attributes:
        number: of the method, one byte; 1 to 127 are given out here, 128 to 255 are for other packages. Never reused.
        layout: of its bytes.
        max_planes: low bit-planes that a payload may reach into, at most 15.
        first_version: of the format that has the method.
        may_be_lossy: whether the header may say that what was overwritten is not kept.
        gives_file: whether the image brings its source file back, byte for byte.
        needs_model: whether the image cannot be read without its release's model.
        payload_alone: whether an image that carries all comes back whatever becomes of its bits without payload.
    """

    number: ClassVar[int]
    layout: ClassVar[struct.Struct]
    max_planes: ClassVar[int] = 8
    first_version: ClassVar[int] = 1
    may_be_lossy: ClassVar[bool] = False
    payload_alone: ClassVar[bool] = False

    @property
    def gives_file(self) -> bool:
        return False

    @property
    def needs_model(self) -> bool:
        return False

    @abstractmethod
    def pack(self, high: int) -> bytes:
        """Bytes of the layout. ``high``: the length's bits above the lowest 24, which the common part holds."""

    @classmethod
    @abstractmethod
    def unpack(cls, data: bytes) -> tuple[Self, int]:
        """Inverse of :meth:`pack`: the tail, and the high bits. Raises :class:`BadHeader` or :class:`ValueError`."""


@dataclass(frozen=True)
class Header:
    """Decoded header.

    Attributes:
        key_id, dataset_id: 8 bytes each; name the key and the release.
        unit, index: which subkey.
        planes: low bit-planes that the payload reaches into; 0: the record stands wholly in the residue.
        inline: the image carries all that is needed; there is no residue.
        lossy: the overwritten bits were not kept anywhere.
        length: bytes of the sealed record that follows the header (planes 0: of the sealed record in the residue).
        params: the method's own part; its type says which method.
        version: of the format, 0 or 1.
        gray: the clean image has one channel, though the published one has three.
    """

    key_id: bytes
    dataset_id: bytes
    unit: int
    index: int
    planes: int
    inline: bool
    lossy: bool
    length: int
    params: Tail
    version: int = VERSION
    gray: bool = False

    @property
    def method(self) -> int:
        return self.params.number

    @property
    def gives_file(self) -> bool:
        """Whether the image brings its source file back, byte for byte."""
        return self.params.gives_file

    @property
    def needs_model(self) -> bool:
        """Whether the image cannot be read without its release's model."""
        return self.params.needs_model

    @property
    def self_contained(self) -> bool:
        """Whether the image comes back whatever becomes of its bits that carry no payload."""
        return self.params.payload_alone and self.inline

    def pack(self) -> bytes:
        flags = self.planes | (INLINE if self.inline else 0) | (LOSSY if self.lossy else 0) | (GRAY if self.gray else 0)
        common = COMMON.pack(
            MAGIC, self.version, self.params.number, self.key_id, self.dataset_id, self.unit, self.index, flags,
            (self.length & 0xFFFFFF).to_bytes(3, "big"),
        )  # fmt: skip
        return common + self.params.pack(self.length >> 24)

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Raises :class:`BadHeader` unless ``data`` is exactly what :meth:`pack` writes; bounds are checked first."""
        if len(data) < COMMON.size:
            raise BadHeader(f"header: expected at least {COMMON.size} bytes, got {len(data)}")
        magic, version, method, key_id, dataset_id, unit, index, flags, length = COMMON.unpack_from(data)
        planes, tail = flags & 0x0F, _tail_of(method)
        if magic != MAGIC or version > VERSION or tail is None or version < tail.first_version:
            raise BadHeader("no header")
        if len(data) != COMMON.size + tail.layout.size:
            raise BadHeader(f"header: expected {COMMON.size + tail.layout.size} bytes, got {len(data)}")
        inline, lossy, gray = bool(flags & INLINE), bool(flags & LOSSY), bool(flags & GRAY)
        if flags & 0x80 or (gray and version == 0) or planes > tail.max_planes or (lossy and not tail.may_be_lossy):
            raise BadHeader("header out of bounds")
        if (inline and lossy) or (planes == 0 and inline):
            raise BadHeader("header flags contradict each other")
        try:
            params, high = tail.unpack(data[COMMON.size :])
        except BadHeader:
            raise
        except Exception as error:  # a tail may be somebody else's
            raise BadHeader(str(error)) from None
        size = high << 24 | int.from_bytes(length, "big")
        return cls(key_id, dataset_id, unit, index, planes, inline, lossy, size, params, version, gray)


def size_of(start: bytes) -> int:
    """Bytes of the header that begins with ``start`` (at least 4 bytes). Raises :class:`BadHeader`."""
    tail = _tail_of(start[3]) if start[:2] == MAGIC else None
    if tail is None:
        raise BadHeader("no header")
    return COMMON.size + tail.layout.size


def _tail_of(number: int) -> type[Tail] | None:
    """The tail of the method with this number, if anybody has it."""
    found = revealing_class(number)
    return found.tail if found else None
