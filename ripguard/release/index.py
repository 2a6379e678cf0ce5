"""What restoring asks of a release besides its images, and a release whose files are anywhere but in a folder.

:class:`ReleaseIndex` is the question; :class:`ripguard.release.manifest.Release` answers it from a folder and
:class:`MemoryIndex` from bytes, as a server has them, or a worker that reads from an object store. Both make the same
checks, which stand in :class:`ripguard.release.manifest.Index`.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from ripguard.crypto.keys import KeyRing, ReleaseProver
from ripguard.files import TooLarge
from ripguard.release.manifest import Index
from ripguard.release.record import MANIFEST, META, MODEL, RELEASE, checked_info, checked_rows
from ripguard.store.atomic import storage
from ripguard.store.rows import Row
from ripguard.store.schema import MOST_INFO

Residue = Mapping[str, bytes] | Callable[[str, int, int], bytes]


class ReleaseIndex(Protocol):
    """What restoring asks of a release. Its rows are those of ``manifest.jsonl`` (``docs/reference/format.md``)."""

    @property
    def name(self) -> str:
        """How messages call the release."""
        ...

    @property
    def dataset_id(self) -> bytes:
        """8 bytes that name the release."""
        ...

    def opened_by(self, ring: KeyRing) -> ReleaseProver | None:
        """What opens all of the release, once the proof that only this can check, and its signature, were found right;
        None for a ring of single units.

        Raises:
            WrongKey, Damaged, SignatureInvalid: see :meth:`ripguard.release.manifest.Index.opened_by`.
        """
        ...

    def by_path(self, path: str) -> Row | None:
        """The row of the image that stands at ``path`` in the release."""
        ...

    def by_digest(self, digest: str) -> list[Row]:
        """The rows of all images whose samples have this hex digest: several may look the same."""
        ...

    def numbered(self, index: int) -> Row | None:
        """The row of the image with this number."""
        ...

    def residue(self, place: list[Any] | None) -> bytes:
        """Bytes at ``[file, offset, length]`` of the residue; empty where that file is missing or not what it was.

        Raises:
            StorageError: it is there and cannot be read now.
        """
        ...

    def model(self, keys: ReleaseProver) -> bytes:
        """The model of the small-image coder, empty if the release has none.

        Raises:
            Damaged: it is missing or not what it was.
        """
        ...


class MemoryIndex(Index):
    """A release whose files are given as bytes; no file system is touched.

    Args:
        info: the bytes of ``release.json``.
        manifest: those of ``manifest.jsonl``, which are kept; rows are parsed when they are asked for.
        residue: the bytes of each residue file by its name (``000000.bin``); or what reads a part of one: it is called
            with name, offset and length, and raises :class:`FileNotFoundError` where there is no such file, another
            :class:`OSError` where it cannot be read now. That a file is longer than it was is not seen then.
        model: the bytes of ``model.bin``; None for none.
        name: how messages call the release.

    Raises:
        NotProtected, Damaged: as :meth:`ripguard.release.manifest.Release.open` does for the same bytes.
    """

    def __init__(
        self,
        info: bytes,
        manifest: bytes,
        residue: Residue | None = None,
        model: bytes | None = None,
        name: str = "the release",
    ) -> None:
        self._name = name
        with storage("cannot read"):
            _refuse_large(info, MOST_INFO, self.where(RELEASE))
        self.info = checked_info(info, name, self.where(RELEASE))
        self.rows = checked_rows(manifest, self.info, self.where(MANIFEST), self.where(RELEASE))
        self._residue: Residue = residue if residue is not None else {}
        self._model = model

    @property
    def name(self) -> str:
        return self._name

    def where(self, *parts: str) -> str:
        return "/".join((self.name, META, *parts))

    def _sealed_model(self, at_most: int) -> bytes:
        if self._model is None:
            raise FileNotFoundError
        return _refuse_large(self._model, at_most, self.where(MODEL))

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
