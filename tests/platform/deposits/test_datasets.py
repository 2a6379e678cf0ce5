"""Datasets and their settings."""

from __future__ import annotations

import pytest

from ripguard.errors import UsageError
from ripguard.platform.errors import Absent


def names(world, account, everything=False):  # type: ignore[no-untyped-def]
    return [one.name for one in world.platform.datasets.visible_to(world.accounts[account].id, everything)]


def test_one_of_each_name_an_owner(world):  # type: ignore[no-untyped-def]
    datasets, owner = world.platform.datasets, world.accounts["owner"].id
    datasets.create(owner, "photos")
    with pytest.raises(UsageError, match="called photos"):
        datasets.create(owner, "photos")
    assert datasets.create(world.accounts["other"].id, "photos").versions == 0


@pytest.mark.parametrize("name", ["", "Photos", "a b", "a/b", "..\n", "é", "-a", "a" * 65, None, 5])
def test_other_names(world, name):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="not a name"):
        world.platform.datasets.create(world.accounts["owner"].id, name)


def test_visible(world):  # type: ignore[no-untyped-def]
    assert world.dataset.name == "photos"
    assert names(world, "owner") == ["photos"]
    assert names(world, "user") == names(world, "other") == []
    assert names(world, "auditor", everything=True) == ["photos"]
    world.grant()
    assert names(world, "user") == ["photos"]
    world.clock.now += 30 * 86400
    assert names(world, "user") == []
    world.platform.datasets.change(world.dataset.id, "pr_1", listed=True)
    assert names(world, "stranger") == ["photos"]
    world.platform.datasets.close(world.dataset.id, "pr_1")
    assert names(world, "stranger") == []
    assert names(world, "owner") == ["photos"]


def test_changed(world):  # type: ignore[no-untyped-def]
    datasets, made = world.platform.datasets, world.dataset
    assert datasets.change(made.id, "pr_1") == made
    changed = datasets.change(made.id, "pr_1", listed=True, public_log=True, criteria=["Why?"])
    assert (changed.listed, changed.public_log, changed.criteria) == (True, True, ["Why?"])
    assert datasets.change(made.id, "pr_1", listed=False).criteria == ["Why?"]
    for criteria in (["?"] * 21, [""], ["\x00"], ["x" * 4001]):
        with pytest.raises(UsageError):
            datasets.change(made.id, "pr_1", criteria=criteria)
    with pytest.raises(Absent):
        datasets.change("ds_none", "pr_1", listed=True)
