"""The use cases: who may do what to which object, on real objects; absent and forbidden are the same answer."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from ripguard.crypto.unitfile import UnitRing
from ripguard.errors import UsageError
from ripguard.platform.audit.verifying import export
from ripguard.platform.callers import Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.database.tables import metadata
from ripguard.platform.errors import Absent, SignInFailed
from ripguard.platform.roles import Role, Scope

# what each account may do in the world of the fixture: the dataset is of "owner", "user" has a grant of keys
EVERYBODY = {"datasets", "accounts", "account"}
ISSUING = {"tokens", "issue_token", "revoke_token"}
OWN = {"grants", "requests", "public_log", "dataset", "names"}
MAY = {
    "owner": EVERYBODY | ISSUING | OWN | {
        "create_dataset", "deposit", "change", "close", "usage", "restoring", "grant", "invite", "revoke_grant",
        "grant_request", "refuse_request", "units",
    },
    "other": EVERYBODY | ISSUING | {"create_dataset"},
    "user": EVERYBODY | ISSUING | OWN | {"restoring", "unit_keys", "ask", "withdraw"},
    "stranger": EVERYBODY | ISSUING,
    "auditor": EVERYBODY | ISSUING | OWN | {"usage", "export_log", "log_length", "log_head", "verify_log"},
    "admin": EVERYBODY | ISSUING | {
        "dataset", "public_log", "create_account", "disable_account", "tokens_of_another", "issue_token_for_another",
        "revoke_token_of_another", "revoke_grant", "rotate_master",
    },
}  # fmt: skip


def calls(world, name, dataset, grant, request):  # type: ignore[no-untyped-def]
    """Every use case, as this account would call it, by name."""
    session = world.session(name)
    own, another = world.callers[name].accessor, "other" if name != "other" else "user"
    return {
        "datasets": session.datasets,
        "dataset": lambda: session.dataset(dataset),
        "create_dataset": lambda: session.create_dataset("another"),
        "deposit": lambda: session.deposit(dataset, world.golden.container(), world.golden.secret),
        "change": lambda: session.change(dataset, public_log=True),
        "close": lambda: session.close(dataset),
        "usage": lambda: session.usage(dataset),
        "restoring": lambda: session.restoring(dataset),
        "unit_keys": lambda: session.unit_keys(dataset, 1),
        "grant": lambda: session.grant(dataset, "stranger", world.terms()),
        "invite": lambda: session.invite(dataset, "somebody", world.terms()),
        "revoke_grant": lambda: session.revoke_grant(grant),
        "grants": lambda: session.grants(dataset),
        "ask": lambda: session.ask(dataset, "to measure"),
        "requests": lambda: session.requests(dataset),
        "public_log": lambda: session.public_log(dataset),
        "withdraw": lambda: session.withdraw(request),
        "grant_request": lambda: session.grant_request(request, world.terms()),
        "refuse_request": lambda: session.refuse_request(request, "no"),
        "names": lambda: session.names(dataset),
        "units": lambda: session.units(dataset),
        "account": session.account,
        "accounts": session.accounts,
        "create_account": lambda: session.create_account("somebody", Role.USER),
        "disable_account": lambda: session.disable_account(world.accounts["stranger"].id),
        "tokens": session.tokens,
        "tokens_of_another": lambda: session.tokens(world.accounts[another].id),
        "issue_token": lambda: session.issue_token(Wanted()),
        "issue_token_for_another": lambda: session.issue_token(Wanted(), world.accounts[another].id),
        "revoke_token": lambda: session.revoke_token(own),
        "revoke_token_of_another": lambda: session.revoke_token(world.callers[another].accessor),
        "export_log": lambda: list(session.export_log()),
        "log_length": session.log_length,
        "log_head": session.log_head,
        "verify_log": session.verify_log,
        "rotate_master": session.rotate_master,
    }  # fmt: skip


def state(world):  # type: ignore[no-untyped-def]
    """Everything in the database, but the log."""
    with world.platform.database.read() as connection:
        tables = [one for one in metadata.sorted_tables if one.name not in ("audit", "audit_head")]
        return {one.name: connection.execute(select(one)).all() for one in tables}


@pytest.mark.parametrize("account", list(MAY))
def test_matrix(world, account):  # type: ignore[no-untyped-def]
    """Each account tries everything. What is denied changes nothing, and looks like an object that does not exist."""
    dataset = world.dataset.id
    grant = world.grant(delivery="keys")
    request = world.platform.requests.ask(dataset, world.accounts["user"].id, "to measure").id
    made = calls(world, account, dataset, grant, request)
    absent = calls(world, account, "ds_none", "gr_none", "rq_none")
    denied = {case for case in made if case not in MAY[account]}
    before = state(world)
    for case in sorted(denied):
        with pytest.raises(Absent) as refused:
            made[case]()
        if case not in ("issue_token_for_another", "tokens_of_another", "revoke_token_of_another"):
            with pytest.raises(Absent) as missing:
                absent[case]()
            assert str(refused.value) == str(missing.value), case
    assert state(world) == before
    last = ["withdraw", "revoke_grant", "close", "disable_account", "revoke_token"]  # these end others
    allowed = [case for case in made if case not in denied]
    for case in sorted(allowed, key=lambda one: (one in last, one)):
        if case == "ask":  # there is an open request; the rule lets it pass, the request does not
            with pytest.raises(UsageError, match="one that is open"):
                made[case]()
        elif case == "refuse_request":
            with pytest.raises(UsageError, match="granted already"):
                made[case]()
        else:
            made[case]()


def test_a_token_for_a_dataset_that_is_not_seen(world):  # type: ignore[no-untyped-def]
    for dataset in ("ds_none", world.dataset.id):
        with pytest.raises(Absent, match="no such dataset"):
            world.session("stranger").issue_token(Wanted(dataset=dataset))
    assert world.session("owner").issue_token(Wanted(dataset=world.dataset.id)).text


def test_a_token_in_the_place_of_an_id_is_not_recorded(world):  # type: ignore[no-untyped-def]
    token = world.texts["stranger"]
    for call in (world.session("stranger").restoring, world.session("stranger").tokens):
        with pytest.raises(Absent):
            call(token)
    lines = list(export(world.platform.database))
    assert not any(token in line for line in lines)
    assert [json.loads(line)["note"] for line in lines[-2:]] == ["dataset rgd_…", "token rgd_…"]


def test_denials_are_recorded(world):  # type: ignore[no-untyped-def]
    with pytest.raises(Absent):
        world.session("stranger").restoring(world.dataset.id)
    with pytest.raises(Absent):
        world.session("stranger").restoring("ds_none")
    found = [json.loads(line) for line in export(world.platform.database)][-2:]
    assert [(one["action"], one["result"], one["actor"]) for one in found] == [
        ("restore", "denied", world.accounts["stranger"].id)
    ] * 2
    assert found[0]["note"] == f"dataset {world.dataset.id}"


def test_only_own_rows(world):  # type: ignore[no-untyped-def]
    world.session("owner").change(world.dataset.id, listed=True)
    for name in ("user", "stranger"):
        world.grant(name)
        world.session(name).ask(world.dataset.id, f"of {name}")
    user = world.accounts["user"].id
    assert {one.principal for one in world.session("user").grants(world.dataset.id)} == {user}
    assert {one.principal for one in world.session("user").requests(world.dataset.id)} == {user}
    assert set(world.session("user").names(world.dataset.id).values()) == {"owner", "user"}
    assert set(world.session("owner").names(world.dataset.id).values()) == {"owner", "user", "stranger"}
    assert len(world.session("owner").grants(world.dataset.id)) == 2
    assert len(world.session("auditor").requests(world.dataset.id)) == 2
    assert [one.name for one in world.session("user").accounts()] == ["user"]
    assert len(world.session("admin").accounts()) == len(world.accounts)


def test_an_invited_user(world):  # type: ignore[no-untyped-def]
    """One call makes account, grant and token; the token opens this dataset alone."""
    token = world.session("owner").invite(world.dataset.id, "guest", world.terms(images=2))
    session = world.platform.session(token.text)
    assert token.expires_at == world.clock.now + DAY
    batch = session.restoring(world.dataset.id).admit(list(world.golden.files())[:3])
    assert [one.found is not None for one in batch] == [True, True, False]
    with pytest.raises(Absent):
        session.issue_token(Wanted())
    with pytest.raises(UsageError, match="is taken"):
        world.session("owner").invite(world.dataset.id, "guest", world.terms())


def test_a_failed_invitation_leaves_nothing(world):  # type: ignore[no-untyped-def]
    dataset = world.dataset.id
    before = state(world)
    with pytest.raises(UsageError):
        world.session("owner").invite(dataset, "guest", world.terms(ends_at=5), life=10)
    assert state(world) == before


def test_a_limited_token(world):  # type: ignore[no-untyped-def]
    """It opens its dataset alone, and nothing of the platform."""
    other = world.session("owner").create_dataset("other")
    text = world.session("owner").issue_token(Wanted(dataset=other.id)).text
    session = world.platform.session(text)
    assert [one.name for one in session.datasets()] == ["other"]
    for call in (
        lambda: session.dataset(world.dataset.id),
        lambda: session.restoring(world.dataset.id),
        lambda: session.create_dataset("third"),
        lambda: session.grant(world.dataset.id, "user", world.terms()),
    ):
        with pytest.raises(Absent):
            call()
    assert session.revoke_token(session.caller.accessor) == 1
    with pytest.raises(SignInFailed):
        world.platform.session(text)


@pytest.mark.parametrize("scope", list(Scope))
def test_a_token_of_one_scope(world, scope):  # type: ignore[no-untyped-def]
    """Whatever its owner may do, it does only what the scope says."""
    dataset = world.dataset.id
    if scope not in (Scope.SEE, Scope.RESTORE, Scope.KEYS, Scope.DEPOSIT, Scope.GRANT, Scope.TOKENS):
        with pytest.raises(UsageError):
            world.session("owner").issue_token(Wanted(scopes=[scope]))
        return
    session = world.platform.session(world.session("owner").issue_token(Wanted(scopes=[scope])).text)
    does = {
        Scope.SEE: lambda: session.dataset(dataset),
        Scope.RESTORE: lambda: session.restoring(dataset),
        Scope.DEPOSIT: lambda: session.create_dataset("another"),
        Scope.GRANT: lambda: session.grant(dataset, "user", world.terms()),
        Scope.TOKENS: lambda: session.issue_token(Wanted()),
    }
    for own, call in does.items():
        if own is scope:
            call()
        else:
            with pytest.raises(Absent):
                call()


def test_a_closed_dataset_can_be_looked_at(world):  # type: ignore[no-untyped-def]
    owner = world.session("owner")
    owner.close(world.dataset.id)
    assert owner.dataset(world.dataset.id).dataset.closed
    assert owner.usage(world.dataset.id) == []
    for call in (
        lambda: owner.restoring(world.dataset.id),
        lambda: owner.deposit(world.dataset.id, [], bytes(32)),
        lambda: owner.grant(world.dataset.id, "user", world.terms()),
    ):
        with pytest.raises(Absent):
            call()


def test_results_hold_no_secret(world):  # type: ignore[no-untyped-def]
    """Whatever is returned to an owner, an admin or an auditor: no wrapped key, no dataset key, no token."""
    world.grant(delivery="keys")
    parts = [
        world.session("owner").datasets(),
        world.session("owner").dataset(world.dataset.id),
        world.session("admin").tokens(world.accounts["owner"].id),
        list(world.session("auditor").export_log()),
        world.session("user").unit_keys(world.dataset.id, 1),
    ]
    whole = repr(parts)
    assert world.golden.secret.hex() not in whole
    assert repr(world.golden.secret)[2:-1] not in whole
    assert not any(text in whole for text in world.texts.values())
    assert isinstance(parts[-1][1], UnitRing)
