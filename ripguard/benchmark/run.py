"""A run of an experiment: what is recorded already about the same, and where new measurements go."""

from __future__ import annotations

import dataclasses
import json
import string
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ripguard.benchmark import records
from ripguard.benchmark.record import environment
from ripguard.benchmark.records import FOLDERS, Measurement
from ripguard.benchmark.rows import OF_ROW, measurement
from ripguard.errors import UsageError
from ripguard.train.protocols import Protocol

WHERE = ("command", "date", "commit", "hardware", "versions")


def same_recipe(one: dict[str, Any] | None, other: dict[str, Any] | None) -> bool:
    """Whether two protocols are the same, in other words, or with newer settings that an older one lacks."""
    if not one or not other:
        return not one and not other
    return Protocol(**(one | {"source": ""})) == Protocol(**(other | {"source": ""}))


class Run:
    """Measurements of one experiment, of one release under one protocol.

    The record is a file: rows are added to it where it has measurements of the same kind, dataset, scheme, release and
    protocol; a recorded measurement need not be made again.

    Attributes:
        place: its file, below ``results``.
        rows: all measurements of the run, the new ones last.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        results: Path | None,
        command: str,
        *,
        images: int | None = None,
        release: dict[str, Any] | None = None,
        recipe: dict[str, Any] | None = None,
        setting: dict[str, Any] | None = None,
        **common: Any,
    ) -> None:
        """
        Args:
            name: of the record's file.
            results: the folder of records; None: nothing is written.
            command: as a user types it.
            images: number of training images of all rows.
            release: ``{"dataset_id": …, "root": …}`` of the release that the measurements are about.
            recipe: the protocol in full; setting: of all rows; common: fields of all of them, such as ``dataset``.
        """
        self.kind, self.name, self.results = kind, name, results
        self.images, self.setting, self.common = images, setting or {}, common
        self.place = f"{FOLDERS[kind]}/{name}.jsonl"
        self.base: dict[str, Any] = {"command": command} | environment()
        self.base |= {"release": release} if release else {}
        self.base |= {"recipe": json.loads(json.dumps(recipe))} if recipe else {}
        self.rows = [row for row in self._there() if self._same(row)]
        self.origin = self.rows[-1].provenance["run"] if self.rows else None  # run that later ones are parts of
        self.waiting: list[Measurement] = []  # of other releases: written with the first row of this one

    @property
    def path(self) -> Path:
        return (self.results or Path()) / self.place

    def _there(self) -> list[Measurement]:
        if self.results is None or not self.path.exists():
            return []
        return records.read_file(self.path, self.results, records.read_runs(self.results))

    def _same(self, row: Measurement) -> bool:
        known, own = row.provenance, row.kind == self.kind
        fresh = measurement(self.kind, {}, self.images, self.setting, self.common, "")
        ids = [(one or {}).get("dataset_id") for one in (known.get("release"), self.base.get("release"))]
        return (
            row.kind in (self.kind, "image-quality")
            and (row.dataset, row.protocol, row.scheme_name) == (fresh.dataset, fresh.protocol, fresh.scheme_name)
            and (not own or self.setting.items() <= row.setting.items())
            and (not own or self.images is None or row.n_train in (None, self.images))
            and ids[0] == ids[1]
            and same_recipe(known.get("recipe"), self.base.get("recipe"))
        )

    def has(self, **about: Any) -> bool:
        """Whether a measurement with these fields and settings is recorded."""
        return any(row.kind == self.kind and row.about(**about) for row in self.rows)

    def take(self, rows: Iterable[Measurement]) -> None:
        """Record measurements of other releases that are about the same images, with the first row that is added."""
        self.waiting += rows
        self.rows += self.waiting

    def add(self, row: dict[str, Any], kind: str | None = None) -> Measurement:
        """Record a flat row; see :mod:`ripguard.benchmark.rows`.

        Raises:
            InputRefused: it is no measurement.
            UsageError: no name is left for a run of today.
        """
        waiting, self.waiting = self.waiting, []
        for other in waiting:
            own = {name: other.provenance[name] for name in (*WHERE, *OF_ROW) if name in other.provenance}
            self._write(dataclasses.replace(other, scheme=self.common.get("scheme")), self.base | own)
        if waiting:  # the command of this run is another
            self.origin = None
        one = measurement(kind or self.kind, row, self.images, self.setting, self.common, "")
        found = self._write(one, self.base | {name: row[name] for name in OF_ROW if name in row})
        self.rows.append(found)
        return found

    def _write(self, one: Measurement, own: dict[str, Any]) -> Measurement:
        own = json.loads(json.dumps(own))
        if self.results is None:
            return dataclasses.replace(one, provenance=own)
        runs = records.read_runs(self.results)
        name, provenance = self._run_of(own, runs)
        others = {self.origin: runs[self.origin]} if self.origin in runs else {}
        line = json.loads(json.dumps(dataclasses.replace(one, run=name).to_json()))
        made = records.parse(line, self.place, runs | others | {name: provenance}, self.place)
        records.add(self.results, self.place, provenance, [made], others)
        self.origin = self.origin or name
        return made

    def _run_of(self, own: dict[str, Any], runs: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        """Name and content of the run that has this provenance."""
        if self.origin is None:
            return self._new_name(runs, own["date"]), own
        fixed = ("command", "recipe", "release")  # of all parts
        differs = {k: v for k, v in own.items() if runs[self.origin].get(k) != v and k not in fixed}
        if not differs:
            return self.origin, runs[self.origin]
        provenance = {"of": self.origin} | differs
        family = [name for name, run in runs.items() if run.get("of") == self.origin]
        same = next((name for name in family if runs[name] == provenance), None)
        return same or f"{self.origin}.{len(family) + 2}", provenance

    def _new_name(self, runs: dict[str, Any], date: str) -> str:
        for letter in ("", *string.ascii_lowercase[1:]):
            if (name := f"{date}{letter}_{self.name}") not in runs:
                return name
        raise UsageError(f"there are too many runs {self.name} of {date}", "give this one another --record")
