"""The budget of an audit. The clock is an argument, so that tests need not wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from ripguard.train.loop import Unfinished

Now = Callable[[], float]


class Budget:
    """Minutes that an audit may take, from now on.

    Args:
        now: seconds from any start, as ``time.monotonic``.
        began: when the call began, by that clock; None: now.
    """

    def __init__(self, minutes: float, now: Now = time.monotonic, began: float | None = None) -> None:
        self.minutes, self.now = minutes, now
        self.seconds, self._began = 60 * minutes, now() if began is None else began

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.now() - self._began

    @property
    def left(self) -> float:
        """Seconds that are left, negative after the end."""
        return self.seconds - self.spent

    def check(self) -> None:
        """Raise :class:`ripguard.train.loop.Unfinished` if nothing is left."""
        if self.left <= 0:
            raise Unfinished(f"the budget of {self.minutes:g} minutes is spent")
