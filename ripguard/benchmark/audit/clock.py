"""The budget of an audit. The clock is an argument, so that tests need not wait."""

from __future__ import annotations

import time
from collections.abc import Callable

from ripguard.train.loop import Unfinished

Now = Callable[[], float]
RESERVE, SHARE = 8.0, 1 / 20  # seconds kept for the page and the end of the process, and most of a budget for them


class Budget:
    """Minutes that an audit may take, from now on. A part is kept for what follows the last attack: the page.

    Args:
        now: seconds from any start, as ``time.monotonic``.
        began: when the call began, by that clock; None: now.

    Attributes:
        seconds: of the whole budget.
        reserve: seconds of it that no attack may take.
    """

    def __init__(self, minutes: float, now: Now = time.monotonic, began: float | None = None) -> None:
        self.minutes, self.now = minutes, now
        self.seconds, self._began = 60 * minutes, now() if began is None else began
        self.reserve = min(RESERVE, SHARE * self.seconds)

    @property
    def most(self) -> float:
        """Seconds that attacks may take altogether."""
        return self.seconds - self.reserve

    @property
    def spent(self) -> float:
        """Seconds since the start."""
        return self.now() - self._began

    @property
    def left(self) -> float:
        """Seconds that are left for attacks, negative after the end."""
        return self.most - self.spent

    def check(self) -> None:
        """Raise :class:`ripguard.train.loop.Unfinished` if nothing is left."""
        if self.left <= 0:
            raise Unfinished(f"the budget of {self.minutes:g} minutes is spent")
