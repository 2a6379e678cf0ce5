"""Sessions in the database, on SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from ripguard.platform.callers import Wanted
from ripguard.platform.core import Platform
from ripguard.platform.database.tables import web_sessions
from ripguard.platform.errors import SignInFailed
from ripguard.platform.web.sessions import IDLE, NOTED, WebSessions


def rows(platform):  # type: ignore[no-untyped-def]
    with platform.database.read() as connection:
        return connection.execute(select(web_sessions)).all()


def test_it_stands_for_its_token(world):  # type: ignore[no-untyped-def]
    sessions = WebSessions(world.platform)
    names = {name: sessions.open(caller) for name, caller in world.callers.items()}
    assert {name: sessions.caller(value) for name, value in names.items()} == world.callers
    assert len(set(names.values())) == len(names)


def test_another_server_process_knows_it(world, settings, clock):  # type: ignore[no-untyped-def]
    name = WebSessions(world.platform).open(world.callers["user"])
    other = Platform.start(settings, clock)
    assert WebSessions(other).caller(name) == world.callers["user"]
    WebSessions(other).close(name)
    other.close()
    with pytest.raises(SignInFailed):
        WebSessions(world.platform).caller(name)


def test_the_database_cannot_be_used_to_sign_in(world):  # type: ignore[no-untyped-def]
    name = WebSessions(world.platform).open(world.callers["user"])
    (row,) = rows(world.platform)
    assert name.encode() not in row.digest
    assert name not in str(row)
    for stolen in (row.digest.hex(), row.digest.decode("latin-1"), row.accessor):
        with pytest.raises(SignInFailed):
            WebSessions(world.platform).caller(stolen)


def test_it_ends_when_nothing_happens(world, clock):  # type: ignore[no-untyped-def]
    sessions = WebSessions(world.platform)
    name = sessions.open(world.callers["user"])
    for _ in range(3):
        clock.now += IDLE - 1
        sessions.caller(name)
    clock.now += IDLE
    with pytest.raises(SignInFailed, match="signed out"):
        sessions.caller(name)
    sessions.open(world.callers["owner"])
    assert [row.accessor for row in rows(world.platform)] == [world.callers["owner"].accessor]


def test_not_every_call_writes(world, clock):  # type: ignore[no-untyped-def]
    sessions, noted = WebSessions(world.platform), []
    name = sessions.open(world.callers["user"])
    for _ in range(8):
        clock.now += NOTED // 4
        sessions.caller(name)
        noted.append(rows(world.platform)[0].used_at)
    assert len(set(noted)) == 3


@pytest.mark.parametrize("end", ["revoke", "expire", "disable"])
def test_it_ends_with_its_token(world, clock, end):  # type: ignore[no-untyped-def]
    admin, user = world.session("admin"), world.accounts["user"].id
    made = world.platform.tokens.issue(user, Wanted(life=60), "platform")
    sessions = WebSessions(world.platform)
    name = sessions.open(world.platform.tokens.authenticate(made.text))
    sessions.caller(name)
    if end == "revoke":
        admin.revoke_token(made.accessor)
    elif end == "expire":
        clock.now += 60
    else:
        admin.disable_account(user)
    with pytest.raises(SignInFailed):
        sessions.caller(name)


@given(st.text(st.characters(codec=None), max_size=60))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_other_name_opens_one(world, name):  # type: ignore[no-untyped-def]
    with pytest.raises(SignInFailed):
        WebSessions(world.platform).caller(name)
