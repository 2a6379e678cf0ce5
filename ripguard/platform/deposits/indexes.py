"""Views of a deposit as a :class:`ripguard.release.manifest.Index`: its container, and the images of one batch.

:class:`PartialIndex` needs neither database nor files. A worker process that decodes untrusted images gets one, with
the rows and the residue of the images that were admitted, and nothing about others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ripguard.damage import first_bytes, last_bytes
from ripguard.errors import Damaged
from ripguard.files import NotRegular, TooLarge
from ripguard.release.manifest import Index
from ripguard.release.record import CONTAINER, MANIFEST, MODEL, RELEASE, RESIDUE, checked_info, checked_rows
from ripguard.store.atomic import storage
from ripguard.store.container import damage, sections
from ripguard.store.rows import Row
from ripguard.store.schema import MOST_INFO, check_row, parsed

FRESH = "deposit the release again"


class StoredParts(Index):
    """A deposit in its container, without its rows: those are in the database.

    Args:
        file: the container.
        name: of the dataset, in messages.

    Attributes:
        sections: the parts by name.
        raw: bytes of ``release.json``.

    Raises:
        NotProtected, Damaged: as :meth:`ripguard.release.manifest.Release.open` for the same bytes.
    """

    def __init__(self, file: Path, name: str) -> None:
        self._name = name
        with storage("cannot read"):
            try:
                self.sections = sections(file)
            except ValueError as error:
                why, hint = damage(first_bytes(file) or b"", last_bytes(file) or b"", error)
                raise Damaged(f"{name}/{CONTAINER} is damaged{f': {why}' if why else ''}", hint) from None
            for part in (RELEASE, MANIFEST):
                if part not in self.sections:
                    raise Damaged(f"{self.where(part)} is missing", FRESH)
            self.raw = self.sections[RELEASE].read(MOST_INFO)
        self.info = checked_info(self.raw, name, self.where(RELEASE))

    @property
    def name(self) -> str:
        return self._name

    def where(self, part: str) -> str:
        return f"{part} in {self.name}/{CONTAINER}"

    def refuse_damaged_parts(self) -> None:
        """Raise :class:`Damaged` with all parts that are missing, or not those that ``release.json`` lists."""
        wanted = {f"{RESIDUE}/{one['file']}": (one["sha256"], one["bytes"]) for one in self.info["residue"]}
        wanted |= {one["name"]: (one["sha256"], one["bytes"]) for one in self.info.get("parts", ())}
        if model := self.info.get("model"):
            wanted[MODEL] = (model["sha256"], model["bytes"])
        bad = []
        with storage("cannot read"):
            for name, (digest, length) in wanted.items():
                section = self.sections.get(name)
                if section is None or section.length != length or section.sha256() != digest:
                    bad.append(name)
        if bad:
            raise Damaged(
                f"the deposit of {self.name} lacks parts, or has changed ones: {', '.join(sorted(bad))}", FRESH
            )

    def _part(self, name: str, at_most: int) -> bytes:
        if name not in self.sections:
            raise FileNotFoundError(name)
        return self.sections[name].read(at_most)

    def _piece(self, name: str, offset: int, length: int, size: int) -> bytes:
        with storage("cannot read"):
            try:
                return self.sections[f"{RESIDUE}/{name}"].piece(offset, length, size)
            except (KeyError, FileNotFoundError, NotRegular, TooLarge):
                return b""


class StoredIndex(StoredParts):
    """A whole deposit: every row is read and checked. Raises :class:`InputRefused`, too, for an image too large."""

    def __init__(self, file: Path, name: str) -> None:
        super().__init__(file, name)
        self.rows = checked_rows(self.sections[MANIFEST], self.info, self.where(MANIFEST), self.where(RELEASE))


class PartialIndex(Index):
    """A deposit as far as one batch of images needs it. Can be pickled.

    Args:
        info: bytes of ``release.json``; the proof in it is checked against the keys by ``opened_by``.
        parts: sealed parts by name: the codec model, and the names of the units.
        name: of the dataset, in messages.

    Raises:
        NotProtected, Damaged: ``info`` is not a ``release.json``.
    """

    def __init__(self, info: bytes, parts: Mapping[str, bytes], name: str) -> None:
        self._name, self._held = name, dict(parts)
        self.info = checked_info(info, name, self.where(RELEASE))
        self.hold([], {})

    def hold(self, rows: Iterable[str], residue: Mapping[tuple[str, int, int], bytes]) -> None:
        """Replace the images of the batch before.

        Args:
            rows: their lines of ``manifest.jsonl``.
            residue: bytes by (file, offset, length).

        Raises:
            Damaged: a line is not a row of this release.
        """
        self._batch: list[Row] = []
        self._residue = dict(residue)
        for line in rows:
            try:
                row = parsed(line.encode())
                check_row(row, len(self.info["units"]), self.version)
            except ValueError:
                raise Damaged(f"a row of {self.name} cannot be read", "put the database back from its backup") from None
            self._batch.append(row)

    @property
    def name(self) -> str:
        return self._name

    def where(self, part: str) -> str:
        return f"{part} in {self.name}/{CONTAINER}"

    def by_path(self, path: str) -> Row | None:
        return next((row for row in self._batch if row["path"] == path), None)

    def by_digest(self, digest: str) -> list[Row]:
        return [row for row in self._batch if row["pixels"] == digest]

    def numbered(self, index: int) -> Row | None:
        return next((row for row in self._batch if row["index"] == index), None)

    def _part(self, name: str, at_most: int) -> bytes:
        if name not in self._held:
            raise FileNotFoundError(name)
        return self._held[name][: at_most + 1]

    def _piece(self, name: str, offset: int, length: int, size: int) -> bytes:
        return self._residue.get((name, offset, length), b"")

    def __getstate__(self) -> dict[str, Any]:
        # what was computed from the fields is computed again, and opened models and names do not travel
        return {name: vars(self)[name] for name in ("_name", "_held", "info", "_batch", "_residue")}


def residue_places(rows: Iterable[Row]) -> list[tuple[str, int, int]]:
    """Where the residue of rows is: (file, offset, length)."""
    places = (row[field] for row in rows for field in ("residue", "bytes") if row.get(field))
    return list(dict.fromkeys((file, offset, length) for file, offset, length in places))
