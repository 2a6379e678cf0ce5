"""Requests for access, from question to grant, and what the public log shows."""

from __future__ import annotations

import pytest

from ripguard.errors import UsageError
from ripguard.platform.errors import Absent


@pytest.fixture
def listed(world):  # type: ignore[no-untyped-def]
    """The dataset, listed, with two criteria."""
    world.session("owner").change(world.dataset.id, listed=True, criteria=["Who are you?", "For how long?"])
    return world


def ask(world, name="user", **about):  # type: ignore[no-untyped-def]
    return world.session(name).ask(world.dataset.id, "to measure", ["a student", "a week"], **about)


def test_granted(listed):  # type: ignore[no-untyped-def]
    made = ask(listed)
    assert (made.state, made.answers) == ("open", [("Who are you?", "a student"), ("For how long?", "a week")])
    grant = listed.session("owner").grant_request(made.id, listed.terms(images=5), "welcome")
    (found,) = listed.session("user").requests(listed.dataset.id)
    assert (found.state, found.reason, found.granted) == ("granted", "welcome", grant.id)
    assert listed.session("user").restoring(listed.dataset.id)


def test_refused_and_asked_again(listed):  # type: ignore[no-untyped-def]
    made = ask(listed)
    with pytest.raises(UsageError, match="one that is open"):
        ask(listed)
    listed.session("owner").refuse_request(made.id, "not now")
    with pytest.raises(UsageError, match="refused already"):
        listed.session("owner").grant_request(made.id, listed.terms())
    assert ask(listed).state == "open"
    with pytest.raises(Absent):
        listed.session("user").restoring(listed.dataset.id)


def test_withdrawn(listed):  # type: ignore[no-untyped-def]
    made = ask(listed)
    with pytest.raises(Absent):
        listed.session("stranger").withdraw(made.id)
    listed.session("user").withdraw(made.id)
    assert [one.state for one in listed.session("owner").requests(listed.dataset.id)] == ["withdrawn"]


def test_a_grant_that_is_refused_leaves_the_request_open(listed):  # type: ignore[no-untyped-def]
    made = ask(listed)
    with pytest.raises(UsageError, match="end in the past"):
        listed.session("owner").grant_request(made.id, listed.terms(ends_at=1))
    assert listed.session("user").requests(listed.dataset.id)[0].state == "open"


@pytest.mark.parametrize("answers", [[], ["one"], ["one", "two", "three"], ["one", " "], ["one", "\x1b[2J"]])
def test_missing_answers(listed, answers):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError):
        listed.session("user").ask(listed.dataset.id, "to measure", answers)


def test_the_public_log(listed):  # type: ignore[no-untyped-def]
    """Requests made before the owner wanted a public log stay private, whatever they become."""
    first = ask(listed)
    listed.session("owner").change(listed.dataset.id, public_log=True)
    second = ask(listed, "stranger")
    for one in (first, second):
        listed.session("owner").refuse_request(one.id, "a private reason")
    (shown,) = listed.session("user").public_log(listed.dataset.id)
    assert (shown.name, shown.purpose, shown.state) == ("stranger", "to measure", "refused")
    assert "student" not in repr(shown)
    assert "private" not in repr(shown)
    assert second.id not in repr(shown)


def test_only_listed_datasets_are_asked_for(world):  # type: ignore[no-untyped-def]
    with pytest.raises(Absent):
        world.session("user").ask(world.dataset.id, "to measure")
    world.session("owner").change(world.dataset.id, listed=True)
    assert world.session("user").ask(world.dataset.id, "to measure", label=None).state == "open"
    assert [one.dataset for one in world.platform.requests.of_principal(world.accounts["user"].id)] == [
        world.dataset.id
    ]
    world.session("owner").close(world.dataset.id)
    with pytest.raises(Absent):
        world.session("stranger").ask(world.dataset.id, "to measure")
