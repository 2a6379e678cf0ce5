"""Admit images to restoration: the decision, the limits and the audit record of a batch, before any byte is restored.

A caller opens an :class:`Admission` for a dataset, and admits images in batches of at most 64, by the digest of the
published file or of its samples. Before each image leaves, :meth:`Admission.check` sees whether the token, the grant,
the account or the dataset ended meanwhile. The keys for the worker process are those of the granted units only, so that
an image of another unit stays closed even if a decision here were wrong.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ripguard.crypto.granted import GrantedKeys
from ripguard.crypto.unitfile import UnitRing
from ripguard.errors import UsageError
from ripguard.platform import pulse
from ripguard.platform.access.budget import Budget
from ripguard.platform.access.grants import KEYS, Grant
from ripguard.platform.access.relations import Standing, standing
from ripguard.platform.access.rules import Kind, Relation, Verb, require
from ripguard.platform.audit.chain import MOST_IMAGES
from ripguard.platform.audit.log import Audit
from ripguard.platform.callers import Caller
from ripguard.platform.clock import Clock, now
from ripguard.platform.custody import Custody
from ripguard.platform.database.engine import Database
from ripguard.platform.deposits.deposits import Deposits
from ripguard.platform.deposits.indexes import PartialIndex
from ripguard.platform.deposits.lookup import Found, find
from ripguard.platform.errors import Absent, LimitReached
from ripguard.release.record import signed_part

Units = list[tuple[str, str]]


@dataclass(frozen=True)
class Admitted:
    """Result for one image of a batch.

    Attributes:
        digest: as it was given.
        found: the image, None if it is refused.
        limited: whether a limit refuses it; otherwise there is no such image, or the caller may not restore it. Both
            look the same.
        retry_after: seconds until a limit that refuses it is whole again, 0 if never.
    """

    digest: bytes
    found: Found | None = None
    limited: bool = False
    retry_after: int = 0


@dataclass(frozen=True)
class Parts:
    """What admissions stand on."""

    database: Database
    audit: Audit
    custody: Custody
    deposits: Deposits
    budget: Budget
    clock: Clock = now


class Admission:
    """One caller's restoration from one dataset. Not for several threads.

    Args:
        using: ids of the grants under which images were admitted before, if they are to leave now.

    Raises:
        Absent: there is no such dataset, or the caller may not restore from it.
        SignInFailed: the token ended.
    """

    def __init__(self, parts: Parts, caller: Caller, dataset: str, using: frozenset[str] = frozenset()) -> None:
        self._parts, self._caller, self._dataset = parts, caller, dataset
        self._using = using  # grants of the batch that is being restored
        self._pulse, self._until = -1, 0
        self._units: dict[int, Units] = {}
        self._decided: Standing | None = None  # of the last batch
        self.check()

    @property
    def using(self) -> frozenset[str]:
        """Ids of the grants of the last batch; none for an owner's own images."""
        return self._using

    def check(self) -> None:
        """Call it before each image leaves. Usually one query of one row.

        Raises:
            Absent, SignInFailed: the right to restore ended. Nothing more may leave.
        """
        with self._parts.database.read() as connection:
            counted = pulse.counted(connection)
            if counted == self._pulse and self._parts.clock() < self._until:
                return
            found = self._standing(connection)
            ends = [found.caller.expires_at]
            if found.relation is not Relation.OWN:
                used = [self._parts.budget.grants.get(connection, one) for one in sorted(self._using)]
                if any(one.revoked or one.terms.ends_at <= self._parts.clock() for one in used):
                    raise Absent.of("dataset")
                ends += [one.terms.ends_at for one in used]
                if not used:
                    require(found.decide(Verb.RESTORE), Kind.DATASET)
                    ends += [one.terms.ends_at for one in found.grants]
            self._pulse, self._until = counted, min(ends)

    def opens(self, files: Sequence[bytes] = (), samples: Sequence[bytes] = ()) -> frozenset[bytes]:
        """Which of these digests are those of images that the caller may restore, but for limits. Nothing is counted.

        Raises:
            Absent, SignInFailed: the right to restore ended.
            LimitReached: the token had too many batches without one image of the dataset.
        """
        self._parts.budget.throttle.refuse_waiting(f"token {self._caller.accessor}")
        with self._parts.database.read() as connection:
            found = self._standing(connection)
            known = find(connection, self._dataset, files, samples)
            return frozenset(one for one, image in known.items() if found.opens(self._units_of(connection, image)))

    def admit(self, files: Sequence[bytes] = (), samples: Sequence[bytes] = ()) -> list[Admitted]:
        """Decide about a batch, count it, and record it. When this returns, the record is durable.

        Args:
            files: SHA-256 of files as they were published.
            samples: digests of samples, for images whose files are not those that were published.

        Returns:
            One result for each digest, files first.

        Raises:
            Absent, SignInFailed: the right to restore ended.
            LimitReached: the token had too many batches without one image of the dataset.
            AuditUnavailable: the record cannot be written. Nothing may leave.
            UsageError: more than 64 images.
        """
        digests = [*files, *samples]
        if len(digests) > MOST_IMAGES:
            raise UsageError(f"{len(digests)} images in one batch, at most {MOST_IMAGES}")
        subject = f"token {self._caller.accessor}"
        self._parts.budget.throttle.refuse_waiting(subject)
        with self._parts.audit.transaction() as journal:
            connection = journal.connection
            counted = pulse.counted(connection)  # before the decision: a later revocation is seen by check()
            found = self._standing(connection)
            require(found.decide(Verb.RESTORE), Kind.DATASET)
            self._decided = found
            known = find(connection, self._dataset, files, samples)
            open_ = {one: image for one, image in known.items() if found.opens(self._units_of(connection, image))}
            wanted: list[tuple[bytes, Grant | None]] = [
                (one, found.grant_for(self._units_of(connection, open_[one]))) for one in digests if one in open_
            ]
            spent = self._parts.budget.take(connection, found.caller, [grant for _, grant in wanted])
            results, taken = list[Admitted](), iter(spent.allowed)
            for one in digests:
                if one not in open_:
                    results.append(Admitted(one))
                elif next(taken):
                    results.append(Admitted(one, open_[one]))
                else:
                    results.append(Admitted(one, None, True, spent.retry_after))
            about = {"actor": found.caller.principal, "dataset": self._dataset, "note": self._caller.accessor}
            for version in sorted({one.found.version for one in results if one.found}):
                shown = [one.found.samples.hex() for one in results if one.found and one.found.version == version]
                own = {"version": version, "count": len(shown), "digests": shown}
                journal.record("restore", result="allowed", **own, **about)  # type: ignore[arg-type]
            if closed := [one.digest.hex() for one in results if one.found is None]:
                journal.record("restore", result="refused", count=len(closed), digests=closed, **about)  # type: ignore[arg-type]
        if digests and not open_:
            self._parts.budget.throttle.failed(subject)
        grants = [grant for (_, grant), allowed in zip(wanted, spent.allowed) if grant is not None and allowed]
        self._using = frozenset(grant.id for grant in grants)
        self._pulse = counted
        self._until = min([found.caller.expires_at, *(grant.terms.ends_at for grant in grants)])
        return results

    def units(self, version: int) -> frozenset[int]:
        """Numbers of the units of a version that the caller may restore; after a batch, as they were before it.

        A batch may use up a grant. Its images still need the keys.
        """
        with self._parts.database.read() as connection:
            found = self._decided or self._standing(connection)
            units = self._parts.deposits.units(connection, self._dataset, version)
        return frozenset(number for number, unit in enumerate(units) if found.opens([unit]))

    def index(self, version: int, names: bool = True) -> PartialIndex:
        """What a worker process needs of a version, still without images; see :meth:`Deposits.partial`."""
        return self._parts.deposits.partial(self._dataset, version, self.units(version), names)

    def fill(self, index: PartialIndex, version: int, batch: Sequence[Admitted]) -> None:
        """Put the admitted images of a version into its index, in the place of those of the batch before."""
        found = [one.found for one in batch if one.found is not None and one.found.version == version]
        lines = list(dict.fromkeys(line for one in found for line in one.rows))
        index.hold(lines, self._parts.deposits.residue(self._dataset, version, lines))

    @contextlib.contextmanager
    def keys(self, version: int) -> Iterator[GrantedKeys]:
        """Keys of the units that the caller may restore, in a ``with`` block: for the worker process, never to leave.

        Raises:
            Absent, SignInFailed: the right to restore ended.
            Damaged, KeyFileError: as :meth:`ripguard.platform.custody.Custody.opened`.
        """
        units = self.units(version)
        with self._parts.custody.release_keys(self._dataset, version) as keys:
            yield GrantedKeys.of(keys, units)

    def _standing(self, connection) -> Standing:  # type: ignore[no-untyped-def]
        """What the dataset is to the caller now. Raises :class:`Absent` for a closed one, and for none."""
        caller = self._parts.budget.tokens.still(connection, self._caller)
        dataset = self._parts.deposits.datasets.find(connection, self._dataset)
        found = standing(connection, self._parts.budget.grants, caller, dataset)
        if dataset.closed or (caller.dataset not in (None, dataset.id)):
            raise Absent.of("dataset")
        return found

    def _units_of(self, connection, image: Found) -> Units:  # type: ignore[no-untyped-def]
        if image.version not in self._units:
            self._units[image.version] = self._parts.deposits.units(connection, self._dataset, image.version)
        return [self._units[image.version][unit] for unit in sorted(image.units)]


def unit_keys(parts: Parts, caller: Caller, dataset: str, version: int | None = None) -> tuple[int, UnitRing]:
    """Deliver the keys of the units that grants of keys cover, and their version. Recorded before this returns.

    Whoever gets them restores these units offline, for ever.

    Args:
        version: None for the newest.

    Raises:
        Absent: no such dataset or version, or no grant of keys.
        SignInFailed: the token ended.
        LimitReached: the token has a limit of images, which keys would exceed.
        AuditUnavailable: the record cannot be written.
    """
    with parts.audit.transaction() as journal:
        connection = journal.connection
        caller = parts.budget.tokens.still(connection, caller)
        found = standing(connection, parts.budget.grants, caller, parts.deposits.datasets.find(connection, dataset))
        require(found.decide(Verb.TAKE_KEYS), Kind.DATASET)
        if parts.budget.tokens.limited(connection, caller):
            raise LimitReached("this token has a limit of images, and unit keys have none", "use another token")
        version = version or found.dataset.versions
        info = parts.deposits.info(connection, dataset, version)
        units = [(unit["split"], unit["label"]) for unit in info["units"]]
        grants = [one for one in found.grants if one.terms.delivery == KEYS]
        only = Standing(caller, found.dataset, found.relation, tuple(grants))
        numbers = [number for number, unit in enumerate(units) if only.opens([unit])]
        if not numbers:
            raise Absent.of("dataset")
        about = {"dataset": dataset, "version": version, "note": f"units {' '.join(map(str, numbers))}"}
        journal.record("deliver keys", caller.principal, result="allowed", **about)
    with parts.custody.release_keys(dataset, version) as keys:
        return version, UnitRing.of(keys, numbers, signed_part(info))
