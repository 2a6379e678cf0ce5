"""Grants end by themselves, cover what they say, and are refused where they make no sense."""

from __future__ import annotations

import pytest

from ripguard.errors import UsageError
from ripguard.platform.access.grants import Terms, covers
from ripguard.platform.errors import Absent


def valid(world):  # type: ignore[no-untyped-def]
    with world.platform.database.read() as connection:
        return [one.id for one in world.platform.grants.valid(connection, world.dataset.id, world.accounts["user"].id)]


def test_ends_at_its_time(world):  # type: ignore[no-untyped-def]
    made = world.grant(ends_at=world.clock.now + 10)
    world.clock.now += 9
    assert valid(world) == [made]
    world.clock.now += 1
    assert valid(world) == []


def test_ends_with_its_last_image(world):  # type: ignore[no-untyped-def]
    made = world.grant(images=3)
    with world.platform.database.write() as connection:
        assert world.platform.grants.take(connection, made, 2) == 2
        assert world.platform.grants.take(connection, made, 2) == 1
        assert world.platform.grants.take(connection, made, 1) == 0
    assert valid(world) == []


def test_revoked(world):  # type: ignore[no-untyped-def]
    made = world.grant()
    world.platform.grants.revoke(made, "pr_1")
    world.platform.grants.revoke(made, "pr_1")
    assert valid(world) == []
    with world.platform.database.write() as connection:
        assert world.platform.grants.take(connection, made, 1) == 0
    with pytest.raises(Absent):
        world.platform.grants.revoke("gr_none", "pr_1")


@pytest.mark.parametrize(
    ("split", "label", "unit", "ok"),
    [
        (None, None, ("train", "a"), True),
        ("train", None, ("train", "a"), True),
        ("train", None, ("test", "a"), False),
        (None, "a", ("test", "a"), True),
        (None, "a", ("test", "b"), False),
        ("train", "a", ("train", "a"), True),
        ("train", "a", ("train", "b"), False),
        ("", None, ("", "a"), True),
        ("", None, ("train", "a"), False),
    ],
)
def test_covers(split, label, unit, ok):  # type: ignore[no-untyped-def]
    assert covers(split, label, *unit) == ok


@pytest.mark.parametrize(
    "about",
    [
        {"ends_at": 0},
        {"ends_at": 1_800_000_000},
        {"images": 0},
        {"images": -1},
        {"images": True},
        {"split": "nowhere"},
        {"label": "\0"},
        {"delivery": "everything"},
        {"delivery": "keys", "images": 5},
    ],
)
def test_bad_terms(world, about):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="grant"):
        world.grant(**about)


def test_nobody_there(world):  # type: ignore[no-untyped-def]
    grants, user = world.platform.grants, world.accounts["user"].id
    for dataset, principal in (
        ("ds_none", user),
        (world.dataset.id, "pr_none"),
        (world.dataset.id, world.accounts["admin"].id),
        (world.dataset.id, world.accounts["auditor"].id),
    ):
        with pytest.raises(Absent):
            grants.create(dataset, principal, Terms(ends_at=world.clock.now + 1), "pr_1")
    world.platform.principals.disable(user, "pr_1")
    with pytest.raises(Absent):
        world.grant()
    world.platform.datasets.close(world.dataset.id, "pr_1")
    with pytest.raises(Absent):
        world.grant("stranger")


def test_listed_for_the_dataset(world):  # type: ignore[no-untyped-def]
    world.grant()
    world.clock.now += 1
    second = world.grant("stranger", images=2)
    found = world.platform.grants.of_dataset(world.dataset.id)
    assert [one.principal for one in found] == [world.accounts[name].id for name in ("stranger", "user")]
    assert (found[0].id, found[0].terms.images, found[0].used) == (second, 2, 0)
