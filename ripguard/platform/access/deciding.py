"""The decisions of a session: each loads what an object is to the caller, applies the rules, and records a denial."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection

from ripguard.platform.access.admission import Parts
from ripguard.platform.access.relations import Standing, standing
from ripguard.platform.access.requests import Requests
from ripguard.platform.access.rules import Decision, Kind, Relation, Verb, decide, require
from ripguard.platform.callers import Caller
from ripguard.platform.deposits.datasets import Dataset
from ripguard.platform.errors import Absent
from ripguard.platform.logs import without_tokens
from ripguard.platform.principals import Principals


@dataclass(frozen=True)
class Tools:
    """What sessions stand on. ``longest_life``: seconds, the most that a token lives."""

    parts: Parts
    principals: Principals
    requests: Requests
    longest_life: int


class Deciding:
    """A caller, and the decisions about what it does.

    Attributes:
        caller: as its token was authenticated. Admission reads it again for every batch.
    """

    def __init__(self, tools: Tools, caller: Caller) -> None:
        self.caller, self._tools, self._parts = caller, tools, tools.parts
        self._datasets, self._grants = tools.parts.deposits.datasets, tools.parts.budget.grants
        self._tokens = tools.parts.budget.tokens

    def _may(self, verb: Verb, dataset: str) -> Standing:
        with self._denials(verb, Kind.DATASET, dataset), self._parts.database.read() as connection:
            found = self._standing(connection, self._datasets.find(connection, dataset))
            require(found.decide(verb), Kind.DATASET)
            return found

    def _may_decide(self, request: str) -> None:
        with self._denials(Verb.DECIDE, Kind.REQUEST, request), self._parts.database.read() as connection:
            about = self._tools.requests.get(connection, request).dataset
            found = self._standing(connection, self._datasets.find(connection, about))
            require(found.decide(Verb.DECIDE), Kind.REQUEST)

    def _may_platform(self, verb: Verb, kind: Kind) -> None:
        with self._denials(verb, kind, ""):
            require(self._decide(verb, kind, Relation.NONE), kind)

    def _may_token(self, verb: Verb, principal: str) -> None:
        relation = Relation.OWN if principal == self.caller.principal else Relation.NONE
        with self._denials(verb, Kind.TOKEN, principal):
            require(self._decide(verb, Kind.TOKEN, relation), Kind.ACCOUNT)

    def _decide(self, verb: Verb, kind: Kind, relation: Relation, dataset: str = "") -> Decision:
        within = self.caller.dataset in (None, dataset)
        return decide(verb, kind, self.caller.role, relation, self.caller.scopes, within)

    def _standing(self, connection: Connection, dataset: Dataset) -> Standing:
        return standing(connection, self._grants, self.caller, dataset)

    @contextlib.contextmanager
    def _denials(self, verb: Verb, kind: Kind, what: str) -> Iterator[None]:
        try:
            yield
        except Absent:
            with self._parts.audit.transaction() as journal:
                note = f"{kind.value} {without_tokens(what)[:80]}".strip()  # somebody may mistake a token for an id
                journal.record(verb.value, self.caller.principal, result="denied", note=note)
            raise
