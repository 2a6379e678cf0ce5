"""Uploads through worker processes: the right bytes in order, whatever single images do to a process."""

from __future__ import annotations

import os
import signal
import struct
import time
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from corpus import corpus
from hypothesis import given, settings
from hypothesis import strategies as st
from image_files import chunk
from releases import KEY
from uploads import in_pieces, tar_of, zip_of

import ripguard
from ripguard.errors import StorageError
from ripguard.platform.restoring.limits import WorkerLimits
from ripguard.platform.restoring.pool import Pool
from ripguard.platform.restoring.reasons import Member, Outcome, Reason, Refused, Restored, UploadRefused
from ripguard.platform.restoring.upload import members
from ripguard.platform.restoring.worker import Worker

SIDE = 7000  # pixels; just within the limit
BOMB = Member(
    "bomb.png",
    b"\x89PNG\r\n\x1a\n"
    + chunk(b"IHDR", struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0))
    + chunk(b"IDAT", zlib.compress(bytes(SIDE * (1 + 3 * SIDE)), 1))
    + chunk(b"IEND", b""),
)


def uploaded(released: Any, count: int = 24) -> list[Member]:
    """Images of the release under names of their own."""
    files = list(released.published.values())
    return [Member(f"{number:05}.png", files[number % len(files)]) for number in range(count)]


def right(released: Any, outcome: Outcome) -> bool:
    return isinstance(outcome, Restored) and outcome.data == released.restored[outcome.home]


def process_of(pool: Pool) -> Worker:
    """A process of the pool that has nothing to do."""
    return next(one for one in pool._idle.queue if one is not None)


def wait_until_idle(pool: Pool) -> bool:
    for _ in range(6000):
        if pool.idle == pool.workers:
            return True
        time.sleep(0.01)
    return False


NAMES = st.lists(st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=20), unique=True)


@settings(max_examples=12)
@given(st.data(), NAMES, st.sampled_from([tar_of, zip_of]), st.integers(1, 9000))
def test_any_order_and_any_names(shared_pool, released, data, names, pack, size):  # type: ignore[no-untyped-def]
    """What goes in comes out restored, in the order of the upload."""
    names = [f"{name}.png" for name in names][:24] or ["x.png"]
    order = data.draw(st.permutations(range(len(released.published))))
    paths = [list(released.published)[number] for number in order][: len(names)]
    body = pack([(name, released.published[path]) for name, path in zip(names, paths)])
    found = list(shared_pool.restore(members(in_pieces(body, size))))
    assert [one.name for one in found] == names
    assert [one.home for one in found if isinstance(one, Restored)] == paths
    assert all(right(released, one) for one in found)


def test_a_whole_release_and_files_of_the_source(preserved):  # type: ignore[no-untyped-def]
    """Byte for byte what `restore` writes; what is no image is left out."""
    files = [
        (f"wrapper/{path.relative_to(preserved.root).as_posix()}", path.read_bytes())
        for path in sorted(preserved.root.rglob("*")) if path.is_file()
    ]  # fmt: skip
    with Pool(preserved.root, preserved.key) as pool:
        found = list(pool.restore(members(in_pieces(tar_of(files)))))
    left_out = {one.name for one in found if isinstance(one, Refused) and one.harmless}
    assert left_out == {f"wrapper/{name}" for name in (".gitattributes", "README.md", "release.ripguard")}
    images = [one for one in found if isinstance(one, Restored)]
    assert len(images) == len(found) - 3 == 24
    assert all(right(preserved, one) and one.name == f"wrapper/{one.home}" for one in images)
    assert all(one.suffix == Path(one.source).suffix for one in images)


def test_originals_of_every_library(tmp_path):  # type: ignore[no-untyped-def]
    """A confined process cannot load a decoder any more: all must be there before."""
    kinds = (".tif", ".dcm", ".jp2", ".jxl", ".heic", ".avif", ".gif", ".webp", ".tga", ".npy", ".bmp", ".jpg")
    chosen = {kind: one for one in corpus() for kind in kinds if one.reference is not None and one.name.endswith(kind)}
    assert set(chosen) == set(kinds)
    (tmp_path / "source/a").mkdir(parents=True)
    for one in chosen.values():
        (tmp_path / "source/a" / one.name).write_bytes(one.data)
    KEY.write(tmp_path / "k")
    ripguard.protect(tmp_path / "source", tmp_path / "r", tmp_path / "k", scheme="balanced", perturb="none", workers=1)
    ripguard.restore(tmp_path / "r", tmp_path / "back", tmp_path / "k", workers=1)
    with Pool(tmp_path / "r", KEY) as pool:
        sent = [Member(f"{path.stem}.png", path.read_bytes()) for path in sorted((tmp_path / "r/a").iterdir())]
        found = list(pool.restore(sent))
    assert len(found) == len(kinds)
    for one in found:
        assert isinstance(one, Restored), one
        assert one.data == (tmp_path / "back" / one.source).read_bytes(), one.name


def test_bad_members_stay_in_order(shared_pool, released):  # type: ignore[no-untyped-def]
    good, bad = uploaded(released, 5), Refused("x", Reason.CRC, "x: why")
    found = list(
        shared_pool.restore([bad, good[0], bad, bad, *good[1:3], Member("y.png", b"no image"), *good[3:], bad])
    )
    assert [one.name for one in found] == ["x", "00000.png", "x", "x", "00001.png", "00002.png", "y.png",
                                           "00003.png", "00004.png", "x"]  # fmt: skip
    assert sum(right(released, one) for one in found) == 5
    assert isinstance(found[6], Refused)
    assert found[6].reason is Reason.NOT_AN_IMAGE
    names = ["a", "a.jpg", "README", "notes.txt", ".DS_Store", "__MACOSX/a.png", "._a.png"]
    lost = [one.name for one in shared_pool.restore([Member(name, bytes(99)) for name in names]) if not one.harmless]
    assert lost == ["a", "a.jpg"]
    only = list(shared_pool.restore([bad] * 300))
    assert only == [bad] * 300


def test_an_upload_that_breaks_off(shared_pool, released):  # type: ignore[no-untyped-def]
    """What came before is restored, then its sentence is raised."""
    body = tar_of([(one.name, one.data) for one in uploaded(released)])[:-9000]
    found, outcomes = [], shared_pool.restore(members(in_pieces(body)))
    with pytest.raises(UploadRefused, match="cut off"):
        found.extend(outcomes)
    assert len(found) > 5
    assert all(right(released, one) for one in found)
    assert wait_until_idle(shared_pool)


def test_a_killed_process(released):  # type: ignore[no-untyped-def]
    """Another takes its place, and no image is lost. A pool that is closed ends its uploads with a sentence."""
    with Pool(released.root, released.key) as pool:
        first = process_of(pool).pid
        os.kill(first, signal.SIGKILL)
        found = list(pool.restore(uploaded(released)))
        assert len(found) == 24
        assert all(right(released, one) for one in found)
        assert process_of(pool).pid != first
        outcomes = pool.restore(uploaded(released, 1000))
        assert right(released, next(outcomes))
    with pytest.raises(StorageError, match="the server stops"):
        list(outcomes)


def test_an_image_that_spins(released):  # type: ignore[no-untyped-def]
    """It ends its process by processor time, and is named; its neighbours come back. Such costs are added up."""
    good = uploaded(released, 4)
    limits = WorkerLimits(seconds=0.25, memory=8 << 30, batch_bytes=1 << 30)
    with Pool(released.root, released.key, limits=limits) as pool:
        found = list(pool.restore([*good[:2], BOMB, *good[2:]]))
        assert [one.name for one in found] == ["00000.png", "00001.png", "bomb.png", "00002.png", "00003.png"]
        assert isinstance(found[2], Refused)
        assert (found[2].reason, found[2].message) == (Reason.TIME, "bomb.png: restoring it takes too long")
        assert all(right(released, one) for one in found if one.name != "bomb.png")
        pool.limits = replace(limits, deaths=0)
        with pytest.raises(UploadRefused, match="more than 0 of the processes") as caught:
            list(pool.restore([BOMB]))
        assert caught.value.reason is Reason.DIED
        pool.limits = replace(limits, upload_seconds=0.0)
        with pytest.raises(UploadRefused, match="of processor time") as caught:
            list(pool.restore(good))
        assert caught.value.reason is Reason.TIME


def test_an_image_that_takes_memory(released):  # type: ignore[no-untyped-def]
    good = uploaded(released, 4)
    with Pool(released.root, released.key, limits=WorkerLimits(memory=96 << 20)) as pool:
        found = list(pool.restore([*good[:2], BOMB, *good[2:]]))
        assert isinstance(found[2], Refused)
        assert found[2].reason is Reason.MEMORY
        assert sum(right(released, one) for one in found) == 4


class Counted(bytes):
    """Bytes of images, of which those that somebody holds are counted."""

    held = most = 0

    def count(self) -> Counted:
        Counted.held += len(self)
        Counted.most = max(Counted.most, Counted.held)
        return self

    def __del__(self) -> None:
        Counted.held -= len(self)


def test_memory_does_not_grow(shared_pool, released):  # type: ignore[no-untyped-def]
    """Encoded images that are held at once: a few batches, however many are sent."""
    peaks = []
    for count in (600, 1800):
        Counted.most = 0
        upload = (Member(one.name, Counted(one.data).count()) for one in uploaded(released, count))
        assert sum(right(released, one) for one in shared_pool.restore(upload)) == count
        peaks.append(Counted.most)
    largest = max(map(len, released.published.values()))
    assert max(peaks) <= shared_pool.limits.batch_images * (shared_pool.workers + 3) * largest
    assert wait_until_idle(shared_pool)
    assert Counted.held == 0


def test_a_client_that_goes(shared_pool, released):  # type: ignore[no-untyped-def]
    """Closing the results closes the upload, drops what waits and frees the processes."""
    taken, closed = 0, False

    def upload() -> Iterator[Member]:
        nonlocal taken, closed
        try:
            for one in uploaded(released, 5000):
                taken += 1
                yield one
        finally:
            closed = True

    outcomes = shared_pool.restore(upload())
    assert right(released, next(outcomes))
    outcomes.close()
    assert (closed, taken < 400) == (True, True)
    assert wait_until_idle(shared_pool)
    assert right(released, next(shared_pool.restore(uploaded(released, 1))))
