"""Open the sealed parts of a release: codec model, names and texts of the source, and how the release was made."""

from __future__ import annotations

import functools
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from ripguard.crypto.aead import Forged, open_sealed
from ripguard.crypto.keys import KeyRing, ModelRing, ReleaseProver
from ripguard.errors import Damaged
from ripguard.release import sealed
from ripguard.release.record import MODEL, MOST_MODEL, NAMES, ORIGINALS, PRIVATE, part_bound, version_of
from ripguard.store.atomic import storage
from ripguard.store.rows import Row

UNITS_AT_HAND = 8  # units whose names are kept: batches follow the paths, so they need few at a time


class Sealed(ABC):
    """The sealed parts of a release. A subclass reads their bytes.

    Attributes:
        info: content of ``release.json``.
    """

    info: dict[str, Any]

    @abstractmethod
    def where(self, part: str) -> str:
        """Name of a part of the metadata in messages."""

    @abstractmethod
    def _part(self, name: str, at_most: int) -> bytes:
        """Bytes of a part. Raises :class:`FileNotFoundError`, :class:`TooLarge` or another :class:`OSError`."""

    @cached_property
    def dataset_id(self) -> bytes:
        """8 bytes, identifier of the release."""
        return bytes.fromhex(self.info["dataset_id"])

    @cached_property
    def version(self) -> int:
        """Version of the format."""
        return version_of(self.info)

    @cached_property
    def parts(self) -> dict[str, int]:
        """Size in bytes of each sealed part, by name; those of version 2 only, without the model."""
        return {part["name"]: part["bytes"] for part in self.info.get("parts", ())}

    @cached_property
    def _models(self) -> dict[bytes, bytes]:
        """The decrypted model, by the subkey that opened it."""
        return {}

    def model(self, keys: ModelRing) -> bytes:
        """Bytes of the codec model for small images, empty if the release has none. Raises :class:`Damaged`."""
        if not self.info.get("model"):
            return b""
        if keys.model not in self._models:
            bound = part_bound(self.version, keys.dataset_id, b"model")
            found = self._found(MODEL, min(self.info["model"]["bytes"], MOST_MODEL))
            try:
                self._models[keys.model] = open_sealed(keys.model, bound, found)
            except Forged:
                raise self._lost(MODEL) from None
        return self._models[keys.model]

    def private(self, keys: ReleaseProver | None) -> dict[str, Any]:
        """``source``, the name of the source, and ``scheme``, how the release was made.

        Empty without the keys of the whole release, where these facts are sealed (version 2).

        Raises:
            Damaged: they are missing or changed.
        """
        if self.version < 2:
            return {name: self.info[name] for name in ("source", "scheme")}
        if keys is None:
            return {}
        bound, key = sealed.private_bound(keys.dataset_id), keys.part(PRIVATE.encode())
        return self._opened(PRIVATE, key, bound, sealed.MOST_PRIVATE, sealed.checked_private)

    def source_path(self, row: Row, ring: KeyRing) -> str:
        """Path of the source file of an image, from its row; the published path if the ring opens no names.

        Raises:
            Damaged: the names are missing or changed.
            WrongKey: the ring does not open the unit of the image.
        """
        if self.version < 2:
            return str(PurePosixPath(row["path"]).with_name(row["name"])) if "name" in row else str(row["path"])
        names_key = getattr(ring, "names_key", None)  # isinstance of a protocol takes as long as all of the rest
        if names_key is None:
            return str(row["path"])
        unit = row["unit"]
        found = self._names(unit, names_key(self.dataset_id, unit)).get(row["index"], row["path"])
        if found.rpartition("/")[0] != row["path"].rpartition("/")[0]:  # no writer moves images
            raise self._lost(f"{NAMES}/{unit}")
        return found

    @cached_property
    def _names(self) -> Any:
        @functools.lru_cache(UNITS_AT_HAND)
        def opened(unit: int, key: bytes) -> dict[int, str]:
            bound = sealed.names_bound(self.dataset_id, unit)
            return self._opened(f"{NAMES}/{unit}", key, bound, sealed.MOST_NAMES, sealed.checked_names)

        return opened

    def damaged_parts(self, rows: Iterable[Row], keys: ReleaseProver) -> list[str]:
        """Names of the sealed parts that the keys of the whole release cannot open, except the model."""
        found = set[str]()
        for row in rows:  # also compares each name with its row
            try:
                self.source_path(row, keys)
            except Damaged:
                found.add(f"{NAMES}/{row['unit']}")
        opening: dict[str, Callable[[], object]] = {PRIVATE: lambda: self.private(keys)}
        for number in range(len(self.info["annotations"])):
            opening[f"{ORIGINALS}/{number}"] = functools.partial(self.original, number, keys)
        for name, opens in opening.items():
            try:
                opens()
            except Damaged:
                found.add(name)
        return sorted(found)

    def original(self, number: int, keys: ReleaseProver) -> bytes | None:
        """The source's bytes of the annotation file of this number, None if they are those that were published.

        Raises:
            Damaged: they are missing or changed.
        """
        if (name := f"{ORIGINALS}/{number}") not in self.parts:
            return None
        bound, key = sealed.original_bound(keys.dataset_id, number), keys.part(ORIGINALS.encode())
        return sealed.open_part(key, bound, self._listed(name), sealed.MOST_ORIGINAL, self.where(name))

    def _opened(self, name: str, key: bytes, bound: bytes, at_most: int, check: Callable[[Any], Any]) -> Any:
        """The checked JSON value of a sealed part. Raises :class:`Damaged`."""
        data = sealed.open_part(key, bound, self._listed(name), at_most, self.where(name))
        try:
            return check(json.loads(data))
        except (ValueError, RecursionError):  # authentic, and not what ripguard writes
            raise self._lost(name) from None

    def _listed(self, name: str) -> bytes:
        if name not in self.parts:
            raise self._lost(name)
        return self._found(name, self.parts[name])

    def _found(self, name: str, at_most: int) -> bytes:
        with storage("cannot read"):
            try:
                return self._part(name, at_most)
            except FileNotFoundError:
                raise self._lost(name) from None

    def _lost(self, name: str) -> Damaged:
        return Damaged(f"{self.where(name)} is missing or damaged", "get a fresh copy of it")
