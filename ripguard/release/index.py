"""The interface of a release that restoring uses, and a release in memory.

:class:`ReleaseIndex` is the interface. :class:`ripguard.release.manifest.Release` reads a folder, :class:`MemoryIndex`
takes bytes, for servers and object stores. Both make the checks of :class:`ripguard.release.manifest.Index`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ripguard.crypto.keys import KeyRing, ModelRing, ReleaseProver
from ripguard.damage import SNIFFED
from ripguard.errors import Damaged
from ripguard.files import TooLarge
from ripguard.release.manifest import Index
from ripguard.release.record import (
    CONTAINER,
    MANIFEST,
    META,
    MODEL,
    RELEASE,
    RESIDUE,
    checked_info,
    checked_rows,
)
from ripguard.store.atomic import storage
from ripguard.store.container import damage, slices
from ripguard.store.rows import Row
from ripguard.store.schema import MOST_INFO

Residue = Mapping[str, bytes] | Callable[[str, int, int], bytes]


class ReleaseIndex(Protocol):
    """The interface of a release for restoring. Rows are those of ``manifest.jsonl`` (``docs/reference/format.md``)."""

    @property
    def name(self) -> str:
        """Name of the release in messages."""
        ...

    @property
    def dataset_id(self) -> bytes:
        """8 bytes, identifier of the release."""
        ...

    @property
    def version(self) -> int:
        """Version of the format of the release."""
        ...

    def opened_by(self, ring: KeyRing) -> ReleaseProver | None:
        """Check key, proof and signature; returns the keys of the whole release, None for the keys of single units.

        Raises:
            WrongKey, Damaged, SignatureInvalid: see :meth:`ripguard.release.manifest.Index.opened_by`.
        """
        ...

    def by_path(self, path: str) -> Row | None:
        """Row of the image at ``path`` in the release, or None."""
        ...

    def by_digest(self, digest: str) -> list[Row]:
        """Rows of all images whose samples have this hex digest; several images may be equal."""
        ...

    def numbered(self, index: int) -> Row | None:
        """Row of the image with this number, or None."""
        ...

    def residue(self, place: list[Any] | None) -> bytes:
        """Bytes at ``[file, offset, length]`` of the residue; empty if the file is missing or has another size.

        Raises:
            StorageError: the file exists and cannot be read.
        """
        ...

    def model(self, keys: ModelRing) -> bytes:
        """Bytes of the codec model for small images, empty if the release has none.

        Raises:
            Damaged: it is missing or changed.
        """
        ...

    def source_path(self, row: Row, ring: KeyRing) -> str:
        """Path of the source file of an image; see :meth:`ripguard.release.opened.Sealed.source_path`."""
        ...


class MemoryIndex(Index):
    """A release in memory; does not access the file system.

    Args:
        info: bytes of ``release.json``.
        manifest: bytes of ``manifest.jsonl``; rows are parsed when needed.
        residue: bytes of each residue file by name (``000000.bin``), or a function of name, offset and length that
            returns a part of a file. The function raises :class:`FileNotFoundError` for a missing file and another
            :class:`OSError` for one that cannot be read. With a function, the size of the file is not checked.
        model: bytes of ``model.bin``, None for none.
        name: name of the release in messages.
        parts: bytes of the sealed parts of version 2 by name: ``private``, ``names/0``, ``originals/0`` and so on. None
            for older releases.

    Raises:
        NotProtected, Damaged: as :meth:`ripguard.release.manifest.Release.open` for the same bytes.
    """

    def __init__(
        self,
        info: bytes,
        manifest: bytes,
        residue: Residue | None = None,
        model: bytes | None = None,
        name: str = "the release",
        parts: Mapping[str, bytes] | None = None,
    ) -> None:
        self._name, self._contained = name, parts is not None
        with storage("cannot read"):
            _refuse_large(info, MOST_INFO, self.where(RELEASE))
        self.info = checked_info(info, name, self.where(RELEASE))
        self.rows = checked_rows(manifest, self.info, self.where(MANIFEST), self.where(RELEASE))
        self._residue: Residue = residue if residue is not None else {}
        self._sealed = dict(parts or {}) | ({} if model is None else {MODEL: model})

    @classmethod
    def of_container(cls, data: bytes, name: str = "the release") -> MemoryIndex:
        """A release from the bytes of its ``release.ripguard``.

        Raises:
            NotProtected, Damaged: as :meth:`ripguard.release.manifest.Release.open` for the same bytes.
        """
        try:
            found = slices(data)
        except ValueError as error:
            why, hint = damage(data[:SNIFFED], data[-SNIFFED:], error)
            raise Damaged(f"{name}/{CONTAINER} is damaged{f': {why}' if why else ''}", hint) from None
        for part in (RELEASE, MANIFEST):
            if part not in found:
                raise Damaged(f"{part} in {name}/{CONTAINER} is missing", "get a fresh copy of it")

        def residue(file: str, offset: int, length: int) -> bytes:
            if (part := found.get(f"{RESIDUE}/{file}")) is None:
                raise FileNotFoundError(file)
            return bytes(part[offset : offset + length])

        small = {part: bytes(view) for part, view in found.items() if not part.startswith(f"{RESIDUE}/")}
        return cls(small.pop(RELEASE), small.pop(MANIFEST), residue, small.pop(MODEL, None), name, small)

    @property
    def name(self) -> str:
        return self._name

    def where(self, part: str) -> str:
        return f"{part} in {self.name}/{CONTAINER}" if self._contained else f"{self.name}/{META}/{part}"

    def _part(self, name: str, at_most: int) -> bytes:
        if name not in self._sealed:
            raise FileNotFoundError(name)
        return _refuse_large(self._sealed[name], at_most, self.where(name))

    def _piece(self, name: str, offset: int, length: int, size: int) -> bytes:
        if isinstance(self._residue, Mapping):
            whole = self._residue.get(name, b"")
            return whole[offset : offset + length] if offset + length <= len(whole) <= size else b""
        with storage("cannot read"):
            try:
                piece = self._residue(name, offset, length)
            except FileNotFoundError:
                return b""
        return piece if len(piece) == length else b""


def _refuse_large(data: bytes, at_most: int, where: str) -> bytes:
    if len(data) > at_most:
        raise TooLarge(errno.EFBIG, f"{len(data):,} bytes, more than {at_most:,}", where)
    return data
