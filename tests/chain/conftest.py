"""One release made through the command line; tests damage copies of it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers import good, make_source


class World:
    """A source, its key, its release; ``copy`` gives a release to damage."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.source = make_source(root / "source")
        self.key = root / "k"
        good("keygen", "--out", self.key)
        self.release = root / "release"
        self.protect(self.release)

    def protect(self, out: Path, *more: str | Path) -> dict:
        return good("protect", self.source, out, "--key-file", self.key, "--perturb", "none", "--workers", "1", *more)


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture
def copy(world: World, tmp_path: Path) -> Path:
    """A copy of the release."""
    return Path(shutil.copytree(world.release, tmp_path / "release"))
