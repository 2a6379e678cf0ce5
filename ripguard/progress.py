"""Progress of long work: a bar on the terminal, or calls of a callback."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from tqdm.auto import tqdm


@dataclass(frozen=True)
class Progress:
    """One step.

    Attributes:
        stage: name of the work: ``protecting``, ``restoring`` …
        done, total: numbers of units; ``total`` is None if unknown.
    """

    stage: str
    done: int
    total: int | None
    unit: str


Callback = Callable[[Progress], Any]
_callback: ContextVar[Callback | None] = ContextVar("callback", default=None)


@contextlib.contextmanager
def reported_to(callback: Callback | None) -> Iterator[None]:
    """Context manager: send steps to ``callback`` and draw no bar. None: no change."""
    if callback is None:
        yield
        return
    token = _callback.set(callback)
    try:
        yield
    finally:
        _callback.reset(token)


class Heartbeat:
    """Callback that prints a line at intervals, for output without a terminal. Short runs print nothing.

    Args:
        say: prints a line.
        every: seconds between lines.
    """

    def __init__(self, say: Callable[[str], Any], every: float = 30) -> None:
        self._say, self._every, self._last = say, every, time.monotonic()

    def __call__(self, step: Progress) -> None:
        if (now := time.monotonic()) - self._last >= self._every:
            self._say(f"{step.stage}: {_amount(step)}")
            self._last = now


class Stages:
    """Callback that prints a line at the start and at the end of each stage. ``say``: prints a line."""

    def __init__(self, say: Callable[[str], Any]) -> None:
        self._say, self._stage, self._began = say, "", 0.0

    def __call__(self, step: Progress) -> None:
        if step.stage != self._stage:
            self._stage, self._began = step.stage, time.monotonic()
            self._say(f"{step.stage} …")
        if step.done == step.total:
            self._say(f"{step.stage}: {_amount(step)} in {time.monotonic() - self._began:.1f} s")
            self._stage = ""


def _amount(step: Progress) -> str:
    total = "" if step.total is None or step.total == step.done else f" of {step.total:,}"
    return f"{step.done:,}{total} {step.unit}{'' if step.done == 1 else 's'}"


class Bar(tqdm):
    """A progress bar on standard error if that is a terminal, or calls of the callback of :func:`reported_to`.

    Args:
        items: iterated over with the bar; None: call :meth:`update` instead.
        stage, unit: see :class:`Progress`.
        initial: number of steps already done.
    """

    def __init__(
        self, items: Iterable[Any] | None = None, *, stage: str, unit: str, total: int | None = None, initial: int = 0
    ) -> None:
        self._callback, self._stage, self._unit, self._done = _callback.get(), stage, unit, initial
        disable = True if self._callback else None  # None: tqdm disables the bar without a terminal
        super().__init__(items, desc=stage, total=total, unit=unit, initial=initial, disable=disable)

    def __iter__(self) -> Iterator[Any]:
        if self._callback is None:
            yield from super().__iter__()
            return
        for one in self.iterable:
            yield one
            self.update()

    def update(self, n: float | None = 1) -> bool | None:
        if self._callback is None:
            return super().update(n)
        self._done += int(n or 0)
        total = None if self.total is None else int(self.total)
        self._callback(Progress(self._stage, self._done, total, self._unit))
        return None
