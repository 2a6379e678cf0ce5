"""A real PostgreSQL for tests: Debian's, started in a temporary folder, on a Unix socket, by an unprivileged user."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

NAMES = ("initdb", "pg_ctl", "postgres")
MISSING = "no PostgreSQL here: apt-get install postgresql"
# what a crash would lose does not matter here
FAST = "-c fsync=off -c full_page_writes=off -c shared_buffers=16MB -c max_connections=60 -c listen_addresses=''"


def programs() -> Path | None:
    """Folder of the server's programs; Debian keeps them outside the path."""
    places = [Path(found).resolve().parent for name in NAMES[:1] if (found := shutil.which(name))]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((place for place in places if all((place / name).exists() for name in NAMES)), None)


def unprivileged() -> list[str] | None:
    """Start of a command that runs as a user whom the server accepts: it refuses root. None: there is none."""
    if os.geteuid():
        return []
    for user in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            pwd.getpwnam(user)
            if found := shutil.which("runuser"):
                return [found, "-u", user, "--"]
    return None


@contextlib.contextmanager
def server() -> Iterator[str]:
    """A running server; yields the URL of its database ``postgres``. Raises :class:`FileNotFoundError`."""
    place, start = programs(), unprivileged()
    if place is None or start is None:
        raise FileNotFoundError(MISSING)
    folder = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has about 100 bytes at most
    try:
        if start:
            found = pwd.getpwnam(start[2])
            os.chown(folder, found.pw_uid, found.pw_gid)

        def call(*command: str) -> None:
            done = subprocess.run([*start, *command], capture_output=True, text=True, cwd="/")
            assert done.returncode == 0, done.stdout + done.stderr

        data = str(folder / "data")
        call(str(place / "initdb"), "-D", data, "-U", "tests", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C")
        options = f"{FAST} -k {folder}"
        call(str(place / "pg_ctl"), "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg://tests@/postgres?host={folder}"
        finally:
            call(str(place / "pg_ctl"), "-D", data, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
