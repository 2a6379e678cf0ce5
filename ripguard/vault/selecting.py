"""Which files of a vault a command works on, and how they are dealt out to processes: by the shard they begin in."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ripguard.errors import InputRefused, shown
from ripguard.vault.index import Entry
from ripguard.vault.keys import Access
from ripguard.vault.reading import Vault, unit_number


@dataclass(frozen=True)
class Selection:
    """Files of a vault.

    Attributes:
        units: numbers of units.
        pattern: glob on paths, in which ``*`` also matches ``/``; None: all files of the units.
    """

    units: tuple[int, ...]
    pattern: str | None = None

    def of_shard(self, vault: Vault, shard: int) -> Iterator[Entry]:
        """The files that begin in a shard."""
        for unit in self.units:
            shards = np.frombuffer(vault.files(unit).shard, np.uint32) if len(vault.files(unit)) else np.zeros(0)
            for row in np.flatnonzero(shards == shard):
                one = vault.entry(unit, int(row))
                if self.takes(one.path):
                    yield one

    def takes(self, path: str) -> bool:
        return self.pattern is None or fnmatch.fnmatchcase(path, self.pattern)


def select(vault: Vault, unit: str | None, pattern: str | None) -> Selection:
    """The selection of a command.

    Raises:
        InputRefused: no such unit, or no file of that name.
    """
    units = tuple(vault.units) if unit is None else (unit_number(vault, unit),)
    selection = Selection(units, pattern)
    if not any(selection.takes(path) for number in units for path in vault.files(number).names()):
        raise InputRefused(f"no file of the vault matches {shown(pattern or unit or '*')}", "ripguard vault inspect")
    return selection


def totals(vault: Vault, selection: Selection) -> tuple[int, int, set[int]]:
    """Number and bytes of the selected files, and the shards that they begin in."""
    count, size, shards = 0, 0, set[int]()
    for unit in selection.units:
        files = vault.files(unit)
        for row in range(len(files)):
            if selection.pattern is None or selection.takes(files.name(row)):
                count += 1
                size += files.size[row]
                shards.add(files.shard[row])
    return count, size, shards


@dataclass(frozen=True)
class Opening:
    """Opens a vault in a worker process. It holds keys: it is sent to processes, never written."""

    root: Path
    access: Access

    def __call__(self) -> Vault:
        return Vault(self.root, self.access)
