"""Run jobs, one after the other, in a thread of the server."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from itertools import islice

from ripguard.errors import RipguardError, StorageError
from ripguard.platform.callers import Caller
from ripguard.platform.core import Platform
from ripguard.platform.errors import Absent, LimitReached, SignInFailed
from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.restoring.pieces import STEP
from ripguard.platform.restoring.reasons import Outcome, Reason, Restored, UploadRefused
from ripguard.platform.restoring.upload import members
from ripguard.platform.service.jobs import DONE, FAILED, QUEUED, RUNNING, Job, Jobs
from ripguard.platform.service.parts import MOST, MOST_BYTES, JobFiles, Part
from ripguard.platform.service.pools import Pools
from ripguard.platform.service.restoration import Restoration
from ripguard.store.atomic import storage

LOG = logging.getLogger("ripguard.platform")
PAUSE = 5.0  # seconds until a job is tried again, and until new ones are seen at the latest


class Runner:
    """Runs the jobs of this host.

    Args:
        limits: of the uploads.
        stopping: set when the server stops; a job goes on at the next start.
    """

    def __init__(self, platform: Platform, pools: Pools, limits: UploadLimits, stopping: threading.Event) -> None:
        self.jobs = Jobs(platform)
        self._platform, self._pools, self._limits, self._stopping = platform, pools, limits, stopping
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Start the thread; jobs that were interrupted go on."""
        self._thread.start()

    def wake(self) -> None:
        """There is a new job."""
        self._wake.set()

    def close(self) -> None:
        """Wait until the thread has finished its image."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def run(self, name: str) -> None:
        """Run a job to its end, or until the server stops. A failure is written into its row."""
        if not self.jobs.move(name, (QUEUED, RUNNING), RUNNING, error=""):
            return
        try:
            with self.jobs.files(name) as files:
                self._restore(self.jobs.find(name), files)
        except UploadRefused as refusal:
            if refusal.reason is not Reason.STOPPED:
                self.jobs.move(name, (RUNNING,), FAILED, error=refusal.message)
        except (Absent, SignInFailed):
            self.jobs.move(name, (RUNNING,), FAILED, error="the right to restore ended")
        except LimitReached as error:
            self.jobs.move(name, (RUNNING,), FAILED, error=error.message)
        except RipguardError as error:
            LOG.error("job %s: %s: %s", name, error.code, error.message)
            if not self._stopping.is_set():
                self.jobs.move(name, (RUNNING,), FAILED, error=f"the server failed ({error.code})")

    def _restore(self, job: Job, files: JobFiles) -> None:
        caller: Caller = self._platform.tokens.caller(job.accessor)
        restoration = Restoration(self._platform, self._pools, caller, job.dataset, self._stopping)
        first = files.done
        found = members(self._pieces(job.id), self._limits, folder=self._platform.settings.folder)
        outcomes = restoration.outcomes(islice(found, first, None))
        held, grants, size = list[Outcome](), frozenset[str](), 0
        try:
            for one in outcomes:
                held.append(one)
                if isinstance(one, Restored):
                    grants, size = grants | restoration.using, size + len(one.data)
                if len(held) == MOST or size > MOST_BYTES:
                    files.add(first, Part(held, grants))
                    first += len(held)
                    held, grants, size = [], frozenset(), 0
                    if not self.jobs.count(job.id, first):  # it was cancelled
                        self.jobs.remove_files(job.id)
                        return
        except UploadRefused as refusal:
            if held and refusal.reason is not Reason.STOPPED:
                files.add(first, Part(held, grants))
                self.jobs.count(job.id, first + len(held))
            raise
        finally:
            outcomes.close()  # type: ignore[attr-defined]
        if held:
            files.add(first, Part(held, grants))
        if not self.jobs.move(job.id, (RUNNING,), DONE, images=first + len(held)):
            self.jobs.remove_files(job.id)

    def _pieces(self, name: str) -> Iterator[bytes]:
        with storage("cannot read"), open(self.jobs.upload(name), "rb") as file:
            while piece := file.read(STEP):
                yield piece

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                self.jobs.sweep()
                for name in self.jobs.waiting():
                    if self._stopping.is_set():
                        return
                    self.run(name)
            except StorageError as error:  # of the database: it may come back
                LOG.error("jobs: %s", error.message)
            self._wake.wait(PAUSE)
            self._wake.clear()
