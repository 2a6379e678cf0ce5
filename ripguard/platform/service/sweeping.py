"""Remove what nothing needs any more: at the start of a server, and hourly."""

from __future__ import annotations

import logging

from ripguard.errors import StorageError
from ripguard.platform.core import Platform
from ripguard.platform.service.jobs import Jobs

LOG = logging.getLogger("ripguard.platform")


def sweep(platform: Platform, jobs: Jobs) -> None:
    """Remove files of old jobs and of none, containers of no version, and old counters. Failures are logged."""
    for one in (jobs.sweep, platform.deposits.sweep, platform.throttle.sweep):
        try:
            one()
        except StorageError as error:  # the next time, or the next start, will do it
            LOG.error("sweep: %s", error.message)
