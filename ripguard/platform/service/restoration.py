"""One caller's upload: admitted in batches, each recorded before any of it is restored, and restored in order.

Between upload and download stand the decision, the limits and the audit record (:class:`Admission`), and before each
image leaves, a look at revocations.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from ripguard.crypto.granted import GrantedKeys
from ripguard.crypto.keys import KeyRing
from ripguard.errors import shown
from ripguard.platform.access.admission import Admission, Admitted
from ripguard.platform.audit.chain import MOST_IMAGES
from ripguard.platform.callers import Caller
from ripguard.platform.core import Platform
from ripguard.platform.errors import Absent, LimitReached, SignInFailed
from ripguard.platform.restoring.costs import Costs
from ripguard.platform.restoring.pool import image_or_left_out
from ripguard.platform.restoring.reasons import Member, Outcome, Reason, Refused, Restored, UploadRefused
from ripguard.platform.service.pools import For, Pools

BATCH_BYTES = 1 << 24  # of the members that are admitted together

Step = tuple[For | None, Member | Refused, Admission | None]  # None: nothing was admitted yet


class Restoration:
    """Restores uploads of one caller from one dataset.

    Args:
        stopping: set when the server stops: the image is finished, not the upload.

    Attributes:
        using: ids of the grants of the batch of the last image.

    Raises:
        Absent, SignInFailed: the caller may not restore from this dataset.
    """

    def __init__(
        self, platform: Platform, pools: Pools, caller: Caller, dataset: str, stopping: threading.Event | None = None
    ) -> None:
        self._platform, self._pools, self._caller, self._dataset = platform, pools, caller, dataset
        self._stopping = stopping or threading.Event()
        self.using: frozenset[str] = frozenset()
        self._costs: Costs | None = None  # of images whose files are not known
        self._last: tuple[Admission | None, int, For] = (None, 0, For(dataset, 0, frozenset()))
        platform.admission(caller, dataset)

    def outcomes(self, members: Iterable[Member | Refused]) -> Iterator[Outcome]:
        """Results of an upload, in its order. Iterate in one thread at a time.

        Args:
            members: closed with this iterator.

        Raises:
            AuditUnavailable: a batch could not be recorded; nothing of it was restored.
            UploadRefused: the upload cannot be read further, the right to restore ended, or the server stops.
            LimitReached: too many batches without one image of the dataset, or all pools are in use.
        """
        waiting: deque[Admission | None] = deque()
        steps = self._steps(members)
        try:
            for wanted, group in groupby(steps, lambda step: step[0]):
                for one in self._restored(wanted, _noted(group, waiting)):
                    admission = waiting.popleft()
                    if isinstance(one, Restored):
                        self._check(admission)
                    yield one
        finally:
            steps.close()  # type: ignore[attr-defined]
            if close := getattr(members, "close", None):
                close()

    def _steps(self, members: Iterable[Member | Refused]) -> Iterator[Step]:
        """Members with the pool that restores them; a refused one stays with those before it."""
        wanted: For | None = None
        for batch in _batches(members):
            admission, admitted = self._admit([one for one in batch if isinstance(one, Member)])
            left = iter(admitted)
            for one in batch:
                result = next(left) if isinstance(one, Member) else None
                if isinstance(one, Member) and result is not None:
                    if result.found is None:
                        one = _refusal(one, result)
                    else:
                        wanted = self._wanted(admission, result.found.version)
                yield wanted, one, admission

    def _admit(self, images: list[Member]) -> tuple[Admission | None, list[Admitted]]:
        if not images:
            return None, []
        with self._ended():
            # an admission checks the grants of its last batch; batches are read ahead, so each has its own
            admission = self._platform.admission(self._caller, self._dataset)
            files = [hashlib.sha256(one.data).digest() for one in images]
            samples = self._samples(admission, images, files)
            left = iter(
                admission.admit([one for one, same in zip(files, samples) if not same], [*filter(None, samples)])
            )
            by_file = [next(left) if not same else None for same in samples]
            return admission, [one or next(left) for one in by_file]

    def _samples(self, admission: Admission, images: list[Member], files: list[bytes]) -> list[bytes]:
        """For each image whose file was written again without loss, the digest of its samples; b"" for others."""
        found, known = [b""] * len(images), admission.opens(files)
        strange = [number for number, one in enumerate(files) if one not in known]
        version = self._platform.datasets.get(self._dataset).versions
        if not strange or not version:
            return found
        wanted = self._wanted(admission, version)
        with self._pools.lease(wanted, lambda: self._opening(wanted)) as pool:
            self._costs = self._costs or Costs(pool.limits)
            digests = pool.samples([images[number] for number in strange], self._costs)
        known = admission.opens(samples=[one for some in digests for one in some])
        for number, some in zip(strange, digests):
            found[number] = next((one for one in some if one in known), b"")
        return found

    def _wanted(self, admission: Admission | None, version: int) -> For:
        if (admission, version) != self._last[:2]:
            if admission is None:
                raise Absent.of("dataset")
            self._last = (admission, version, For(self._dataset, version, admission.units(version)))
        return self._last[2]

    def _restored(self, wanted: For | None, members: Iterator[Member | Refused]) -> Iterator[Outcome]:
        if wanted is None:  # all are refused
            yield from members  # type: ignore[misc]
            return
        with self._pools.lease(wanted, lambda: self._opening(wanted)) as pool:
            found = pool.restore(members)
            try:
                yield from found
            finally:
                found.close()  # type: ignore[attr-defined]

    @contextlib.contextmanager
    def _opening(self, wanted: For) -> Iterator[tuple[Path, KeyRing]]:
        with self._platform.custody.release_keys(wanted.dataset, wanted.version) as keys:
            ring = GrantedKeys.of(keys, wanted.units)
        yield self._platform.deposits.root(wanted.dataset, wanted.version), ring

    def _check(self, admission: Admission | None) -> None:
        if self._stopping.is_set():
            raise UploadRefused("the server stops", "send what is missing again", Reason.STOPPED)
        with self._ended():
            if admission is None:
                raise Absent.of("dataset")  # an image that nobody admitted
            admission.check()
            self.using = admission.using

    @contextlib.contextmanager
    def _ended(self) -> Iterator[None]:
        try:
            yield
        except (Absent, SignInFailed) as error:
            raise UploadRefused("the right to restore ended", "ask the owner of the dataset", Reason.ENDED) from error


def _noted(steps: Iterable[Step], waiting: deque[Admission | None]) -> Iterator[Member | Refused]:
    """The members, each after its admission was noted: results come in the same order, and one for each."""
    for _, one, admission in steps:
        waiting.append(admission)
        yield one


def _batches(members: Iterable[Member | Refused]) -> Iterator[list[Member | Refused]]:
    """At most 64 images at once. An error of the upload comes after the members before it."""
    batch, images, size, error = list[Member | Refused](), 0, 0, None
    found = iter(members)
    while True:
        try:
            one = next(found, None)
        except (UploadRefused, LimitReached) as refusal:
            error, one = refusal, None
        if one is None:
            break
        one = image_or_left_out(one)
        batch.append(one)
        if isinstance(one, Member):
            images, size = images + 1, size + len(one.data)
        if images == MOST_IMAGES or len(batch) == 4 * MOST_IMAGES or size > BATCH_BYTES:
            yield batch
            batch, images, size = [], 0, 0
    if batch:
        yield batch
    if error is not None:
        raise error


def _refusal(one: Member, result: Admitted) -> Refused:
    if result.limited:
        again = f"try again in {result.retry_after:,} s" if result.retry_after else "ask for another grant or token"
        return Refused(one.name, Reason.LIMIT, f"{shown(one.name)}: a limit is used up", again)
    return Refused(
        one.name,
        Reason.UNKNOWN,
        f"{shown(one.name)}: not a published image of this dataset, or not granted",
        "send it as it was published, or saved again without loss, or ask for a grant",
    )
