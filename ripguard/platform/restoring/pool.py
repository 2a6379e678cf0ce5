"""Restore uploaded images in several worker processes, in order, and with few of them in memory at once."""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from types import TracebackType

from ripguard.crypto.keys import KeyRing
from ripguard.data.scan import PLAIN
from ripguard.errors import RipguardError, StorageError, shown
from ripguard.images.limits import REFUSED_SUFFIXES, STARTS, SUFFIXES
from ripguard.platform.restoring.costs import Costs
from ripguard.platform.restoring.limits import WorkerLimits
from ripguard.platform.restoring.reasons import Member, Outcome, Reason, Refused, Restored, UploadRefused
from ripguard.platform.restoring.worker import Clock, Gone, Task, Worker
from ripguard.release.strays import is_litter

ENDINGS = tuple(SUFFIXES | REFUSED_SUFFIXES)
WHY = {
    Reason.TIME: "restoring it takes too long",
    Reason.MEMORY: "restoring it takes too much memory",
    Reason.DIED: "the process that reads it ends",
}

Batch = list[Member | Refused]


class Pool:
    """Worker processes for one release and the keys of a grant. Use it as a context manager, from any thread.

    No process ever holds the keys of two pools. One process is started at once, the others when they are needed.

    Args:
        root: folder with the metadata of the release; no image needs to be there.
        ring: keys of the release, or of a part of it; they go to the processes through a pair of sockets.
        workers: number of processes.
        limits: of each process; None for the default ones.
        clock: seconds, for :attr:`WorkerLimits.patience`.

    Raises:
        NotProtected, Damaged, WrongKey, SignatureInvalid, StorageError, UsageError: as :class:`Worker`.
    """

    def __init__(
        self,
        root: Path,
        ring: KeyRing,
        workers: int = 1,
        limits: WorkerLimits | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self.limits, self.workers = limits or WorkerLimits(), workers
        self._task, self._clock = Task(root, ring, self.limits), clock
        self._idle: queue.LifoQueue[Worker | None] = queue.LifoQueue()  # None: not started
        for _ in range(workers - 1):
            self._idle.put(None)
        self._idle.put(Worker(self._task, clock))
        self._closed = False
        self._threads = ThreadPoolExecutor(workers, "restoring")

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all processes, after the batches that they work on. Uploads that are not done end with an error."""
        self._closed = True
        self._threads.shutdown(cancel_futures=True)
        while not self._idle.empty():
            if worker := self._idle.get():
                worker.close()

    @property
    def idle(self) -> int:
        """Number of processes, started or not, that work on nothing."""
        return self._idle.qsize()

    def restore(self, members: Iterable[Member | Refused]) -> Iterator[Outcome]:
        """:meth:`batches`, image by image."""
        found = self.batches(members)
        try:
            for batch in found:
                yield from batch
        finally:
            found.close()  # type: ignore[attr-defined]

    def batches(self, members: Iterable[Member | Refused]) -> Iterator[list[Outcome]]:
        """Results of an upload, in its order; of at most ``batch_images`` images at once, refused ones besides.

        An image that ends its process, or that takes too much time or memory, is refused; the others come back. As
        many batches as there are processes are read ahead, and one more. Closing the iterator frees the processes.

        Args:
            members: as :func:`ripguard.platform.restoring.upload.members` gives them. It is closed with this iterator.

        Raises:
            UploadRefused: what ``members`` raises, after the results of all members before it; or too many images end
                their process.
            StorageError: no process can be started, or the pool was closed.
        """
        upload, running = _Upload(self, members), deque[Future[list[Outcome]]]()
        try:
            for batch in upload.batches():
                if self._closed:
                    raise CancelledError
                running.append(self._threads.submit(upload.run, batch))
                while running and (len(running) > self.workers or running[0].done()):
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
            if upload.error is not None:
                raise upload.error
        except CancelledError:
            raise StorageError("the server stops", "repeat the upload") from None
        finally:
            upload.stopped.set()
            for one in running:
                one.cancel()
            if close := getattr(members, "close", None):
                close()

    def ask(self, batch: list[Member]) -> tuple[list[Outcome], float]:
        """Results of one batch from any process, and the seconds of processor time that they took.

        Raises:
            Gone: that process was given up.
        """
        with self._worker() as worker:
            head, parts = worker.restore([one.name for one in batch], [one.data for one in batch])
        left = iter(parts)
        found: list[Outcome] = [
            Refused(one.name, Reason(result["reason"]), shown(result["message"]), shown(result["hint"]))
            if "reason" in result
            else Restored(one.name, next(left), **result)
            for one, result in zip(batch, head["results"])
        ]
        return found, head["seconds"]

    def samples(self, batch: list[Member], costs: Costs) -> list[list[bytes]]:
        """Digests of the samples of each image, as it may have been published; none for what is no image.

        Args:
            costs: of the upload.

        Raises:
            UploadRefused: they cost too much.
        """
        if not batch:
            return []
        try:
            with self._worker() as worker:
                found, seconds = worker.samples([one.data for one in batch])
            costs.add(seconds)
            return found
        except Gone as gone:
            costs.add(_seconds_of(gone, self.limits), 1)
            return [one for image in batch for one in self.samples([image], costs)] if len(batch) > 1 else [[]]

    @contextlib.contextmanager
    def _worker(self) -> Iterator[Worker]:
        """A process for a ``with`` block; it is given up where that fails."""
        worker = self._idle.get()
        try:
            worker = worker or Worker(self._task, self._clock)
            yield worker
        except BaseException:
            worker = None
            raise
        finally:
            self._idle.put(worker)


class _Upload:
    """One call of :meth:`Pool.batches`."""

    def __init__(self, pool: Pool, members: Iterable[Member | Refused]) -> None:
        self.pool, self.members = pool, members
        self.stopped, self.error = threading.Event(), None
        self._costs = Costs(pool.limits)

    error: RipguardError | None

    def batches(self) -> Iterator[Batch]:
        """The members in batches. An error ends them, and waits in :attr:`error` for the results before it."""
        limits = self.pool.limits
        batch, images, size = Batch(), 0, 0
        members = iter(self.members)
        while True:
            try:
                one = next(members, None)
            except RipguardError as error:
                self.error, one = error, None
            if one is None:
                break
            one = image_or_left_out(one)
            length = len(one.data) if isinstance(one, Member) else 0
            full = images == limits.batch_images or len(batch) >= 2 * limits.batch_images
            if batch and (full or size + length > limits.batch_bytes):
                yield batch
                batch, images, size = Batch(), 0, 0
            batch.append(one)
            images, size = images + isinstance(one, Member), size + length
        if batch:
            yield batch

    def run(self, batch: Batch) -> list[Outcome]:
        """Results of a batch; of its images one by one, if one of them ends the process."""
        images = [one for one in batch if isinstance(one, Member)]
        left = iter(self._asked(images) if images else ())
        return [next(left) if isinstance(one, Member) else one for one in batch]

    def _asked(self, images: list[Member]) -> list[Outcome]:
        if self.stopped.is_set():  # nobody waits for it
            raise UploadRefused("the upload was given up")
        try:
            found, seconds = self.pool.ask(images)
            self._costs.add(seconds)
            return found
        except Gone as gone:
            self._costs.add(_seconds_of(gone, self.pool.limits), 1)
            if len(images) > 1:
                return [found for one in images for found in self._asked([one])]
            name, hint = images[0].name, "is it a whole, ordinary image?"
            return [Refused(name, gone.reason, f"{shown(name)}: {WHY[gone.reason]}", hint)]


def _seconds_of(gone: Gone, limits: WorkerLimits) -> float:
    return limits.seconds if gone.reason is Reason.TIME else 0.0


def image_or_left_out(one: Member | Refused) -> Member | Refused:
    """A member as it is; refused without harm if neither name nor content are those of an image.

    A file without a suffix may be a damaged image, whose loss must not pass for harmless.
    """
    if isinstance(one, Refused) or one.data.startswith(STARTS):
        return one
    file = PurePosixPath(one.name)
    other = bool(file.suffix) and not file.name.lower().endswith(ENDINGS)
    if not (other or is_litter(one.name) or PLAIN.fullmatch(file.name)):
        return one
    return Refused(one.name, Reason.LEFT_OUT, f"{shown(one.name)}: not an image, left out")
