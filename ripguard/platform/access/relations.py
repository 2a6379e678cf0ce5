"""What a dataset is to a caller, from the database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from ripguard.platform.access.grants import KEYS, Grant, Grants, covers
from ripguard.platform.access.rules import Decision, Kind, Relation, Verb, decide
from ripguard.platform.callers import Caller
from ripguard.platform.deposits.datasets import Dataset

ENDED = (Verb.RESTORE, Verb.TAKE_KEYS, Verb.ASK, Verb.DEPOSIT, Verb.GRANT, Verb.INVITE)  # not from a closed dataset


@dataclass(frozen=True)
class Standing:
    """A caller and a dataset.

    Attributes:
        grants: those of the caller that have not ended.
    """

    caller: Caller
    dataset: Dataset
    relation: Relation
    grants: tuple[Grant, ...] = ()

    def decide(self, verb: Verb, kind: Kind = Kind.DATASET) -> Decision:
        """The decision about the dataset, or about a new object in it. A closed dataset can only be looked at."""
        if self.dataset.closed and verb in ENDED:
            return Decision.ABSENT
        within = self.caller.dataset in (None, self.dataset.id)
        return decide(verb, kind, self.caller.role, self.relation, self.caller.scopes, within)

    def grant_for(self, units: list[tuple[str, str]]) -> Grant | None:
        """The grant, of those that end first, that covers all these units (split and label)."""
        return next((one for one in self.grants if all(one.covers(*unit) for unit in units)), None)

    def opens(self, units: list[tuple[str, str]]) -> bool:
        """Whether the caller may restore an image that belongs to all these units."""
        caller = self.caller
        if not all(covers(caller.split, caller.label, *unit) for unit in units):
            return False
        return self.relation is Relation.OWN or self.grant_for(units) is not None


def standing(connection: Connection, grants: Grants, caller: Caller, dataset: Dataset) -> Standing:
    """What a dataset is to a caller now."""
    if dataset.owner == caller.principal:
        return Standing(caller, dataset, Relation.OWN)
    valid = tuple(grants.valid(connection, dataset.id, caller.principal))
    if any(one.terms.delivery == KEYS for one in valid):
        return Standing(caller, dataset, Relation.KEY_GRANTEE, valid)
    if valid:
        return Standing(caller, dataset, Relation.GRANTEE, valid)
    listed = dataset.listed and not dataset.closed
    return Standing(caller, dataset, Relation.LISTED if listed else Relation.NONE)
