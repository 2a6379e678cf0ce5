"""The public header in the lowest bits of a protected image: method, parameters, and identifiers of the key.

30 bytes are common to all methods; a method-specific tail follows. Integers are big-endian.
``docs/reference/format.md`` has the table. The whole header is authenticated with the payload.
"""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Self

from ripguard.methods.registries import revealing_class

MAGIC, VERSION = b"rg", 2
GRAY_SHOWN = 1  # the only version whose header has the flag `gray`
SEALED_FLAGS = 2  # first version with flags in the sealed record
COMMON = struct.Struct(">2sBB8s8sHIB3s")
INLINE, LOSSY, GRAY = 0x10, 0x20, 0x40


class BadHeader(ValueError):
    """The bytes are not a canonical header."""


class Tail(ABC):
    """The method-specific part of the header; a frozen dataclass in the method's own file.

    Attributes:
        number: of the method, one byte. 1 to 127 are assigned here, 128 to 255 are for other packages. Never reused.
        layout: struct format of its bytes.
        max_planes: most low bit-planes of a payload, at most 15.
        first_version: first format version with this method.
        may_be_lossy: whether the flag ``lossy`` is allowed.
        gives_file: whether the image restores to its source file, byte for byte.
        needs_model: whether restoring needs the release's codec model.
        payload_alone: whether an image without residue restores even if bits outside the payload change.
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
        """Bytes of the layout. ``high``: bits 24 and up of the length; the common part has the lower ones."""

    @classmethod
    @abstractmethod
    def unpack(cls, data: bytes) -> tuple[Self, int]:
        """Inverse of :meth:`pack`: the tail, and ``high``. Raises :class:`BadHeader` or :class:`ValueError`."""


@dataclass(frozen=True)
class Header:
    """Decoded header.

    Attributes:
        key_id, dataset_id: 8 bytes each, identifiers of the owner's key and of the release.
        unit, index: numbers that select the image's subkey.
        planes: low bit-planes that the payload uses; 0: the whole record is in the residue.
        inline: the image needs no residue.
        lossy: the overwritten bits were not kept.
        length: bytes of the encrypted record that follows the header (planes 0: of the one in the residue).
        params: the method-specific part; its type identifies the method.
        version: format version, 0 to 2.
        gray: the clean image has one channel, though the published one has three. Version 1 only: version 0 has no
            such images, and from version 2 on the sealed record has this flag (:mod:`ripguard.hide.flags`).
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
        """Whether the image restores to its source file, byte for byte."""
        return self.params.gives_file

    @property
    def needs_model(self) -> bool:
        """Whether restoring needs the release's codec model."""
        return self.params.needs_model

    @property
    def self_contained(self) -> bool:
        """Whether the image restores even if bits outside the payload change."""
        return self.params.payload_alone and self.inline

    def pack(self) -> bytes:
        """The bytes of the header. Raises :class:`ValueError` for ``gray`` in another version than 1."""
        if self.gray and self.version != GRAY_SHOWN:
            raise ValueError(f"gray: a header of version {self.version} does not show it")
        flags = self.planes | (INLINE if self.inline else 0) | (LOSSY if self.lossy else 0) | (GRAY if self.gray else 0)
        common = COMMON.pack(
            MAGIC, self.version, self.params.number, self.key_id, self.dataset_id, self.unit, self.index, flags,
            (self.length & 0xFFFFFF).to_bytes(3, "big"),
        )  # fmt: skip
        return common + self.params.pack(self.length >> 24)

    @classmethod
    def unpack(cls, data: bytes) -> Header:
        """Inverse of :meth:`pack`. Raises :class:`BadHeader` for anything that :meth:`pack` does not write."""
        if len(data) < COMMON.size:
            raise BadHeader(f"header: expected at least {COMMON.size} bytes, got {len(data)}")
        magic, version, method, key_id, dataset_id, unit, index, flags, length = COMMON.unpack_from(data)
        planes, tail = flags & 0x0F, _tail_of(method)
        if magic != MAGIC or version > VERSION or tail is None or version < tail.first_version:
            raise BadHeader("no header")
        if len(data) != COMMON.size + tail.layout.size:
            raise BadHeader(f"header: expected {COMMON.size + tail.layout.size} bytes, got {len(data)}")
        inline, lossy, gray = bool(flags & INLINE), bool(flags & LOSSY), bool(flags & GRAY)
        if flags & 0x80 or (gray and version != GRAY_SHOWN):
            raise BadHeader("header flags out of bounds")
        if planes > tail.max_planes or (lossy and not tail.may_be_lossy):
            raise BadHeader("header out of bounds")
        if (inline and lossy) or (planes == 0 and inline):
            raise BadHeader("header flags contradict each other")
        try:
            params, high = tail.unpack(data[COMMON.size :])
        except BadHeader:
            raise
        except Exception as error:  # a tail may be code of another package
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
    """The tail of the method with this number; None if it is not installed."""
    found = revealing_class(number)
    return found.tail if found else None
