"""The time as the platform stores it: whole seconds since 1970, UTC. Tests pass a clock of their own."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]

MINUTE, HOUR, DAY = 60, 3600, 86_400  # seconds


def now() -> int:
    """Seconds since 1970, UTC."""
    return int(time.time())
