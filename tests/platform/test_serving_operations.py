"""Servers as processes: stopped under load, killed, two on one database, and what they log."""

from __future__ import annotations

import contextlib
import hashlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from helpers import good, refused
from sqlalchemy import create_engine, make_url, text
from uploads import tar_of

from ripguard.cli.serve import LIMITS, limits_of
from ripguard.errors import UsageError
from ripguard.platform.audit.verifying import export, verify
from ripguard.platform.callers import Wanted
from ripguard.platform.client import Client, Image
from ripguard.platform.core import Platform
from ripguard.platform.errors import Absent, LimitReached
from ripguard.platform.roles import Role
from ripguard.platform.settings import Limits, Settings

NUMBERS = itertools.count()


@dataclass
class Process:
    """A server process; ``log``: the file of its standard error."""

    folder: Path
    more: tuple[str, ...] = ()
    process: subprocess.Popen = field(init=False)  # type: ignore[type-arg]
    address: str = ""

    @property
    def log(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.log")

    def start(self) -> Process:
        command = [sys.executable, "-m", "ripguard", "serve", "--data", self.folder, "--port", "0", "--workers", "1"]
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [*command, "--json", "--log-json", *self.more], stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.address = json.loads(self.process.stdout.readline())["address"]  # type: ignore[union-attr]
        return self

    def stop(self, sign: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            self.process.send_signal(sign)
            self.process.wait()


@contextlib.contextmanager
def stopped(*servers: Process) -> Iterator[None]:
    try:
        yield
    finally:
        for one in servers:
            one.stop()


def prepared(settings: Settings) -> dict[str, str]:
    """A platform with an owner and a user; their tokens."""
    platform = Platform.start(settings)
    platform.first_admin()
    tokens = {}
    for name, role in (("owner", Role.OWNER), ("user", Role.USER)):
        account = platform.principals.create(name, role, "platform")
        tokens[name] = platform.tokens.issue(account.id, Wanted(), "platform").text
    platform.close()
    return tokens


def deposited(address: str, tokens: dict[str, str], hundred) -> str:  # type: ignore[no-untyped-def]
    with Client(address, tokens["owner"]) as owner:
        dataset = owner.call("POST", "/v1/datasets", {"name": "photos"})["id"]
        owner.deposit(dataset, hundred.root, hundred.key)
        terms = {"account": "user", "ends_at": int(time.time()) + 3600}
        owner.call("POST", f"/v1/datasets/{dataset}/grants", terms)
    return str(dataset)


def many(hundred, times: int) -> list[tuple[str, bytes]]:  # type: ignore[no-untyped-def]
    return [(f"{again}/{path}", data) for again in range(times) for path, data in sorted(hundred.published.items())]


def until(what, seconds: float = 500) -> None:  # type: ignore[no-untyped-def]
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def parts_of(body: bytes) -> tuple[dict[str, bytes], dict | None]:  # type: ignore[type-arg]
    """Whole members of an answer, and its list; None if it was cut off."""
    found: dict[str, bytes] = {}
    with contextlib.suppress(tarfile.TarError, EOFError, OSError), tarfile.open(fileobj=io.BytesIO(body)) as archive:
        for one in archive:
            data = archive.extractfile(one).read()  # type: ignore[union-attr]
            if len(data) == one.size:
                found[one.name] = data
    raw = found.pop("RESULT.json", None)
    return found, json.loads(raw) if raw else None


def downloaded(server: Process, token: str, dataset: str, body: bytes, into: bytearray) -> None:
    headers, place = {"Authorization": f"Bearer {token}"}, f"{server.address}/v1/datasets/{dataset}/restore"
    with contextlib.suppress(httpx.HTTPError), httpx.Client(timeout=300, trust_env=False) as http:  # noqa: SIM117
        with http.stream("POST", place, content=body, headers=headers) as answer:
            if answer.status_code == 200:
                for piece in answer.iter_bytes():
                    into += piece


def secrets_of(folder: Path, tokens: dict[str, str], hundred) -> list[str]:  # type: ignore[no-untyped-def]
    key, master = hundred.key.secret, (folder / "master.key").read_text().splitlines()[-1]
    return [*tokens.values(), key.hex(), repr(key)[2:-1], master, master[-40:], "rgd_"]


def test_a_stop_under_load(hundred, tmp_path):  # type: ignore[no-untyped-def]
    """SIGTERM while two answers and a job run: no cut download looks complete, the job goes on, no secret is logged."""
    folder = tmp_path / "platform"
    tokens, images = prepared(Settings(folder=folder)), many(hundred, 12)
    server = Process(folder).start()
    with stopped(server):
        dataset = deposited(server.address, tokens, hundred)
        with Client(server.address, tokens["user"]) as user:
            job = user.create_job(dataset, "k", images)["id"]
            with pytest.raises(Absent):
                user.call("GET", "/v1/jobs/jb_rgd_none")
            bodies = [bytearray(), bytearray()]
            arguments = [(server, tokens["user"], dataset, tar_of(images), one) for one in bodies]
            threads = [threading.Thread(target=downloaded, args=one) for one in arguments]
            for one in threads:
                one.start()
            until(lambda: all(bodies) and user.call("GET", f"/v1/jobs/{job}")["images"])
        server.stop()
        for one in threads:
            one.join()
        for body in bodies:
            found, result = parts_of(bytes(body))
            whole = result is not None and result["complete"]
            assert not whole or len(found) == len(images)
            digests = {hashlib.sha256(one).hexdigest() for one in found.values()}
            assert digests <= set(hundred.clean.values())
        server.start()
        with Client(server.address, tokens["user"]) as user:
            until(lambda: user.call("GET", f"/v1/jobs/{job}")["state"] == "done")
            results = list(user.job_result(job))
            (tmp_path / "t").write_text(tokens["user"])
            (tmp_path / "t").chmod(0o600)
            mine = ("--server", server.address, "--token-file", tmp_path / "t")
            assert [one["id"] for one in good("platform", "jobs", *mine)["jobs"]] == [job]
            assert good("platform", "jobs", job, *mine)["state"] == "done"
            assert "job: it is done" in refused(2, "platform", "jobs", job, "--resume", *mine)
            assert "no job" in refused(2, "platform", "jobs", "--cancel", *mine)
            numbers = httpx.get(f"{server.address}/metrics", trust_env=False).text
    assert [one.upload for one in results] == [name for name, _ in images]
    assert all(hashlib.sha256(one.data).hexdigest() == hundred.clean[one.home] for one in results)
    assert 'ripguard_jobs{state="running"} 0.0' in numbers
    assert "ripguard_job_seconds_count" in numbers
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert {"request", "job ended"} <= {one["message"] for one in lines}
    assert not [one for one in secrets_of(folder, tokens, hundred) if one in server.log.read_text()]


@pytest.mark.slow
def test_killed_in_a_job(hundred, tmp_path):  # type: ignore[no-untyped-def]
    """kill -9: the next server goes on when the lease has ended, and every image of a result was recorded."""
    folder = tmp_path / "platform"
    tokens, images = prepared(Settings(folder=folder)), many(hundred, 10)
    server = Process(folder).start()
    with stopped(server):
        dataset = deposited(server.address, tokens, hundred)
        with Client(server.address, tokens["user"]) as user:
            job = user.create_job(dataset, "k", images)["id"]
            until(lambda: user.call("GET", f"/v1/jobs/{job}")["images"])
        server.stop(signal.SIGKILL)
        server.start()
        with Client(server.address, tokens["user"]) as user:
            assert user.call("GET", f"/v1/jobs/{job}")["images"] < len(images)
            until(lambda: user.call("GET", f"/v1/jobs/{job}")["state"] == "done")
            assert len(list(user.job_result(job))) == len(images)
    platform = Platform.start(Settings(folder=folder))
    lines = [json.loads(one) for one in export(platform.database)]
    recorded = sum(one["count"] for one in lines if one["action"] == "restore" and one["result"] == "allowed")
    assert verify(platform.audit).ok
    assert len(images) <= recorded <= len(images) + 4 * 64
    platform.close()


@pytest.fixture
def shared(server, tmp_path) -> Iterator[Settings]:  # type: ignore[no-untyped-def]
    """Settings of the first of two servers on an empty PostgreSQL."""
    if server is None:
        pytest.skip("no PostgreSQL here")
    name = f"pair{next(NUMBERS)}"
    execute(server, f"CREATE DATABASE {name}")
    url = make_url(server).set(database=name).render_as_string(hide_password=False)
    yield Settings(folder=tmp_path / "a", database=url, shared=tmp_path / "shared", host="a")
    execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def test_two_processes_on_one_database(hundred, shared, tmp_path):  # type: ignore[no-untyped-def]
    """A job made at one is seen at the other, and run once; limits are shared; a revocation at one stops the other."""
    tokens, images = prepared(shared), many(hundred, 3)
    more = ("--database", shared.database, "--shared", str(shared.shared), "--limit", "open_jobs=2")
    key = ("--master-key", str(shared.master_file))
    first = Process(tmp_path / "a", (*more, "--name", "a")).start()
    second = Process(tmp_path / "b", (*more, *key, "--name", "b")).start()
    with (
        stopped(first, second),
        Client(first.address, tokens["user"]) as one,
        Client(second.address, tokens["user"]) as two,
    ):
        dataset = deposited(first.address, tokens, hundred)
        jobs = [one.create_job(dataset, f"k{number}", images)["id"] for number in range(2)]
        for job in jobs:
            until(lambda job=job: two.call("GET", f"/v1/jobs/{job}")["state"] == "done")
            found = [list(client.job_result(job)) for client in (one, two)]
            assert found[0] == found[1]
            assert [hashlib.sha256(image.data).hexdigest() for image in found[0]] == [
                hundred.clean[image.home] for image in found[0]
            ]
        with Client(second.address, tokens["owner"]) as owner:
            (use,) = owner.all(f"/v1/datasets/{dataset}/usage", "uses")
            assert use["images"] == 2 * len(images)  # each once
            (grant,) = owner.all(f"/v1/datasets/{dataset}/grants", "grants")
        body, place = tar_of(many(hundred, 40)), f"{second.address}/v1/datasets/{dataset}/restore"
        received, headers = bytearray(), {"Authorization": f"Bearer {tokens['user']}"}
        with (
            httpx.Client(timeout=300, trust_env=False) as http,
            http.stream("POST", place, content=body, headers=headers) as answer,
        ):
            pieces = answer.iter_bytes(1 << 12)
            received += next(pieces)
            with Client(first.address, tokens["owner"]) as owner:
                owner.call("DELETE", f"/v1/grants/{grant['id']}")
            for piece in pieces:
                received += piece
        found_now, result = parts_of(bytes(received))
        assert result is not None
        assert not result["complete"]
        assert len(found_now) < 4000
    platform = Platform.start(shared)
    (tmp_path / "a" / "audit-b.jsonl").write_bytes((tmp_path / "b" / "audit-b.jsonl").read_bytes())
    assert verify(platform.audit).ok
    platform.close()


@pytest.mark.slow
def test_limits_are_shared(hundred, shared, tmp_path):  # type: ignore[no-untyped-def]
    """Bytes, images and open jobs that one server counted are counted at the other."""
    limits = Limits(images_a_day=150, bytes_a_day=1 << 20, calls_a_minute=0)
    own = Settings(folder=shared.folder, database=shared.database, host="a", limits=limits)
    tokens = prepared(own)
    more = ("--database", shared.database, "--limit", "images_a_day=150", "--limit", "bytes_a_day=1500000")
    first, second = (Process(tmp_path / "a", (*more, "--name", name)).start() for name in ("a", "b"))
    with stopped(first, second):
        dataset, images = deposited(first.address, tokens, hundred), sorted(hundred.published.items())
        with Client(first.address, tokens["user"]) as one, Client(second.address, tokens["user"]) as two:
            assert all(isinstance(image, Image) for image in one.restore(dataset, images))
            assert sum(isinstance(image, Image) for image in two.restore(dataset, images)) == 50
            with pytest.raises(LimitReached, match="too many bytes"):
                two.create_job(dataset, "k", [("large.png", os.urandom(1_400_000))])


def test_limits_of_the_command_line():
    assert set(LIMITS) == set(vars(Limits()))
    assert limits_of(["open_jobs=8", "failures=0"]) == Limits(open_jobs=8, failures=0)
    for wrong in ("open_jobs", "open_jobs=", "open_jobs=-1", "x=1", "open_jobs=1.5"):
        with pytest.raises(UsageError, match="expected a limit"):
            limits_of([wrong])
