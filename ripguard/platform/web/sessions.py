"""Sessions of the web page: who signed in with a token has a random id in a cookie, and the database its SHA-256.

A session is its token, and no more: it has the same rights, counts for the same limits, and ends with it.
"""

from __future__ import annotations

import hashlib
import secrets

from sqlalchemy import delete, insert, select, update

from ripguard.platform.callers import Caller
from ripguard.platform.clock import MINUTE
from ripguard.platform.core import Platform
from ripguard.platform.database.tables import web_sessions as table
from ripguard.platform.errors import SignInFailed

IDLE = 30 * MINUTE  # seconds without a call, after which a session ends
NOTED = MINUTE  # seconds between two notes that it is used: not every call writes


class WebSessions:
    """The sessions of all server processes that share a database."""

    def __init__(self, platform: Platform) -> None:
        self._database, self._tokens, self._clock = platform.database, platform.tokens, platform.clock

    def open(self, caller: Caller) -> str:
        """A new session of a token; returns its id, 256 random bits, which nothing here keeps."""
        made, time = secrets.token_urlsafe(32), self._clock()
        row = {"digest": _digest(made), "accessor": caller.accessor, "created_at": time, "used_at": time}
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.used_at <= time - IDLE))
            connection.execute(insert(table).values(**row))
        return made

    def caller(self, name: str) -> Caller:
        """Who signed in. Raises :class:`SignInFailed` if the session or its token ended, or there is none."""
        time, own = self._clock(), table.c.digest == _digest(name)
        with self._database.read() as connection:
            row = connection.execute(select(table).where(own, table.c.used_at > time - IDLE)).one_or_none()
        if row is None:
            raise SignInFailed("you are signed out", "sign in again")
        caller = self._tokens.caller(row.accessor)
        if time - row.used_at >= NOTED:
            with self._database.write() as connection:
                connection.execute(update(table).where(own).values(used_at=time))
        return caller

    def close(self, name: str) -> None:
        """End a session. Its token stays."""
        with self._database.write() as connection:
            connection.execute(delete(table).where(table.c.digest == _digest(name)))


def _digest(name: str) -> bytes:
    return hashlib.sha256(name.encode("utf-8", "replace")).digest()
