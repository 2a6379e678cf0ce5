"""Run jobs, one after the other, in a thread of the server. Of several servers, one runs a job."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator
from itertools import islice

from ripguard.errors import RipguardError, StorageError
from ripguard.platform.callers import Caller
from ripguard.platform.clock import MINUTE
from ripguard.platform.core import Platform
from ripguard.platform.errors import Absent, LimitReached, SignInFailed
from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.restoring.pieces import STEP
from ripguard.platform.restoring.reasons import Outcome, Reason, Restored, UploadRefused
from ripguard.platform.restoring.upload import members
from ripguard.platform.service.jobs import Job, Jobs
from ripguard.platform.service.leases import CANCELLED, DONE, FAILED, LEASE
from ripguard.platform.service.parts import MOST, MOST_BYTES, JobFiles, Part
from ripguard.platform.service.pools import Pools
from ripguard.platform.service.restoration import Restoration
from ripguard.platform.service.sweeping import sweep
from ripguard.store.atomic import storage

LOG = logging.getLogger("ripguard.platform")
PAUSE = 5.0  # seconds until a job is tried again, and until new ones are seen at the latest
SWEEP = 3600.0  # seconds between two sweeps
Ended = Callable[[str, float], object]


class Runner:
    """Runs the jobs of this host, or those that are in the folder that it shares.

    Args:
        limits: of the uploads.
        stopping: set when the server stops; a job goes on at the next start.
        ended: called with the state of each job that ended, and the seconds that it ran here.
    """

    def __init__(
        self, platform: Platform, pools: Pools, limits: UploadLimits, stopping: threading.Event,
        ended: Ended = lambda state, seconds: None,
    ) -> None:  # fmt: skip
        self.jobs = Jobs(platform)
        self._platform, self._pools, self._limits, self._stopping = platform, pools, limits, stopping
        self._ended, self._swept = ended, -SWEEP
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
        """Run a job to its end, or until the server stops, unless another server runs it.

        A failure is written into its row. After a stop, and where the server is busy, any server may go on.
        """
        if not self.jobs.claim(name):
            return
        began = time.monotonic()
        with self._renewing(name):
            error = self._failure(name)
        if error is None:
            self.jobs.leave(name)
            return
        if error:
            self.jobs.end(name, FAILED, error=error)
        state = self.jobs.find(name).state
        if state == CANCELLED:
            self.jobs.remove_files(name)
        if state in (DONE, FAILED, CANCELLED):
            self._ended(state, time.monotonic() - began)
            LOG.info("job ended", extra={"about": {"job": name, "state": state, "error": error}})

    def _failure(self, name: str) -> str | None:
        """Restore; returns why it failed, "" if it did not, None if it is to go on later."""
        try:
            with self.jobs.files(name) as files:
                self._restore(self.jobs.find(name), files)
        except UploadRefused as refusal:
            return None if refusal.reason is Reason.STOPPED else refusal.message
        except (Absent, SignInFailed):
            return "the right to restore ended"
        except LimitReached as error:  # all pools are in use, or the server stops
            return None if 0 < error.retry_after < MINUTE else error.message
        except RipguardError as error:
            LOG.error("job %s: %s: %s", name, error.code, error.message)
            return None if self._stopping.is_set() else f"the server failed ({error.code})"
        except Exception:  # a defect: the other jobs must go on
            LOG.exception("job %s", name)
            return "the server failed (error)"
        return ""

    @contextlib.contextmanager
    def _renewing(self, name: str) -> Iterator[None]:
        """Renew the lease of a job as long as this process lives, however long an image takes."""
        ended = threading.Event()

        def renew() -> None:
            while not ended.wait(LEASE / 3):
                with contextlib.suppress(StorageError):  # then it may end, and the next part is not counted
                    self.jobs.renew(name)

        thread = threading.Thread(target=renew, name="lease", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

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
                    if not self._kept(job, files, first, Part(held, grants)):
                        return
                    first += len(held)
                    held, grants, size = [], frozenset(), 0
        except UploadRefused as refusal:
            if held and refusal.reason is not Reason.STOPPED:
                self._kept(job, files, first, Part(held, grants))
            raise
        finally:
            outcomes.close()  # type: ignore[attr-defined]
        if not held or self._kept(job, files, first, Part(held, grants)):
            self.jobs.end(job.id, DONE, images=first + len(held))

    def _kept(self, job: Job, files: JobFiles, first: int, part: Part) -> bool:
        """Write a part, and the progress; returns whether this server still has the job.

        Before, too: where it was cancelled, or another server has it, a late part must not lie beside others.
        """
        if not self.jobs.renew(job.id):
            return False
        files.add(first, part)
        return self.jobs.count(job.id, first + len(part.outcomes))

    def _pieces(self, name: str) -> Iterator[bytes]:
        with storage("cannot read"), open(self.jobs.upload(name), "rb") as file:
            while piece := file.read(STEP):
                yield piece

    def _work(self) -> None:
        while not self._stopping.is_set():
            try:
                if time.monotonic() - self._swept >= SWEEP:
                    sweep(self._platform, self.jobs)
                    self._swept = time.monotonic()
                for name in self.jobs.waiting():
                    if self._stopping.is_set():
                        return
                    self.run(name)
            except StorageError as error:  # of the database: it may come back
                LOG.error("jobs: %s", error.message)
            except Exception:  # a defect must not end the thread
                LOG.exception("jobs")
            self._wake.wait(PAUSE)
            self._wake.clear()
