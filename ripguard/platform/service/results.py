"""The results of a job that ended, for its account: rights are checked for each image when it leaves."""

from __future__ import annotations

import threading
from collections.abc import Iterator

from ripguard.platform.callers import Caller
from ripguard.platform.core import Platform
from ripguard.platform.errors import Absent, Conflict, SignInFailed
from ripguard.platform.restoring.reasons import Outcome, Reason, Restored, UploadRefused
from ripguard.platform.service.jobs import Job, Jobs
from ripguard.platform.service.leases import CANCELLED, QUEUED, RUNNING


def results(
    platform: Platform, jobs: Jobs, caller: Caller, name: str, stopping: threading.Event | None = None
) -> Iterator[Outcome]:
    """Results of an own job that ended.

    An image leaves under the grants under which it was restored: a grant that is used up still opens it, and one that
    was revoked, or has ended, does not.

    Args:
        stopping: set when the server stops: the image is finished, not the download.

    Raises:
        Conflict: it has not ended, or another server has its files.
        Absent: there is no such job; it was cancelled, or removed after some days.
        UploadRefused: while it is read: why the job failed; or the right to restore ended, or the server stops.
    """
    found = jobs.get(caller, name)
    if found.state in (QUEUED, RUNNING):
        raise Conflict(f"job: it is {found.state}", "wait until it is done")
    if not jobs.here(found):
        if found.host != platform.settings.place and found.state != CANCELLED:
            raise Conflict(f"job: its files are on the host {found.host}", "ask that server for them")
        raise Absent.of("job")
    return _results(platform, jobs, caller, found, stopping or threading.Event())


def _results(platform: Platform, jobs: Jobs, caller: Caller, job: Job, stopping: threading.Event) -> Iterator[Outcome]:
    with jobs.files(job.id) as files:
        for part in files.all():
            try:
                admission = None
                for one in part.outcomes:
                    if stopping.is_set():
                        raise UploadRefused("the server stops", "download it again", Reason.STOPPED)
                    if isinstance(one, Restored):
                        admission = admission or platform.admission(caller, job.dataset, part.grants)
                        admission.check()
                    yield one
            except (Absent, SignInFailed):
                hint = "ask the owner of the dataset"
                raise UploadRefused("the right to restore ended", hint, Reason.ENDED) from None
    if job.error:
        raise UploadRefused(job.error)
