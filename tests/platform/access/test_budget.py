"""Every limit holds to the image, alone and together, in several processes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ripguard.platform.callers import Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.core import Platform
from ripguard.platform.settings import Limits


def admitted(admission, files):  # type: ignore[no-untyped-def]
    return [one.found is not None for one in admission.admit(files)]


@pytest.fixture
def files(world):  # type: ignore[no-untyped-def]
    return list(world.golden.files())[:3]


def other_process(world, **limits):  # type: ignore[no-untyped-def]
    """Another server on the same database."""
    settings = replace(world.platform.settings, limits=replace(Limits(), **limits), host="other")
    return Platform.start(settings, world.clock)


def test_quota_of_a_day_exceeded_by_one(world, files):  # type: ignore[no-untyped-def]
    world.grant(ends_at=world.clock.now + 3 * DAY)
    one, two = (other_process(world, images_a_day=4) for _ in range(2))
    first, second = (each.admission(world.callers["user"], world.dataset.id) for each in (one, two))
    assert admitted(first, files) == [True] * 3
    batch = second.admit(files[:2])
    assert [(each.found is not None, each.limited) for each in batch] == [(True, False), (False, True)]
    assert batch[1].retry_after == DAY - world.clock.now % DAY
    assert admitted(first, files[:1]) == [False]
    world.clock.now += batch[1].retry_after
    assert admitted(first, files) == [True] * 3
    one.close()
    two.close()


def test_a_new_token_starts_slowly(world, files):  # type: ignore[no-untyped-def]
    world.grant(ends_at=world.clock.now + 3 * DAY)
    slow = other_process(world, new_images_a_day=2)
    admission = slow.admission(world.callers["user"], world.dataset.id)
    assert admitted(admission, files) == [True, True, False]
    world.clock.now += DAY
    assert admitted(admission, files) == [True] * 3
    slow.close()


def test_images_of_a_token_and_its_parents(world, files):  # type: ignore[no-untyped-def]
    world.grant()
    tokens = world.platform.tokens
    parent = tokens.authenticate(world.session("user").issue_token(Wanted(images=4)).text)
    children = [
        tokens.authenticate(world.platform.session_of(parent).issue_token(Wanted(images=3)).text) for _ in range(2)
    ]
    first, second = (world.platform.admission(one, world.dataset.id) for one in children)
    assert admitted(first, files) == [True] * 3
    assert admitted(second, files) == [True, False, False]  # the parent had one left
    assert admitted(first, files[:1]) == [False]
    assert admitted(world.session("user").restoring(world.dataset.id), files) == [True] * 3


def test_what_one_limit_refuses_no_other_counts(world, files):  # type: ignore[no-untyped-def]
    grant = world.grant(images=10)
    few = world.platform.tokens.authenticate(world.session("user").issue_token(Wanted(images=1)).text)
    assert admitted(world.platform.admission(few, world.dataset.id), files) == [True, False, False]
    with world.platform.database.read() as connection:
        assert world.platform.grants.get(connection, grant).used == 1


def test_grants_for_parts_of_a_batch(world):  # type: ignore[no-untyped-def]
    units = world.golden.release.info["units"]
    world.grant(split=units[0]["split"], label=units[0]["label"], images=1)
    world.grant(split=units[1]["split"], label=units[1]["label"])
    split = [list(world.golden.files(units[number]["split"], units[number]["label"])) for number in (0, 1)]
    files = [*split[0], *split[1]]
    got = admitted(world.session("user").restoring(world.dataset.id), files)
    assert got == [number == 0 for number in range(len(split[0]))] + [True] * len(split[1])
