"""The pools of worker processes of a server: one for each version of a dataset and set of granted units.

A pool holds the keys of these units alone, so callers with the same units share it, and others do not.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from ripguard.crypto.keys import KeyRing
from ripguard.platform.errors import LimitReached
from ripguard.platform.restoring.limits import WorkerLimits
from ripguard.platform.restoring.pool import Pool

Opening = Callable[[], contextlib.AbstractContextManager[tuple[Path, KeyRing]]]
RETRY = 5  # seconds


@dataclass(frozen=True)
class For:
    """What a pool is for: a version of a dataset, and the numbers of its granted units."""

    dataset: str
    version: int
    units: frozenset[int]


@dataclass
class _Entry:
    pool: Pool
    users: int
    used_at: float


class Pools:
    """Starts pools when they are needed, and closes them when nobody has used them for a while.

    Args:
        workers: processes of each pool.
        most: pools at once.
        idle: seconds until an unused pool is closed; its processes hold keys and memory.
        limits: of each process; None for the default ones.
        clock: seconds.
    """

    def __init__(
        self,
        workers: int = 1,
        most: int = 8,
        idle: float = 300.0,
        limits: WorkerLimits | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workers, self.most, self.idle, self.limits, self._clock = workers, most, idle, limits, clock
        self._entries: dict[For, _Entry] = {}
        self._lock, self._closed = threading.Lock(), False

    def __len__(self) -> int:
        return len(self._entries)

    @contextlib.contextmanager
    def lease(self, wanted: For, opening: Opening) -> Iterator[Pool]:
        """A pool for a ``with`` block.

        Args:
            opening: gives the folder of the version, and the keys, if a pool has to be started.

        Raises:
            LimitReached: all pools are in use.
            RipguardError: as ``opening``, or as :class:`Pool`.
        """
        entry = self._take(wanted, opening)
        try:
            yield entry.pool
        finally:
            with self._lock:
                entry.users, entry.used_at = entry.users - 1, self._clock()
            self.sweep()

    def sweep(self) -> None:
        """Close pools that nobody has used for a while."""
        with self._lock:
            old = self._clock() - self.idle
            ended = [one for one, entry in self._entries.items() if not entry.users and entry.used_at <= old]
            gone = [self._entries.pop(one) for one in ended]
        for entry in gone:
            entry.pool.close()

    def close(self) -> None:
        """Close all pools; restorations that run end with an error."""
        with self._lock:
            self._closed = True
            gone = list(self._entries.values())
            self._entries.clear()
        for entry in gone:
            entry.pool.close()

    def _take(self, wanted: For, opening: Opening) -> _Entry:
        gone = None
        with self._lock:  # also while a process starts: two callers must not start the same pool
            if self._closed:
                raise LimitReached("the server stops", "try again", RETRY)
            if (entry := self._entries.get(wanted)) is None:
                if len(self._entries) >= self.most:
                    free = [(one.used_at, key) for key, one in self._entries.items() if not one.users]
                    if not free:
                        raise LimitReached("the server restores from too many datasets at once", "try again", RETRY)
                    gone = self._entries.pop(min(free, key=lambda one: one[0])[1])
                with opening() as (root, ring):
                    entry = _Entry(Pool(root, ring, self.workers, self.limits), 0, self._clock())
                self._entries[wanted] = entry
            entry.users += 1
        if gone is not None:
            gone.pool.close()
        return entry
