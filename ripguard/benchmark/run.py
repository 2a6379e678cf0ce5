"""A run of an experiment: what is recorded already about the same, and where new measurements go."""

from __future__ import annotations

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

    The record is a file: it is gone on with where it has measurements of the same kind, dataset, scheme, release and
    protocol; a measurement that is there is not made again.

    Attributes:
        place: its file, below ``results``.
        rows: all measurements that it goes on with, the new ones last.
    """

    def __init__(
        self,
        kind: str,
        name: str,
        results: Path,
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
            name: of the record's file; ``results``: the folder of records.
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

    @property
    def path(self) -> Path:
        return self.results / self.place

    def _there(self) -> list[Measurement]:
        return records.read_file(self.path, self.results, records.read_runs(self.results)) if self.path.exists() else []

    def _same(self, row: Measurement) -> bool:
        known = row.provenance
        fresh = measurement(self.kind, {}, self.images, self.setting, self.common, "")
        ids = [(one or {}).get("dataset_id") for one in (known.get("release"), self.base.get("release"))]
        return (
            row.kind in (self.kind, "image-quality")
            and (row.dataset, row.protocol, row.scheme_name) == (fresh.dataset, fresh.protocol, fresh.scheme_name)
            and self.setting.items() <= row.setting.items() | (self.setting.items() if row.kind != self.kind else set())
            and (self.images is None or row.kind != self.kind or row.n_train in (None, self.images))
            and ids[0] == ids[1]
            and same_recipe(known.get("recipe"), self.base.get("recipe"))
        )

    def has(self, **about: Any) -> bool:
        """Whether a measurement with these fields and settings is recorded."""
        return any(row.kind == self.kind and row.about(**about) for row in self.rows)

    def add(self, row: dict[str, Any], kind: str | None = None) -> Measurement:
        """Record a flat row; see :mod:`ripguard.benchmark.rows`.

        Raises:
            InputRefused: it is no measurement.
            UsageError: no name is left for a run of today.
        """
        return self.add_all([row], kind)[0]

    def add_all(self, flat: Iterable[dict[str, Any]], kind: str | None = None) -> list[Measurement]:
        """Record flat rows of one run at once."""
        made = []
        for row in flat:
            own = self.base | {name: row[name] for name in OF_ROW if name in row}
            runs = records.read_runs(self.results)
            name, provenance, others = self._run_of(own, runs)
            one = measurement(kind or self.kind, row, self.images, self.setting, self.common, name)
            records.add(self.results, self.place, provenance, [one], others)
            made.append(records.parse(json.loads(json.dumps(one.to_json())), self.place, runs | others | {name: provenance},
                                      self.place))  # fmt: skip
        self.rows += made
        return made

    def take(self, row: Measurement) -> None:
        """Record a measurement of another release that is about the same images, with its provenance."""
        own = {name: row.provenance[name] for name in (*WHERE, *OF_ROW) if name in row.provenance}
        runs = records.read_runs(self.results)
        name, provenance, others = self._run_of(self.base | own, runs)
        fields = {name: value for name, value in row.to_json().items() if name not in ("schema", "scheme", "run")}
        one = Measurement(**fields, scheme=self.common.get("scheme"), run=name)
        records.add(self.results, self.place, provenance, [one], others)
        self.rows.append(records.parse(one.to_json(), self.place, runs | others | {name: provenance}, self.place))

    def _run_of(self, own: dict[str, Any], runs: dict[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Name and content of the run that has this provenance, and other runs that it refers to."""
        own = json.loads(json.dumps(own))
        base = self.rows[-1].provenance["run"] if self.rows else None
        if base is None:
            name = self._new_name(runs, own["date"])
            return name, own, {}
        differs = {k: v for k, v in own.items() if runs[base].get(k) != v and k not in ("command", "recipe", "release")}
        if not differs:
            return base, runs[base], {}
        provenance = {"of": base} | differs
        family = [name for name, run in runs.items() if run.get("of") == base]
        same = next((name for name in family if runs[name] == provenance), None)
        return same or f"{base}.{len(family) + 2}", provenance, {base: runs[base]}

    def _new_name(self, runs: dict[str, Any], date: str) -> str:
        for letter in ("", *string.ascii_lowercase[1:]):
            if (name := f"{date}{letter}_{self.name}") not in runs:
                return name
        raise UsageError(f"there are too many runs {self.name} of {date}", "give this one another --record")
