"""What an upload costs in worker processes, added up by several threads."""

from __future__ import annotations

import threading

from ripguard.platform.restoring.limits import WorkerLimits
from ripguard.platform.restoring.reasons import Reason, UploadRefused


class Costs:
    """Processor time of an upload, and processes that it ended."""

    def __init__(self, limits: WorkerLimits) -> None:
        self.limits = limits
        self._deaths, self._seconds, self._lock = 0, 0.0, threading.Lock()

    def add(self, seconds: float, deaths: int = 0) -> None:
        """Count. Raises :class:`UploadRefused` if it is too much."""
        with self._lock:
            self._deaths, self._seconds = self._deaths + deaths, self._seconds + seconds
            if self._seconds > self.limits.upload_seconds:
                raise UploadRefused(
                    f"restoring the upload takes more than {self.limits.upload_seconds:,.0f} s of processor time",
                    "send it in parts",
                    Reason.TIME,
                )
            if self._deaths > self.limits.deaths:
                raise UploadRefused(
                    f"images of the upload ended more than {self.limits.deaths} of the processes that read them",
                    "send published images",
                    Reason.DIED,
                )
