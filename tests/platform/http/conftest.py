"""A real server on a free port, accounts of every role, and a release of 100 images."""

from __future__ import annotations

import contextlib
import itertools
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import postgres
import pytest
from platforms import Hundred
from sqlalchemy import create_engine, make_url, text

from ripguard.platform.callers import Wanted
from ripguard.platform.client import Client
from ripguard.platform.clock import DAY
from ripguard.platform.core import Platform
from ripguard.platform.http.state import State
from ripguard.platform.roles import Role
from ripguard.platform.serving import Server, Serving, server_of
from ripguard.platform.settings import Limits, Settings

ROLES = {"admin": Role.ADMIN, "owner": Role.OWNER, "other": Role.OWNER, "user": Role.USER, "stranger": Role.USER,
         "auditor": Role.AUDITOR}  # fmt: skip


class InTurn(httpx.BaseTransport):
    """Several servers behind one client, as behind one address: each request goes to the next one."""

    def __init__(self, urls: list[str]) -> None:
        self._urls, self._http = itertools.cycle(map(httpx.URL, urls)), httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        request.url = request.url.copy_with(port=next(self._urls).port)
        return self._http.handle_request(request)

    def close(self) -> None:
        self._http.close()


@dataclass
class Running:
    """A running server.

    Attributes:
        tokens: by account: one of each role, and ``other``, another owner, and ``stranger``, another user.
        others: addresses of more servers on the same database; clients take turns.
    """

    platform: Platform
    server: Server
    url: str
    tokens: dict[str, str]
    clients: dict[str, Client] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)

    @property
    def transport(self) -> httpx.BaseTransport | None:
        """Sends each request to the next server; None where there is one."""
        return InTurn([self.url, *self.others]) if self.others else None

    def client(self, name: str) -> Client:
        """A client of an account."""
        return self.clients.setdefault(name, Client(self.url, self.tokens[name], self.transport))

    @property
    def state(self) -> State:
        return self.server.config.app.state.ripguard  # type: ignore[union-attr, no-any-return]

    def raw(self, name: str = "", **more: object) -> httpx.Client:
        """HTTP as it is."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} if name else {}
        about = {"base_url": self.url, "headers": headers, "timeout": 60, "trust_env": False, **more}
        return httpx.Client(**({"transport": self.transport} | about))  # type: ignore[arg-type]

    def dataset(self, hundred: Hundred, name: str) -> str:
        """A new dataset of the owner with the release; returns its id."""
        made = self.client("owner").call("POST", "/v1/datasets", {"name": name})["id"]
        self.client("owner").deposit(made, hundred.root, hundred.key)
        return str(made)

    def grant(self, dataset: str, **terms: object) -> str:
        """Grant it to the user; returns the id of the grant."""
        body = {"account": "user", "ends_at": int(time.time()) + DAY, **terms}
        return str(self.client("owner").call("POST", f"/v1/datasets/{dataset}/grants", body)["id"])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A module with ``SERVERS = (1, 2)`` is also run on two servers that share a PostgreSQL."""
    if "running" in metafunc.fixturenames:
        wanted = [pytest.param(one, marks=pytest.mark.slow if one == 2 else ()) for one in _servers(metafunc.module)]
        metafunc.parametrize("count", wanted, indirect=True, scope="module", ids=[None, "two"][: len(wanted)])


def _servers(module: object) -> tuple[int, ...]:
    return getattr(module, "SERVERS", (1,))


@pytest.fixture(scope="module")
def count(request: pytest.FixtureRequest) -> int:
    """How many servers there are."""
    return int(request.param)


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, count: int) -> Iterator[Running]:
    """A server, or two that take turns; a module may set ``LIMITS`` and ``SERVERS``."""
    limits, place = getattr(request.module, "LIMITS", Limits()), tmp_path_factory.mktemp("platform")
    with contextlib.ExitStack() as stack:
        if count == 1:
            settings = [Settings(folder=place, limits=limits)]
        else:
            url = stack.enter_context(_database(request.getfixturevalue("server")))
            about = {"database": url, "shared": place / "shared", "limits": limits, "master_key": place / "master.key"}
            settings = [Settings(folder=place / name, host=name, **about) for name in ("a", "b")]
        platforms = [Platform.start(one) for one in settings]
        tokens = {}
        with platforms[0].audit.transaction() as journal:
            for name, role in ROLES.items():
                account = platforms[0].principals.create_in(journal, name, role, "platform")
                issued = platforms[0].tokens.issue_in(journal, account.id, Wanted(life=DAY), "platform")
                tokens[name] = issued.text
        servers = [stack.enter_context(_started(one)) for one in platforms]
        urls = [f"http://127.0.0.1:{one.servers[0].sockets[0].getsockname()[1]}" for one in servers]
        found = Running(platforms[0], servers[0], urls[0], tokens, others=urls[1:])
        yield found
        for client in found.clients.values():
            client.close()


@contextlib.contextmanager
def _started(platform: Platform) -> Iterator[Server]:
    server = server_of(platform, Serving(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    yield server
    server.should_exit = True
    thread.join()


@contextlib.contextmanager
def _database(server: str | None) -> Iterator[str]:
    """URL of a new database."""
    if server is None:
        pytest.skip(postgres.MISSING)
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE two"))
        try:
            yield make_url(server).set(database="two").render_as_string(hide_password=False)
        finally:
            connection.execute(text("DROP DATABASE two WITH (FORCE)"))
    engine.dispose()
