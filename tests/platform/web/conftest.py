"""A real server with the web page, accounts of every role, and a browser."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from helpers import crop
from platforms import Golden

import ripguard
from ripguard.crypto.keys import Key
from ripguard.images.encoding import png_bytes
from ripguard.platform.access.grants import Terms
from ripguard.platform.access.session import Session
from ripguard.platform.callers import Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.core import Platform
from ripguard.platform.http.state import State
from ripguard.platform.roles import Role
from ripguard.platform.serving import Serving, server_of
from ripguard.platform.settings import Limits, Settings
from ripguard.release.manifest import Release

ROLES = {"admin": Role.ADMIN, "owner": Role.OWNER, "other": Role.OWNER, "user": Role.USER, "stranger": Role.USER,
         "auditor": Role.AUDITOR}  # fmt: skip
SAME = {"Sec-Fetch-Site": "same-origin"}
PATIENCE = 120_000  # milliseconds


class Page(httpx.Client):
    """A browser without script, which follows redirections and keeps cookies."""

    def form(self, path: str, on: str, **more: Any) -> httpx.Response:
        """Send a form of the page ``on``."""
        csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.get(on).text)
        assert csrf, on
        data = {"csrf": csrf[1], **more.pop("data", {})}
        return self.post(path, data=data, headers=SAME, **more)


@dataclass
class Site:
    """A running server.

    Attributes:
        tokens: by account: one of each role, and ``other``, another owner, and ``stranger``, another user.
    """

    platform: Platform
    state: State
    url: str
    tokens: dict[str, str]
    pages: list[httpx.Client] = field(default_factory=list)

    def session(self, name: str) -> Session:
        """What an account may do."""
        return self.platform.session(self.tokens[name])

    def page(self, name: str = "") -> Page:
        """A visitor; signed in, if an account is named."""
        # there is no TLS; to read the certificates of authorities takes longer than most tests
        made = Page(base_url=self.url, timeout=60, trust_env=False, follow_redirects=True, verify=False)
        self.pages.append(made)
        if name:
            answer = made.form("/web/sign-in", "/web/sign-in", data={"token": self.tokens[name]})
            assert answer.url.path == "/web/datasets", answer.text
        return made

    def sign_in(self, tab: Any, name: str) -> None:
        """Sign in with a browser, as people do."""
        tab.goto(f"{self.url}/web/sign-in")
        tab.get_by_label("Token", exact=True).fill(self.tokens[name])
        tab.get_by_role("button", name="Sign in").click()
        tab.wait_for_url("**/web/datasets")

    def dataset(self, name: str, golden: Golden | None = None) -> str:
        """A new dataset of the owner, with a golden release unless None; returns its id."""
        made = self.session("owner").create_dataset(name)
        if golden:
            self.session("owner").deposit(made.id, golden.container(), golden.secret)
        return made.id

    def grant(self, dataset: str, name: str = "user", **terms: Any) -> str:
        """Grant it; returns the id of the grant."""
        about = Terms(**{"ends_at": self.platform.clock() + DAY, **terms})
        return self.session("owner").grant(dataset, name, about).id


@pytest.fixture(scope="session")
def golden() -> Golden:
    return Golden("v2-ranked")


@dataclass(frozen=True)
class Many:
    """A release of 500 images.

    Attributes:
        root, key: its folder and key file.
        clean: SHA-256 of the file that `ripguard restore` writes for each published path.
    """

    root: Path
    key: Path
    clean: dict[str, str]


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> Many:
    """500 images of CIFAR-10, or crops of photographs where it is not there."""
    place = tmp_path_factory.mktemp("many")
    data = Path(os.environ.get("RIPGUARD_DATA", "none")) / "cifar10/train"
    for number in range(10):
        folder = place / f"source/train/{number}"
        folder.mkdir(parents=True)
        known = sorted(sorted(data.iterdir())[number].iterdir())[:50] if data.is_dir() else []
        for file in known:
            shutil.copy(file, folder)
        for index in range(len(known), 50):
            (folder / f"{index}.png").write_bytes(png_bytes(crop(50 * number + index)))
    Key(bytes(range(32))).write(place / "k")
    ripguard.protect(place / "source", place / "release", place / "k", scheme="mrit", perturb="none", workers=1)
    ripguard.restore(place / "release", place / "back", place / "k", workers=1)
    release, key = Release.open(place / "release"), Key.read(place / "k")
    back = {row["path"]: place / "back" / release.source_path(row, key) for row in release.rows}
    clean = {path: hashlib.sha256(file.read_bytes()).hexdigest() for path, file in back.items()}
    return Many(place / "release", place / "k", clean)


@pytest.fixture(scope="module")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server; a module may set ``SERVING`` and ``LIMITS``."""
    limits = getattr(request.module, "LIMITS", Limits())
    platform = Platform.start(Settings(folder=tmp_path_factory.mktemp("platform"), limits=limits))
    tokens = {}
    with platform.audit.transaction() as journal:
        for name, role in ROLES.items():
            account = platform.principals.create_in(journal, name, role, "platform")
            tokens[name] = platform.tokens.issue_in(journal, account.id, Wanted(life=DAY), "platform").text
    server = server_of(platform, getattr(request.module, "SERVING", Serving(port=0)))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    state = server.config.app.state.ripguard  # type: ignore[union-attr]
    found = Site(platform, state, f"http://127.0.0.1:{port}", tokens)
    yield found
    for one in found.pages:
        one.close()
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless Chromium, driven by Playwright."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="no Playwright here: pip install playwright")
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def tab(chromium: Any, tmp_path: Path) -> Iterator[Any]:
    """A page of the browser, with cookies and storage of its own."""
    context = chromium.new_context(accept_downloads=True)
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()
