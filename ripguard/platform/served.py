"""Images of a release, restored by a platform while a model trains: fetched in batches, and kept in memory."""

from __future__ import annotations

import io
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import get_worker_info

from ripguard.errors import Damaged, RipguardError, UsageError
from ripguard.files import open_regular
from ripguard.paths import expanded
from ripguard.platform.access.grants import covers
from ripguard.platform.client import Client, Image, Missing, quoted
from ripguard.platform.errors import Absent, LimitReached
from ripguard.platform.profiles import Profile
from ripguard.platform.restoring.reasons import Reason
from ripguard.release.manifest import Release
from ripguard.release.restorer import RestoredImage
from ripguard.release.spelling import found_at
from ripguard.store.atomic import storage

AT_ONCE = 256  # images of a request
MOST = 256 << 20  # bytes of a published image


class Served:
    """The :class:`ripguard.train.served.ImageServer` of a profile.

    A request asks for :data:`AT_ONCE` images: those that are needed, and others while the cache has room for them. A
    worker process of a loader asks for what it needs alone: its siblings would ask for the same others.

    Args:
        profile: a profile, or the path of its file.
        cache: bytes of restored files that are kept in this process; 0: none.

    Raises:
        KeyFileError: the file is no profile, or others can read it.
        UsageError: ``cache`` is negative.
    """

    def __init__(self, profile: Profile | str | Path, cache: int) -> None:
        if cache < 0:
            raise UsageError(f"cache: expected bytes, 0 or more, got {cache}")
        if not isinstance(profile, Profile):
            profile = Profile.read(Path(expanded(profile, "server")))
        self.profile, self.cache = profile, cache
        self._kept: OrderedDict[str, tuple[str, bytes]] = OrderedDict()  # path in the release → source path, file
        self._bad: set[str] = set()  # of those that nobody needed so far
        self._size, self._asked = 0, 0
        self._start()

    def units(self, release: Release) -> frozenset[int]:
        """Numbers of the units that the grants of the account open, and its token lets pass; all for the owner."""
        self._own_process()
        client, path = self._connected(), f"/v1/datasets/{quoted(self.profile.dataset)}"
        me, dataset = client.me(), client.call("GET", path)
        grants, now = client.all(f"{path}/grants", "grants"), time.time()
        own = [one for one in grants if one["account"] == me["account"] and not one["revoked"] and one["ends_at"] > now]

        def opened(split: str, label: str) -> bool:
            if not covers(me["split"], me["label"], split, label):
                return False
            return dataset["relation"] == "own" or any(covers(one["split"], one["label"], split, label) for one in own)

        units = enumerate(release.info["units"])
        return frozenset(number for number, unit in units if opened(unit["split"], unit["label"]))

    def restored(self, release: Release, names: Sequence[str], others: Iterable[str]) -> list[RestoredImage]:
        """Restored images, in order.

        Raises:
            Absent: the grant or the token ended, also in the middle of an epoch.
            LimitReached: a number of images is used up.
            Damaged: the server knows an image by another path, or not at all.
            StorageError: the server cannot be reached.
        """
        self._own_process()
        with self._lock:
            found = dict[str, tuple[str, bytes]]()
            for name in names:
                if name in self._kept:
                    self._kept.move_to_end(name)
                    found[name] = self._kept[name]
            missing = [name for name in dict.fromkeys(names) if name not in found]
            needed = frozenset(missing)
            for at in range(0, len(missing), AT_ONCE):
                part = missing[at : at + AT_ONCE]
                for name, one in self._fetched(release, part, self._more(part, others)):
                    self._keep(name, one)
                    if name in needed:
                        found[name] = one
        return [_image(name, *found[name]) for name in names]

    def _more(self, part: Sequence[str], others: Iterable[str]) -> list[str]:
        """Others to ask for in the same request."""
        if get_worker_info() is not None or self._size >= self.cache // 2:
            return []
        asked, most = {*part, *self._kept, *self._bad}, max(0, AT_ONCE - len(part))
        found = dict[str, None]()  # each once
        for name in others:
            if len(found) >= most:
                break
            if name not in asked:
                found[name] = None
        return list(found)

    def _keep(self, name: str, one: tuple[str, bytes]) -> None:
        if len(one[1]) > self.cache or name in self._kept:
            return
        self._kept[name] = one
        self._size += len(one[1])
        while self._size > self.cache:
            self._size -= len(self._kept.popitem(last=False)[1][1])

    def _fetched(
        self, release: Release, needed: Sequence[str], more: Sequence[str]
    ) -> Iterator[tuple[str, tuple[str, bytes]]]:
        """Images that are needed, or the error of the first that does not come; of others those that come."""
        numbered = {str(number): name for number, name in enumerate([*needed, *more])}
        try:
            for one in self._connected().restore(self.profile.dataset, self._files(release, numbered, len(needed))):
                name = numbered[one.upload]
                try:
                    found = _checked(name, one)
                except (Damaged, LimitReached):
                    if int(one.upload) < len(needed):
                        raise
                    self._bad.add(name)
                    continue
                yield name, found
                self._asked += 1
        except Absent as error:
            raise Absent(
                f"the server restores no more images of {self.profile.dataset}, after {self._asked:,} of them: the "
                "grant or the token ended, or was revoked",
                error.hint,
            ) from None

    def _files(self, release: Release, numbered: dict[str, str], needed: int) -> Iterator[tuple[str, bytes]]:
        for number, name in numbered.items():
            try:
                data = _read(found_at(release, name))
            except RipguardError:
                if int(number) < needed:
                    raise
                self._bad.add(name)
                continue
            yield number, data

    def _start(self) -> None:
        self._process, self._lock = os.getpid(), threading.Lock()
        self._client: Client | None = None

    def _own_process(self) -> None:
        """Connections and locks do not survive a fork; what was kept does."""
        if self._process != os.getpid():
            self._start()

    def _connected(self) -> Client:
        if self._client is None:
            self._client = Client.of(self.profile)
        return self._client

    def __getstate__(self) -> dict[str, Any]:
        return {"profile": self.profile, "cache": self.cache}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]


def _read(path: Path) -> bytes:
    with storage("cannot read"), os.fdopen(open_regular(path, MOST), "rb") as file:
        return file.read()


def _checked(name: str, one: Image | Missing) -> tuple[str, bytes]:
    """Source path and file of an image that the server knows by the same path, so that its label is that of the path.

    Images that look the same have no path: which of them was sent cannot be told.
    """
    if isinstance(one, Missing):
        raise _refusal(name, one)
    if one.home and one.home != name:
        raise Damaged(f"{name}: the server knows this image as {one.home}", "get a fresh copy of the release")
    return one.source or name, one.data


def _image(name: str, source: str, data: bytes) -> RestoredImage:
    if source.lower().endswith(".npy"):
        return RestoredImage(name, clean=np.load(io.BytesIO(data), allow_pickle=False), home=name)
    return RestoredImage(name, file=(source, data), home=name, rendered=None)


def _refusal(name: str, one: Missing) -> RipguardError:
    kind: type[RipguardError] = LimitReached if one.reason == Reason.LIMIT else Damaged
    return kind(f"{name}: {one.message.partition(': ')[2] or one.message}", one.hint)
