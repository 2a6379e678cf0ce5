"""A release as ``release.json`` and ``manifest.jsonl`` describe it: rows, residue, sealed parts, proof and signature.

:class:`Index` checks keys, proof and signature, wherever the bytes come from; :class:`Release` reads a folder.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import unicodedata
from abc import abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ripguard.crypto import signing
from ripguard.crypto.keys import KeyRing, ReleaseProver, release_prover
from ripguard.crypto.unitfile import UnitRing
from ripguard.errors import Damaged, NotProtected, SignatureInvalid, WrongKey
from ripguard.files import NotRegular, TooLarge, walk
from ripguard.release.opened import Sealed
from ripguard.release.parts import Parts, parts_of
from ripguard.release.record import (
    ATTRIBUTES,
    CONTAINER,
    MANIFEST,
    META,
    RELEASE,
    RESIDUE,
    checked_info,
    checked_rows,
    signed_part,
)
from ripguard.store.atomic import storage
from ripguard.store.rows import Row, Rows
from ripguard.store.schema import MOST_INFO, UNITS


class Index(Sealed):
    """The checked metadata of a release; implements :class:`ripguard.release.index.ReleaseIndex`.

    A subclass reads residue and sealed parts.

    Attributes:
        info: content of ``release.json``.
        rows: content of ``manifest.jsonl``, one row per image, sorted by path.
    """

    rows: Rows

    @property
    @abstractmethod
    def name(self) -> str:
        """Name of the release in messages."""

    @abstractmethod
    def _piece(self, name: str, offset: int, length: int, size: int) -> bytes:
        """Part of a residue file of ``size`` bytes; empty if the file is missing or has another size.

        Raises:
            StorageError: the file exists and cannot be read.
        """

    @property
    def key_id(self) -> bytes:
        """8 bytes, identifier of the key that the release was made with."""
        return bytes.fromhex(self.info["key_id"])

    @cached_property
    def shards(self) -> dict[str, int]:
        """Size in bytes of each residue file, by name."""
        return {shard["file"]: shard["bytes"] for shard in self.info["residue"]}

    def by_path(self, path: str) -> Row | None:
        """Row of the image at ``path`` in the release, or None."""
        return self.rows.at(path)

    def by_digest(self, digest: str) -> list[Row]:
        """Rows of all images whose samples have this hex digest."""
        return self.rows.showing(digest)

    def numbered(self, index: int) -> Row | None:
        """Row of the image with this number, or None."""
        return self.rows.numbered(index)

    def opened_by(self, ring: KeyRing) -> ReleaseProver | None:
        """Check a key, the proof and the signature; returns the keys of the whole release.

        Returns None for the keys of single units. The proof is then not checked, and the signature, if there is one,
        may be from anybody: see :class:`ripguard.crypto.keys.ReleaseProver` and
        :func:`ripguard.release.signers.vouched`.

        Raises:
            WrongKey: another key's release, or the keys open no unit of it.
            Damaged: ``release.json`` is not what the owner of the key published.
            SignatureInvalid: the signature does not verify.
        """
        if ring.key_id != self.key_id:
            raise WrongKey(
                f"wrong key: {self.name} was protected with key {self.info['key_id']}, this is key {ring.key_id.hex()}",
                "use the key file whose '# key id' line says so",
            )
        prover = release_prover(ring, self.dataset_id)
        if prover is None:
            if not self.units_of(ring):
                raise WrongKey(f"wrong key: it opens no image of {self.name}", "ask the owner for another")
            if isinstance(ring, UnitRing) and not ring.vouches(signed_part(self.info)):
                raise Damaged(f"{self.where(RELEASE)} is not that of these unit keys", "get a fresh copy")
        elif not hmac.compare_digest(prover.proof(b"release", signed_part(self.info)).hex(), self.info["proof"]):
            raise Damaged(f"{self.where(RELEASE)} was changed after publishing", "get a fresh copy of it")
        self.check_signature()
        return prover

    def units_of(self, ring: KeyRing) -> frozenset[int] | None:
        """Numbers of the units that the keys open; None if they open the whole release."""
        with contextlib.suppress(WrongKey):
            if release_prover(ring, self.dataset_id) is not None:
                return None
        units = range(min(len(self.info["units"]), UNITS))
        return frozenset(unit for unit in units if _opens(ring, self.dataset_id, unit))

    def check_signature(self, wanted: str | None = None) -> str | None:
        """Fingerprint of the signer, None if unsigned.

        Raises:
            SignatureInvalid: the signature does not verify, or another signer, or none, signed instead of ``wanted``.
        """
        signature = self.info.get("signature")
        if signature is None:
            if wanted:
                raise SignatureInvalid(f"{self.name} is unsigned, expected {wanted}", f"get a fresh {RELEASE}")
            return None
        try:
            public, value = bytes.fromhex(signature["public"]), bytes.fromhex(signature["value"])
        except (KeyError, TypeError, ValueError):
            raise SignatureInvalid(f"the signature of {self.name} cannot be read") from None
        signing.check(public, signed_part(self.info), value)
        name = signing.fingerprint(public)
        if wanted and wanted != name:
            raise SignatureInvalid(f"{self.name} is signed by {name}, expected {wanted}")
        return name

    def residue(self, place: list[Any] | None) -> bytes:
        """Bytes at ``[file, offset, length]`` of the residue; empty if the file is missing or has another size.

        Raises:
            StorageError: the file exists and cannot be read.
        """
        if place is None:
            return b""
        name, offset, length = place
        if offset + length > (size := self.shards.get(name, 0)):
            return b""
        return self._piece(name, offset, length, size)


def _opens(ring: KeyRing, dataset_id: bytes, unit: int) -> bool:
    try:
        ring.image_keys(dataset_id, unit, 0)
    except WrongKey:
        return False
    return True


@dataclass(frozen=True)
class Release(Index):
    """A release on disk.

    Attributes:
        root: path of its folder.
        files: where its metadata are.
    """

    root: Path
    info: dict[str, Any]
    rows: Rows
    files: Parts

    @classmethod
    def open(cls, root: Path) -> Release:
        """Read and check ``release.json`` and ``manifest.jsonl``.

        Raises:
            NotProtected: not a release, or of an unknown format.
            Damaged: a file is missing or changed, or a link.
            StorageError: a file cannot be read.
        """
        files = parts_of(root)
        where = files.where(RELEASE)
        with storage("cannot read"):
            try:
                raw = files.section(RELEASE).read(MOST_INFO)
            except (FileNotFoundError, NotADirectoryError):
                if os.path.lexists(root / CONTAINER):
                    raise Damaged(f"{where} is missing", "get a fresh copy of it") from None
                raise NotProtected(f"{root} is not a protected release", f"it has no {files.short(RELEASE)}") from None
        info = checked_info(raw, root, where)
        try:
            manifest = files.section(MANIFEST)
        except FileNotFoundError:
            raise Damaged(f"{files.where(MANIFEST)} is missing", "get a fresh copy of it") from None
        return cls(root, info, checked_rows(manifest, info, files.where(MANIFEST), where), files)

    @property
    def name(self) -> str:
        return str(self.root)

    @cached_property
    def texts(self) -> dict[str, str]:
        """Hex SHA-256 of the annotation files and of the card, by path."""
        texts = [*self.info["annotations"], *([self.info["card"]] if "card" in self.info else [])]
        return {text["path"]: text["sha256"] for text in texts}

    @cached_property
    def composed(self) -> dict[str, str]:
        """Paths of images and texts that are not ASCII, by their composed form (NFC); without those that share one."""
        found: dict[str, str] = {}
        for path in (*(row["path"] for row in self.rows), *self.texts):
            if not path.isascii():
                form = unicodedata.normalize("NFC", path)
                found[form] = "" if form in found else path
        return {form: path for form, path in found.items() if path}

    @cached_property
    def respelled(self) -> dict[str, str]:
        """Path in the release → path on disk, of files whose names have another Unicode form on disk.

        Names that are there in their exact form are never exchanged. Of two other forms, the first in order counts.
        """
        found: dict[str, str] = {}
        for place in sorted(place for place, _ in walk(self.root, []) if not place.isascii()):
            path = self.composed.get(unicodedata.normalize("NFC", place), place)
            if path != place and not self.lists(place) and not os.path.lexists(self.root / path):
                found.setdefault(path, place)
        return found

    def lists(self, place: str) -> bool:
        """Whether an image or a text has this path."""
        return self.rows.number(place) is not None or place in self.texts

    def where(self, part: str) -> str:
        return self.files.where(part)

    def holds_metadata(self, place: str) -> bool:
        """Whether a path below the root belongs to the metadata of the release."""
        return place in (CONTAINER, ATTRIBUTES) if self.version >= 2 else place.startswith(f"{META}/")

    def _part(self, name: str, at_most: int) -> bytes:
        return self.files.section(name).read(at_most)

    def _piece(self, name: str, offset: int, length: int, size: int) -> bytes:
        with storage("cannot read"):
            try:
                return self.files.section(f"{RESIDUE}/{name}").piece(offset, length, size)
            except (FileNotFoundError, NotADirectoryError, NotRegular, TooLarge):
                return b""
