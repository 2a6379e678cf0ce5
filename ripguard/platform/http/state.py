"""What one server process stands on: the platform, its pools, and whether it stops."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.platform.core import Platform
from ripguard.platform.http.metrics import Metrics
from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.restoring.signed import Seal
from ripguard.platform.service.leases import open_jobs
from ripguard.platform.service.pools import Pools
from ripguard.platform.service.runner import Runner


@dataclass
class State:
    """Parts of a server process.

    Attributes:
        runner: runs jobs.
        uploads: limits of an upload.
        stopping: set when the server stops: restorations finish their image, not their upload.
        tls: whether a proxy ends TLS before this server.
    """

    platform: Platform
    pools: Pools
    uploads: UploadLimits = field(default_factory=UploadLimits)
    stopping: threading.Event = field(default_factory=threading.Event)
    tls: bool = False

    def __post_init__(self) -> None:
        self.metrics = Metrics(lambda: len(self.pools), lambda: open_jobs(self.platform.database))
        self.runner = Runner(self.platform, self.pools, self.uploads, self.stopping, self.metrics.job_ended)

    @property
    def folder(self) -> Path:
        """Folder of temporary files, which have no names there."""
        return self.platform.settings.folder

    def seal(self, dataset: str) -> Seal:
        """What signs the list of a download."""
        audit = self.platform.audit
        about = {"dataset": dataset, "time": self.platform.clock(), "public": audit.public.hex()}
        return Seal(about, audit.sign)

    def close(self) -> None:
        """End the processes, and close the database."""
        self.runner.close()
        self.pools.close()
        self.platform.close()
