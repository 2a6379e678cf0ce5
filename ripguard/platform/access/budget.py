"""Count images against all limits of a caller at once: grants, the account's quota of the day, and the token.

What one limit refuses is not counted by another: the counts are exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from ripguard.platform.access.grants import Grant, Grants
from ripguard.platform.callers import Caller
from ripguard.platform.clock import DAY, Clock, now
from ripguard.platform.database.engine import Database
from ripguard.platform.limits import Throttle, take
from ripguard.platform.settings import Limits
from ripguard.platform.tokens import Tokens


@dataclass(frozen=True)
class Spent:
    """Result for a batch.

    Attributes:
        allowed: for each image, whether the limits allow it.
        retry_after: seconds until the limit that refused some is whole again; 0 if it never is, or none refused.
    """

    allowed: list[bool]
    retry_after: int = 0


class Budget:
    """The limits of restoration."""

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        grants: Grants,
        throttle: Throttle,
        limits: Limits,
        clock: Clock = now,
    ) -> None:
        self.database, self.tokens, self.grants, self.throttle = database, tokens, grants, throttle
        self.limits, self.clock = limits, clock

    def take(self, connection: Connection, caller: Caller, wanted: Sequence[Grant | None]) -> Spent:
        """Count images, in the caller's transaction.

        Args:
            wanted: for each image the grant that allows it; None for an owner's own.
        """
        allowed, retry_after = [True] * len(wanted), 0
        while True:
            attempt = connection.begin_nested()
            short, wait = self._try(connection, caller, wanted, allowed)
            if short is None:
                attempt.commit()
                return Spent(allowed, retry_after)
            attempt.rollback()  # one limit allows less: count again what remains
            allowed, retry_after = short, max(retry_after, wait)

    def _try(
        self, connection: Connection, caller: Caller, wanted: Sequence[Grant | None], allowed: list[bool]
    ) -> tuple[list[bool] | None, int]:
        """Count all allowed images. Returns (what a limit leaves, seconds to wait) if it leaves less, else None."""
        counts: dict[str, int] = {}
        for grant, ok in zip(wanted, allowed):
            if ok and grant is not None:
                counts[grant.id] = counts.get(grant.id, 0) + 1
        for name in sorted(counts):  # in one order, as in every transaction: no deadlock
            if (got := self.grants.take(connection, name, counts[name])) < counts[name]:
                mine = [grant is not None and grant.id == name for grant in wanted]
                return _first(allowed, mine, got), 0
        total, everything, time = sum(allowed), [True] * len(wanted), self.clock()
        subject = f"account {caller.principal}"
        quotas = [(subject, "images", self.limits.images_a_day)]
        if time - caller.created_at < DAY:
            quotas.append((f"token {caller.accessor}", "first images", self.limits.new_images_a_day))
        for whose, kind, most in quotas:
            taken = take(self.database, connection, whose, kind, total, most, DAY, time)
            if taken.amount < total:
                return _first(allowed, everything, taken.amount), taken.retry_after
        if (left := self.tokens.take_images(connection, caller, total)) < total:
            return _first(allowed, everything, left), 0
        return None, 0


def _first(allowed: list[bool], mine: list[bool], count: int) -> list[bool]:
    """``allowed`` with only the first ``count`` of mine left."""
    result = []
    for ok, own in zip(allowed, mine):
        if ok and own:
            result.append(count > 0)
            count -= 1
        else:
            result.append(ok)
    return result
