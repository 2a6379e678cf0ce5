"""Tokens: random, hashed, limited, mortal; children have no more than their parents, and die with them."""

from __future__ import annotations

import re
import threading

import pytest
from sqlalchemy import select

from ripguard.errors import UsageError
from ripguard.platform.callers import Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.database.tables import tokens as table
from ripguard.platform.errors import Absent, LimitReached, SignInFailed
from ripguard.platform.roles import Scope


@pytest.fixture
def tokens(world):  # type: ignore[no-untyped-def]
    return world.platform.tokens


def issue(world, name="user", parent=None, **about):  # type: ignore[no-untyped-def]
    account = world.accounts[name]
    return world.platform.tokens.issue(account.id, Wanted(**about), account.id, parent)


def test_256_bits_that_nobody_stores(world, tokens):  # type: ignore[no-untyped-def]
    made = [issue(world).text for _ in range(20)]
    assert len(set(made)) == 20
    assert all(re.fullmatch(r"rgd_[A-Za-z0-9_-]{43}", one) for one in made)
    with world.platform.database.read() as connection:
        rows = repr(connection.execute(select(table)).all())
    assert not any(one in rows or one[4:] in rows for one in made)
    assert not any("digest" in row._fields for row in tokens.of(world.accounts["user"].id))


def test_not_in_repr(world):  # type: ignore[no-untyped-def]
    made = issue(world)
    assert made.text not in repr(made)


def test_expires(world, tokens):  # type: ignore[no-untyped-def]
    made = issue(world)
    assert made.expires_at == world.clock.now + DAY
    world.clock.now += DAY - 1
    assert tokens.authenticate(made.text).principal == world.accounts["user"].id
    world.clock.now += 1
    with pytest.raises(SignInFailed):
        tokens.authenticate(made.text)


@pytest.mark.parametrize("life", [-1, 90 * DAY + 1, True, 1.5])
def test_no_other_life(world, life):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="life"):
        issue(world, life=life)


def test_every_refusal_is_the_same(world, tokens):  # type: ignore[no-untyped-def]
    revoked, expired = issue(world), issue(world, life=1)
    disabled = issue(world, "stranger").text
    tokens.revoke(revoked.accessor, "pr_1")
    world.platform.principals.disable(world.accounts["stranger"].id, "pr_1")
    world.clock.now += 1
    good = world.texts["user"]
    wrong = [revoked.text, expired.text, disabled, good[:-1], good + "a", good.swapcase(), good[4:], "", " " + good]
    wrong += ["rgd_" + "ä" * 43, "Bearer " + good, None, 5]
    messages = set()
    for number, one in enumerate(wrong):
        with pytest.raises(SignInFailed) as refused:
            tokens.authenticate(one, str(number))
        messages.add(str(refused.value))
    assert len(messages) == 1


def test_an_address_with_failures_waits(world, tokens):  # type: ignore[no-untyped-def]
    """And a valid token from there still works."""
    waits = []
    for _ in range(world.platform.settings.limits.failures):
        with pytest.raises(SignInFailed):
            tokens.authenticate("guess", "1.2.3.4")
    for _ in range(3):
        with pytest.raises(SignInFailed):
            tokens.authenticate("guess", "1.2.3.4")
        with pytest.raises(LimitReached) as refused:
            tokens.authenticate("guess", "1.2.3.4")
        waits.append(refused.value.retry_after)
        world.clock.now += waits[-1]
    assert waits == [2, 4, 8]
    assert tokens.authenticate(world.texts["user"], "1.2.3.4")
    with pytest.raises(SignInFailed):
        tokens.authenticate("guess", "5.6.7.8")


def test_scopes(world, tokens):  # type: ignore[no-untyped-def]
    assert tokens.authenticate(issue(world, scopes=[Scope.SEE]).text).scopes == {Scope.SEE}
    for scopes in ([], [Scope.ADMIN], [Scope.SEE, Scope.DEPOSIT]):
        with pytest.raises(UsageError, match="scopes"):
            issue(world, scopes=scopes)


def test_children_have_no_more(world, tokens):  # type: ignore[no-untyped-def]
    dataset = world.dataset.id
    parent = tokens.authenticate(
        issue(world, scopes=[Scope.RESTORE, Scope.TOKENS], dataset=dataset, split="train", life=100).text
    )
    child = tokens.authenticate(issue(world, parent=parent).text)
    assert (child.scopes, child.dataset, child.split) == (parent.scopes, dataset, "train")
    assert child.expires_at == parent.expires_at
    narrow = tokens.authenticate(issue(world, parent=parent, dataset=dataset, label="a", scopes=[Scope.RESTORE]).text)
    assert (narrow.split, narrow.label, narrow.scopes) == ("train", "a", {Scope.RESTORE})
    other = world.platform.datasets.create(world.accounts["owner"].id, "other").id
    for about in ({"scopes": [Scope.SEE]}, {"dataset": other}, {"dataset": dataset, "split": "test"}, {"split": "x"}):
        with pytest.raises(UsageError):
            issue(world, parent=parent, **about)
    with pytest.raises(UsageError, match="another account"):
        issue(world, "stranger", parent=parent)


def test_children_die_with_their_parents(world, tokens):  # type: ignore[no-untyped-def]
    family = [issue(world)]
    for _ in range(3):
        family.append(issue(world, parent=tokens.authenticate(family[-1].text)))
    brother = issue(world, parent=tokens.authenticate(family[0].text))
    with pytest.raises(UsageError, match="generations"):
        issue(world, parent=tokens.authenticate(family[-1].text))
    assert tokens.revoke(family[1].accessor, "pr_1") == 3
    for one in family[1:]:
        with pytest.raises(SignInFailed):
            tokens.authenticate(one.text)
    assert tokens.authenticate(brother.text)
    assert tokens.revoke(family[0].accessor, "pr_1") == 2
    assert tokens.revoke(family[0].accessor, "pr_1") == 0
    with pytest.raises(Absent):
        tokens.revoke("tk_none", "pr_1")


def test_no_child_of_a_parent_that_ended(world, tokens):  # type: ignore[no-untyped-def]
    parent = tokens.authenticate(issue(world).text)
    tokens.revoke(parent.accessor, "pr_1")
    with pytest.raises(SignInFailed):
        issue(world, parent=parent)


def test_children_made_while_the_parent_is_revoked(world, tokens):  # type: ignore[no-untyped-def]
    """Whoever comes first: no child survives."""
    parent = tokens.authenticate(issue(world).text)
    made = list[str]()

    def make() -> None:
        for _ in range(6):
            try:
                made.append(issue(world, parent=parent).text)
            except SignInFailed:
                return

    threads = [threading.Thread(target=make) for _ in range(2)]
    for one in threads:
        one.start()
    tokens.revoke(parent.accessor, "pr_1")
    for one in threads:
        one.join()
    for number, text in enumerate(made):
        with pytest.raises(SignInFailed):
            tokens.authenticate(text, str(number))


def test_nobody_there(world, tokens):  # type: ignore[no-untyped-def]
    with pytest.raises(Absent):
        tokens.issue("pr_none", Wanted(), "pr_1")
    world.platform.principals.disable(world.accounts["user"].id, "pr_1")
    with pytest.raises(Absent):
        issue(world)


@pytest.mark.parametrize(
    "about",
    [{"split": "train"}, {"label": "a"}, {"images": 0}, {"images": True}, {"note": "x" * 201}, {"note": "\x07"}],
)
def test_bad_limits(world, about):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError):
        issue(world, **about)
