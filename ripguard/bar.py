"""Progress bars. A module apart from ``progress.py``, because importing the library takes a tenth of a second."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tqdm.auto import tqdm

from ripguard.progress import Progress, current_callback, current_check


class Bar(tqdm):
    """A progress bar on standard error if that is a terminal, or calls of ``reported_to``'s callback.

    The check of :func:`ripguard.progress.stopped_by` is called at every step.

    Args:
        items: iterated over with the bar; None: call :meth:`update` instead.
        stage, unit: see :class:`ripguard.progress.Progress`.
        initial: number of steps already done.
    """

    def __init__(
        self, items: Iterable[Any] | None = None, *, stage: str, unit: str, total: int | None = None, initial: int = 0
    ) -> None:
        self._callback, self._stage, self._unit, self._done = current_callback.get(), stage, unit, initial
        self._check = current_check.get()
        disable = True if self._callback else None  # None: tqdm disables the bar without a terminal
        super().__init__(items, desc=stage, total=total, unit=unit, initial=initial, disable=disable)

    def __iter__(self) -> Iterator[Any]:
        if self._callback is None and self._check is None:
            yield from super().__iter__()
            return
        for one in self.iterable:
            yield one
            self.update()
        self.close()

    def update(self, n: float | None = 1) -> bool | None:
        if self._check is not None:
            self._check()
        if self._callback is None:
            return super().update(n)
        self._done += int(n or 0)
        total = None if self.total is None else int(self.total)
        self._callback(Progress(self._stage, self._done, total, self._unit))
        return None
