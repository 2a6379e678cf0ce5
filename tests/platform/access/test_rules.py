"""The full matrix: role × relation × verb × kind of object, and scopes; against a table and against invariants."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.platform.access.rules import RULES, Decision, Kind, Relation, Verb, decide, require
from ripguard.platform.errors import Absent
from ripguard.platform.roles import SCOPES, Role, Scope

MATRIX = list(itertools.product(Role, Relation, Verb, Kind))
ALL = frozenset(Scope)

# what each role may do, by relation: "verb kind". Written apart from the rules; a relation has what is in its row only
LISTED = "see dataset, ask dataset"
GRANTED = f"{LISTED}, restore dataset"
OWN_USER = "see grant, see request, withdraw request, see account, see token, issue token, revoke token"
OWNED = (
    "see dataset, restore dataset, deposit dataset, grant dataset, invite dataset, change dataset, close dataset, "
    f"usage dataset, decide dataset, revoke dataset, {OWN_USER}"
)
ADMIN = (
    "see dataset, see account, create account, disable account, see token, issue token, revoke token, revoke grant, "
    "rotate platform"
)
AUDITOR = "see dataset, usage dataset, see grant, see request, see account, see log, export log, verify log"
MAY = {
    (Role.USER, Relation.LISTED): LISTED,
    (Role.USER, Relation.GRANTEE): GRANTED,
    (Role.USER, Relation.KEY_GRANTEE): f"{GRANTED}, take keys dataset",
    (Role.USER, Relation.OWN): OWN_USER,
    (Role.OWNER, Relation.NONE): "create platform",
    (Role.OWNER, Relation.LISTED): f"{LISTED}, create platform",
    (Role.OWNER, Relation.GRANTEE): f"{GRANTED}, create platform",
    (Role.OWNER, Relation.KEY_GRANTEE): f"{GRANTED}, take keys dataset, create platform",
    (Role.OWNER, Relation.OWN): f"{OWNED}, create platform",
    **{(Role.ADMIN, relation): ADMIN for relation in Relation},
    **{(Role.AUDITOR, relation): AUDITOR for relation in Relation},
    (Role.AUDITOR, Relation.OWN): f"{AUDITOR}, see token, issue token, revoke token",
}


def allowed(role: Role, relation: Relation, verb: Verb, kind: Kind, scopes: frozenset[Scope] = ALL) -> bool:
    return decide(verb, kind, role, relation, scopes) is Decision.ALLOW


@pytest.mark.parametrize(("role", "relation"), list(itertools.product(Role, Relation)))
def test_matrix(role, relation):  # type: ignore[no-untyped-def]
    found = {f"{verb} {kind}" for verb, kind in itertools.product(Verb, Kind) if allowed(role, relation, verb, kind)}
    assert found == set(filter(None, MAY.get((role, relation), "").split(", ")))


def test_only_who_has_a_grant_or_the_dataset_gets_images():
    for role, relation, verb, kind in MATRIX:
        if verb in (Verb.RESTORE, Verb.TAKE_KEYS) and allowed(role, relation, verb, kind):
            assert kind is Kind.DATASET
            assert role in (Role.OWNER, Role.USER)
            assert relation in (Relation.GRANTEE, Relation.KEY_GRANTEE, Relation.OWN)
            assert relation is not Relation.OWN or role is Role.OWNER


def test_auditors_change_nothing_but_their_own_tokens():
    harmless = {Verb.SEE, Verb.USAGE, Verb.EXPORT, Verb.VERIFY}
    for relation, verb, kind in itertools.product(Relation, Verb, Kind):
        if allowed(Role.AUDITOR, relation, verb, kind) and verb not in harmless:
            assert (kind, relation) == (Kind.TOKEN, Relation.OWN)


def test_a_stranger_sees_nothing():
    for verb, kind in itertools.product(Verb, Kind):
        assert not allowed(Role.USER, Relation.NONE, verb, kind)


@given(
    st.sampled_from(MATRIX),
    st.frozensets(st.sampled_from(Scope)),
    st.frozensets(st.sampled_from(Scope)),
    st.booleans(),
)
def test_more_scopes_never_take_away(place, scopes, more, within):  # type: ignore[no-untyped-def]
    role, relation, verb, kind = place
    if decide(verb, kind, role, relation, scopes, within) is Decision.ALLOW:
        assert decide(verb, kind, role, relation, scopes | more, within) is Decision.ALLOW
        assert decide(verb, kind, role, relation, scopes, True) is Decision.ALLOW


@pytest.mark.parametrize(("kind", "verb"), list(RULES), ids=str)
def test_each_rule_needs_its_scope(kind, verb):  # type: ignore[no-untyped-def]
    rule = RULES[kind, verb]
    for role, relations in rule.roles.items():
        assert rule.scope in SCOPES[role]  # otherwise nobody of that role could ever use it
        for relation in relations:
            assert allowed(role, relation, verb, kind, frozenset({rule.scope}))
            assert not allowed(role, relation, verb, kind, ALL - {rule.scope})


def test_a_limited_token_outside_its_dataset():
    for role, relation, verb, kind in MATRIX:
        if decide(verb, kind, role, relation, ALL, within=False) is Decision.ALLOW:
            assert (kind, relation) == (Kind.TOKEN, Relation.OWN)


def test_absent_and_forbidden_look_the_same():
    with pytest.raises(Absent) as refused:
        require(Decision.ABSENT, Kind.DATASET)
    assert str(refused.value) == str(Absent.of("dataset"))
    require(Decision.ALLOW, Kind.DATASET)
