"""A platform with accounts, and real small releases to deposit: the golden ones of the vectors."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import ClassVar

from helpers import crop
from releases import KEY
from vector_cases import VECTORS

import ripguard
from ripguard.crypto.keys import Key
from ripguard.images.encoding import png_bytes
from ripguard.platform.access.grants import Terms
from ripguard.platform.access.session import Session
from ripguard.platform.callers import Caller, Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.core import Platform
from ripguard.platform.deposits.datasets import Dataset
from ripguard.platform.deposits.packing import packed
from ripguard.platform.principals import Principal
from ripguard.platform.roles import Role
from ripguard.release.manifest import Release


@dataclass
class Time:
    """A clock that stands still until a test moves it."""

    now: int = 1_800_000_000

    def __call__(self) -> int:
        return self.now


@dataclass
class Golden:
    """A golden release."""

    name: str
    release: Release = field(init=False)

    def __post_init__(self) -> None:
        self.release = Release.open(self.root)

    @property
    def root(self) -> Path:
        return VECTORS / "releases" / self.name

    @property
    def secret(self) -> bytes:
        """The subkey that its owner deposits."""
        return KEY.dataset(self.release.dataset_id).secret

    def container(self) -> list[bytes]:
        return list(packed(self.root))

    def files(self, split: str | None = None, label: str | None = None) -> dict[bytes, bytes]:
        """Published images by the SHA-256 of their files, in the order of the manifest."""
        units, found = self.release.info["units"], {}
        for row in self.release.rows:
            unit = units[row["unit"]]
            if split in (None, unit["split"]) and label in (None, unit["label"]):
                data = (self.root / row["path"]).read_bytes()
                found[hashlib.sha256(data).digest()] = data
        return found


class World:
    """Accounts of every role, each with a token of all its scopes, and a dataset.

    Attributes:
        accounts: by name: ``admin``, ``owner``, ``other`` (an owner, too), ``user``, ``stranger``, ``auditor``.
        callers: the same, as their tokens say.
        texts: their tokens.
    """

    ROLES: ClassVar = {
        "admin": Role.ADMIN,
        "owner": Role.OWNER,
        "other": Role.OWNER,
        "user": Role.USER,
        "stranger": Role.USER,
        "auditor": Role.AUDITOR,
    }

    def __init__(self, platform: Platform, clock: Time) -> None:
        self.platform, self.clock = platform, clock
        self.accounts: dict[str, Principal] = {}
        self.texts: dict[str, str] = {}
        with platform.audit.transaction() as journal:
            for name, role in self.ROLES.items():
                account = platform.principals.create_in(journal, name, role, "platform")
                wanted = Wanted(life=30 * DAY)
                self.accounts[name] = account
                self.texts[name] = platform.tokens.issue_in(journal, account.id, wanted, "platform").text
        self.callers: dict[str, Caller] = {
            name: platform.tokens.authenticate(text) for name, text in self.texts.items()
        }

    def session(self, name: str) -> Session:
        return self.platform.session_of(self.callers[name])

    @cached_property
    def golden(self) -> Golden:
        return Golden("v2-ranked")

    @cached_property
    def dataset(self) -> Dataset:
        """A dataset of the owner with one version."""
        made = self.platform.datasets.create(self.accounts["owner"].id, "photos")
        self.platform.deposits.deposit(made.id, self.golden.container(), self.golden.secret, made.owner)
        return self.platform.datasets.get(made.id)

    def terms(self, **about: object) -> Terms:
        """Terms of a grant that ends in a day."""
        return Terms(**{"ends_at": self.clock.now + DAY, **about})  # type: ignore[arg-type]

    def grant(self, name: str = "user", **about: object) -> str:
        """Grant the dataset; returns the id of the grant."""
        made = self.platform.grants.create(
            self.dataset.id, self.accounts[name].id, self.terms(**about), self.dataset.owner
        )
        return made.id


COUNT = 100


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


def make_hundred(place: Path) -> Hundred:
    """Protect 100 images of four classes: CIFAR-10 where it is, otherwise crops of photographs."""
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
