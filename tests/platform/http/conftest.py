"""A real server on a free port, accounts of every role, and a release of 100 images."""

from __future__ import annotations

import hashlib
import os
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from helpers import crop

import ripguard
from ripguard.crypto.keys import Key
from ripguard.images.encoding import png_bytes
from ripguard.platform.callers import Wanted
from ripguard.platform.client import Client
from ripguard.platform.clock import DAY
from ripguard.platform.core import Platform
from ripguard.platform.http.state import State
from ripguard.platform.roles import Role
from ripguard.platform.serving import Server, Serving, server_of
from ripguard.platform.settings import Limits, Settings
from ripguard.release.manifest import Release

COUNT = 100
ROLES = {"admin": Role.ADMIN, "owner": Role.OWNER, "other": Role.OWNER, "user": Role.USER, "stranger": Role.USER,
         "auditor": Role.AUDITOR}  # fmt: skip


@dataclass(frozen=True)
class Hundred:
    """A release of 100 images.

    Attributes:
        published: bytes of each protected image, by its path.
        clean: SHA-256 of the file that `ripguard restore` writes for it.
    """

    root: Path
    key: Key
    published: dict[str, bytes]
    clean: dict[str, str]


@pytest.fixture(scope="session")
def hundred(tmp_path_factory: pytest.TempPathFactory) -> Hundred:
    place = tmp_path_factory.mktemp("hundred")
    data = Path(os.environ.get("RIPGUARD_DATA", "none")) / "cifar10/train"
    classes = sorted(one.name for one in data.iterdir())[:4] if data.is_dir() else ["cat", "cup", "face", "tree"]
    for number, label in enumerate(classes):
        folder = place / "source/train" / label
        folder.mkdir(parents=True)
        for index in range(COUNT // 4):
            if data.is_dir():
                shutil.copy(sorted((data / label).iterdir())[index], folder)
            else:
                (folder / f"{index}.png").write_bytes(png_bytes(crop(COUNT // 4 * number + index)))
    key = Key(bytes(range(32)))
    key.write(place / "k")
    ripguard.protect(place / "source", place / "release", place / "k", scheme="mrit", perturb="none", workers=1)
    ripguard.restore(place / "release", place / "back", place / "k", workers=1)
    release = Release.open(place / "release")
    published, clean = {}, {}
    for row in release.rows:
        path = row["path"]
        published[path] = (place / "release" / path).read_bytes()
        clean[path] = hashlib.sha256((place / "back" / release.source_path(row, key)).read_bytes()).hexdigest()
    return Hundred(place / "release", key, published, clean)


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
