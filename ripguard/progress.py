"""Progress of long work: what a callback receives, and callbacks that print lines. ``bar.py`` draws bars."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any


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
current_callback: ContextVar[Callback | None] = ContextVar("callback", default=None)


@contextlib.contextmanager
def reported_to(callback: Callback | None) -> Iterator[None]:
    """Context manager: send steps to ``callback`` and draw no bar. None: no change."""
    if callback is None:
        yield
        return
    token = current_callback.set(callback)
    try:
        yield
    finally:
        current_callback.reset(token)


Check = Callable[[], Any]
current_check: ContextVar[Check | None] = ContextVar("check", default=None)


@contextlib.contextmanager
def stopped_by(check: Check) -> Iterator[None]:
    """Context manager: call ``check`` after every step of a bar. What it raises ends the work."""
    token = current_check.set(check)
    try:
        yield
    finally:
        current_check.reset(token)


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
