"""A real server on a free port, accounts of every role, and a release of 100 images."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest
from platforms import Hundred

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


@dataclass
class Running:
    """A running server.

    Attributes:
        tokens: by account: one of each role, and ``other``, another owner, and ``stranger``, another user.
    """

    platform: Platform
    server: Server
    url: str
    tokens: dict[str, str]
    clients: dict[str, Client] = field(default_factory=dict)

    def client(self, name: str) -> Client:
        """A client of an account."""
        return self.clients.setdefault(name, Client(self.url, self.tokens[name]))

    @property
    def state(self) -> State:
        return self.server.config.app.state.ripguard  # type: ignore[union-attr, no-any-return]

    def raw(self, name: str = "", **more: object) -> httpx.Client:
        """HTTP as it is."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"} if name else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, trust_env=False, **more)  # type: ignore[arg-type]

    def dataset(self, hundred: Hundred, name: str) -> str:
        """A new dataset of the owner with the release; returns its id."""
        made = self.client("owner").call("POST", "/v1/datasets", {"name": name})["id"]
        self.client("owner").deposit(made, hundred.root, hundred.key)
        return str(made)

    def grant(self, dataset: str, **terms: object) -> str:
        """Grant it to the user; returns the id of the grant."""
        body = {"account": "user", "ends_at": int(time.time()) + DAY, **terms}
        return str(self.client("owner").call("POST", f"/v1/datasets/{dataset}/grants", body)["id"])


@pytest.fixture(scope="module")
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server; a module may set ``LIMITS``."""
    limits = getattr(request.module, "LIMITS", Limits())
    platform = Platform.start(Settings(folder=tmp_path_factory.mktemp("platform"), limits=limits))
    tokens = {}
    with platform.audit.transaction() as journal:
        for name, role in ROLES.items():
            account = platform.principals.create_in(journal, name, role, "platform")
            tokens[name] = platform.tokens.issue_in(journal, account.id, Wanted(life=DAY), "platform").text
    server = server_of(platform, Serving(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    found = Running(platform, server, f"http://127.0.0.1:{port}", tokens)
    yield found
    for client in found.clients.values():
        client.close()
    server.should_exit = True
    thread.join()
