"""The rules of access: one pure function. What is not allowed is denied, and looks as if the object did not exist.

A rule allows a verb on a kind of object to pairs of a role and a relation to the object, for tokens with a scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, StrEnum

from ripguard.platform.errors import Absent
from ripguard.platform.roles import Role, Scope


class Kind(StrEnum):
    """Kinds of objects."""

    PLATFORM = "platform"
    ACCOUNT = "account"
    TOKEN = "token"
    DATASET = "dataset"
    GRANT = "grant"
    REQUEST = "request"
    LOG = "log"  # the audit log


class Relation(StrEnum):
    """What an object is to the caller. There is exactly one; the strongest that holds, in this order from the end."""

    NONE = "none"
    LISTED = "listed"  # a dataset that its owner lists for all accounts
    GRANTEE = "grantee"  # an unexpired, unrevoked grant of the dataset
    KEY_GRANTEE = "key grantee"  # the same, and the grant allows unit keys
    OWN = "own"  # its own dataset, or an object of it; its own account, token, grant or request


class Verb(StrEnum):
    """What is done to an object."""

    SEE = "see"
    CREATE = "create"  # a dataset, below the platform
    INVITE = "invite"  # make the account of a user, with one token for one own dataset
    RESTORE = "restore"
    TAKE_KEYS = "take keys"
    ASK = "ask"  # for access
    DEPOSIT = "deposit"  # a version
    GRANT = "grant"
    CHANGE = "change"  # settings of a dataset
    CLOSE = "close"
    USAGE = "usage"
    DECIDE = "decide"  # a request
    WITHDRAW = "withdraw"
    REVOKE = "revoke"
    ISSUE = "issue"  # a token
    DISABLE = "disable"
    EXPORT = "export"
    VERIFY = "verify"
    ROTATE = "rotate"  # the master key


class Decision(Enum):
    ALLOW = "allow"
    ABSENT = "absent"  # denied, as if the object did not exist


@dataclass(frozen=True)
class Rule:
    """Who may: a scope that the token needs, and the relations that suffice for each role."""

    scope: Scope
    roles: dict[Role, frozenset[Relation]]


def _own(*roles: Role) -> dict[Role, frozenset[Relation]]:
    return dict.fromkeys(roles, frozenset({Relation.OWN}))


def _any(*roles: Role) -> dict[Role, frozenset[Relation]]:
    return dict.fromkeys(roles, frozenset(Relation))


OWNER, USER, AUDITOR, ADMIN = Role.OWNER, Role.USER, Role.AUDITOR, Role.ADMIN
GRANTED = frozenset({Relation.GRANTEE, Relation.KEY_GRANTEE})
KNOWN = GRANTED | {Relation.LISTED}

RULES: dict[tuple[Kind, Verb], Rule] = {
    (Kind.PLATFORM, Verb.CREATE): Rule(Scope.DEPOSIT, _any(OWNER)),
    (Kind.PLATFORM, Verb.ROTATE): Rule(Scope.ADMIN, _any(ADMIN)),
    (Kind.DATASET, Verb.SEE): Rule(Scope.SEE, {OWNER: KNOWN | {Relation.OWN}, USER: KNOWN, **_any(AUDITOR, ADMIN)}),
    (Kind.DATASET, Verb.RESTORE): Rule(Scope.RESTORE, {OWNER: GRANTED | {Relation.OWN}, USER: GRANTED}),
    (Kind.DATASET, Verb.TAKE_KEYS): Rule(Scope.KEYS, dict.fromkeys((OWNER, USER), frozenset({Relation.KEY_GRANTEE}))),
    (Kind.DATASET, Verb.ASK): Rule(Scope.SEE, {OWNER: KNOWN, USER: KNOWN}),
    (Kind.DATASET, Verb.DEPOSIT): Rule(Scope.DEPOSIT, _own(OWNER)),
    (Kind.DATASET, Verb.GRANT): Rule(Scope.GRANT, _own(OWNER)),
    (Kind.DATASET, Verb.INVITE): Rule(Scope.GRANT, _own(OWNER)),
    (Kind.DATASET, Verb.CHANGE): Rule(Scope.GRANT, _own(OWNER)),
    (Kind.DATASET, Verb.CLOSE): Rule(Scope.GRANT, _own(OWNER)),
    (Kind.DATASET, Verb.USAGE): Rule(Scope.SEE, {**_own(OWNER), **_any(AUDITOR)}),
    # the owner of the dataset, and the account that a grant or request is for, both have the relation "own";
    # who may decide or revoke is the owner of the dataset, so these are verbs on the dataset
    (Kind.DATASET, Verb.DECIDE): Rule(Scope.GRANT, _own(OWNER)),
    (Kind.DATASET, Verb.REVOKE): Rule(Scope.GRANT, _own(OWNER)),
    (Kind.GRANT, Verb.SEE): Rule(Scope.SEE, {**_own(OWNER, USER), **_any(AUDITOR)}),
    (Kind.GRANT, Verb.REVOKE): Rule(Scope.ADMIN, _any(ADMIN)),
    (Kind.REQUEST, Verb.SEE): Rule(Scope.SEE, {**_own(OWNER, USER), **_any(AUDITOR)}),
    (Kind.REQUEST, Verb.WITHDRAW): Rule(Scope.SEE, _own(OWNER, USER)),
    (Kind.ACCOUNT, Verb.SEE): Rule(Scope.SEE, {**_own(OWNER, USER), **_any(AUDITOR, ADMIN)}),
    (Kind.ACCOUNT, Verb.CREATE): Rule(Scope.ADMIN, _any(ADMIN)),
    (Kind.ACCOUNT, Verb.DISABLE): Rule(Scope.ADMIN, _any(ADMIN)),
    (Kind.TOKEN, Verb.SEE): Rule(Scope.SEE, {**_own(OWNER, USER, AUDITOR), **_any(ADMIN)}),
    (Kind.TOKEN, Verb.ISSUE): Rule(Scope.TOKENS, {**_own(OWNER, USER, AUDITOR), **_any(ADMIN)}),
    (Kind.TOKEN, Verb.REVOKE): Rule(Scope.SEE, {**_own(OWNER, USER, AUDITOR), **_any(ADMIN)}),
    (Kind.LOG, Verb.SEE): Rule(Scope.AUDIT, _any(AUDITOR)),
    (Kind.LOG, Verb.EXPORT): Rule(Scope.AUDIT, _any(AUDITOR)),
    (Kind.LOG, Verb.VERIFY): Rule(Scope.AUDIT, _any(AUDITOR)),
}
INSIDE = (Kind.DATASET, Kind.GRANT, Kind.REQUEST)  # kinds of objects that belong to a dataset


def decide(
    verb: Verb, kind: Kind, role: Role, relation: Relation, scopes: frozenset[Scope], within: bool = True
) -> Decision:
    """Decide about one call. Depends on its arguments alone.

    Args:
        relation: of the caller to the object; for an object that does not exist yet, to what it will belong to.
        scopes: of the caller's token.
        within: whether the object is inside the dataset that the token is limited to; True for an unlimited token. A
            limited token has no power outside datasets, except over tokens of its own account.
    """
    rule = RULES.get((kind, verb))
    if rule is None or rule.scope not in scopes:
        return Decision.ABSENT
    if not within and not (kind is Kind.TOKEN and relation is Relation.OWN):
        return Decision.ABSENT
    return Decision.ALLOW if relation in rule.roles.get(role, ()) else Decision.ABSENT


def require(decision: Decision, kind: Kind) -> None:
    """Raise :class:`Absent` unless allowed."""
    if decision is not Decision.ALLOW:
        raise Absent.of(kind.value)
