"""A dataset whose images a real server restores: 500 of CIFAR-10, or crops of photographs where that is not."""

from __future__ import annotations

import os
import pickle
import shutil
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import crop
from PIL import Image
from torch.utils.data import DataLoader

import ripguard
from ripguard import ProtectedDataset
from ripguard.crypto.keys import Key
from ripguard.errors import Damaged, UsageError
from ripguard.images.encoding import png_bytes
from ripguard.platform.access.grants import Terms
from ripguard.platform.callers import Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.core import Platform
from ripguard.platform.deposits.packing import packed
from ripguard.platform.errors import Absent, LimitReached
from ripguard.platform.profiles import Profile
from ripguard.platform.roles import Role
from ripguard.platform.served import AT_ONCE
from ripguard.platform.serving import Serving, server_of
from ripguard.platform.settings import Settings
from ripguard.release.manifest import Release

COUNT, CLASSES = 500, 5


@dataclass
class Place:
    """A server with a release, and its owner."""

    platform: Platform
    url: str
    source: Path
    root: Path
    key: Path
    dataset: str
    owner: str
    users: int = 0

    def user(self, **terms: object) -> tuple[Profile, str]:
        """Profile of a new account with a grant, and the id of the grant."""
        self.users += 1
        with self.platform.audit.transaction() as journal:
            account = self.platform.principals.create_in(journal, f"user{self.users}", Role.USER, "platform")
            token = self.platform.tokens.issue_in(journal, account.id, Wanted(life=DAY), "platform").text
        made = Terms(ends_at=self.platform.clock() + DAY, **terms)  # type: ignore[arg-type]
        grant = self.platform.grants.create(self.dataset, account.id, made, self.owner)
        return Profile(self.url, self.dataset, token, self.platform.clock() + DAY), grant.id

    def restored(self) -> int:
        """Images that were restored so far, as the log has them."""
        return sum(one.images for one in self.platform.session_of(self._auditor()).usage(self.dataset))

    def _auditor(self):  # type: ignore[no-untyped-def]
        name = f"auditor{time.monotonic_ns()}"
        with self.platform.audit.transaction() as journal:
            account = self.platform.principals.create_in(journal, name, Role.AUDITOR, "platform")
            issued = self.platform.tokens.issue_in(journal, account.id, Wanted(life=DAY), "platform")
        return self.platform.tokens.authenticate(issued.text)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("served")
    data = Path(os.environ.get("RIPGUARD_DATA", "none")) / "cifar10/train"
    names = sorted(one.name for one in data.iterdir())[:CLASSES] if data.is_dir() else list("abcde")
    for number, name in enumerate(names):
        own = folder / "source/train" / name
        own.mkdir(parents=True)
        for index in range(COUNT // CLASSES):
            if data.is_dir():
                shutil.copy(sorted((data / name).iterdir())[index], own)
            else:
                (own / f"{index}.png").write_bytes(png_bytes(crop(COUNT // CLASSES * number + index)))
    ripguard.keygen(folder / "k")
    ripguard.protect(folder / "source", folder / "release", folder / "k", perturb="none", workers=1)
    platform = Platform.start(Settings(folder=folder / "platform"))
    with platform.audit.transaction() as journal:
        owner = platform.principals.create_in(journal, "owner", Role.OWNER, "platform").id
    dataset = platform.datasets.create(owner, "cifar").id
    secret = Key.read(folder / "k").dataset(Release.open(folder / "release").dataset_id).secret
    platform.deposits.deposit(dataset, packed(folder / "release"), secret, owner)
    server = server_of(platform, Serving(port=0))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        assert thread.is_alive()
        time.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    yield Place(platform, url, folder / "source", folder / "release", folder / "k", dataset, owner)
    server.should_exit = True
    thread.join()


def test_an_epoch_equals_the_clean_images(place):  # type: ignore[no-untyped-def]
    """Every image and label, shuffled, in two epochs; the second one asks for nothing."""
    profile, _ = place.user()
    data, with_key = ProtectedDataset(place.root, server=profile), ProtectedDataset(place.root, place.key)
    assert (data.samples, data.classes, data.splits) == (with_key.samples, with_key.classes, with_key.splits)
    assert len(data) == COUNT
    clean = {}
    release, key = Release.open(place.root), Key.read(place.key)
    for row in release.rows:
        with Image.open(place.source / release.source_path(row, key)) as image:
            clean[str(place.root / row["path"])] = np.asarray(image.convert("RGB"))
    before = place.restored()
    for _ in range(2):
        order = torch.randperm(len(data)).tolist()
        for batch in (order[at : at + 64] for at in range(0, len(order), 64)):
            for index, (image, label) in zip(batch, data.__getitems__(batch)):
                path, target = data.samples[index]
                assert label == target
                assert np.array_equal(np.asarray(image), clean[path])
    assert place.restored() - before == COUNT
    assert profile.token not in repr(data)


@pytest.mark.slow
def test_workers_and_one_image_at_a_time(place, tmp_path):  # type: ignore[no-untyped-def]
    """Workers that are forked or spawned have connections of their own; a profile file is enough."""
    profile, _ = place.user()
    profile.write(tmp_path / "p")
    data = ProtectedDataset(place.root, server=tmp_path / "p", form="tensor", cache=1 << 20)
    data[0]  # the parent has a connection, and images
    own = torch.utils.data.Subset(data, range(0, COUNT, 10))
    with_key = ProtectedDataset(place.root, place.key, form="tensor")
    for context in ("fork", "spawn"):
        found = list(DataLoader(own, batch_size=25, num_workers=1, multiprocessing_context=context))
        images, labels = torch.cat([one for one, _ in found]), torch.cat([one for _, one in found])
        assert torch.equal(images, torch.stack([with_key[index][0] for index in range(0, COUNT, 10)]))
        assert labels.tolist() == with_key.targets[::10]
    assert data[3][1] == data.targets[3]


def test_revoked_in_the_middle_of_an_epoch(place):  # type: ignore[no-untyped-def]
    profile, grant = place.user()
    data = ProtectedDataset(place.root, server=profile, cache=0)
    loader = iter(DataLoader(data, batch_size=50, collate_fn=list))
    assert len(next(loader)) == 50
    place.platform.grants.revoke(grant, place.owner)
    with pytest.raises(Absent, match="after 50 of them: the grant or the token ended"):
        next(loader)


def test_a_grant_of_a_class_or_of_some_images(place):  # type: ignore[no-untyped-def]
    label = ProtectedDataset(place.root, place.key).classes[2]
    profile, _ = place.user(split="train", label=label)
    data = ProtectedDataset(place.root, server=profile)
    assert len(data) == COUNT // CLASSES
    assert data.units == [f"train/{label}"]
    assert {data.classes[target] for target in data.targets} == {label}
    few, _ = place.user(images=20)
    data = ProtectedDataset(place.root, server=few, cache=0)
    assert len(data.__getitems__(list(range(20)))) == 20
    with pytest.raises((LimitReached, Absent)):
        data.__getitems__(list(range(20, 40)))


def test_the_cache_is_bounded(place):  # type: ignore[no-untyped-def]
    profile, _ = place.user()
    data = ProtectedDataset(place.root, server=profile, cache=100_000)
    before = place.restored()
    for at in range(0, COUNT, 100):
        data.__getitems__(list(range(at, at + 100)))
        assert 0 < data._server._size <= 100_000  # type: ignore[union-attr]
    assert COUNT <= place.restored() - before <= COUNT + AT_ONCE
    again = pickle.loads(pickle.dumps(data))
    assert again._server._size == 0
    assert len(again) == COUNT


def test_what_is_refused(place, tmp_path):  # type: ignore[no-untyped-def]
    profile, _ = place.user()
    for arguments in ({}, {"key": place.key, "server": profile}):
        with pytest.raises(UsageError, match="a key, or a server"):
            ProtectedDataset(place.root, **arguments)
    with pytest.raises(UsageError, match="cache"):
        ProtectedDataset(place.root, server=profile, cache=-1)
    shutil.copytree(place.root, tmp_path / "moved")
    data = ProtectedDataset(tmp_path / "moved", server=profile, cache=0)
    first, other = Path(data.samples[0][0]), Path(data.samples[-1][0])
    shutil.copy(other, first)  # an image of another class under this name
    with pytest.raises(Damaged, match="the server knows this image as"):
        data[0]
    Path(data.samples[2][0]).unlink()
    Path(data.samples[3][0]).write_bytes(b"no image")
    data = ProtectedDataset(tmp_path / "moved", server=profile)  # others are asked for, too
    assert data[1][1] == data.targets[1]
    with pytest.raises(Damaged, match="not a published image"):
        data[3]
