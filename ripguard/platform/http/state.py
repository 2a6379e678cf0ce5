"""What one server process stands on: the platform, its pools, and whether it stops."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from pathlib import Path

from ripguard.platform.core import Platform
from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.service.pools import Pools


@dataclass
class State:
    """Parts of a server process.

    Attributes:
        uploads: limits of an upload.
        stopping: set when the server stops: restorations finish their image, not their upload.
    """

    platform: Platform
    pools: Pools
    uploads: UploadLimits = field(default_factory=UploadLimits)
    stopping: threading.Event = field(default_factory=threading.Event)

    @property
    def folder(self) -> Path:
        """Folder of temporary files, which have no names there."""
        return self.platform.settings.folder

    def close(self) -> None:
        """End the processes, and close the database."""
        self.pools.close()
        self.platform.close()
