"""Files of a shard become durable together: what was synced, how, and that a link is never written through."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ripguard import systems
from ripguard.errors import StorageError
from ripguard.store.together import FEWEST, together

BOTH = pytest.mark.parametrize("whole", [True, False], ids=["whole file system", "file by file"])


@pytest.fixture
def synced(monkeypatch):  # type: ignore[no-untyped-def]
    """What is synced: paths, and "all" for a whole file system."""
    found = list[str]()
    honest = os.fsync

    def fsync(handle: int) -> None:
        found.append(os.readlink(f"/proc/self/fd/{handle}"))
        honest(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(systems, "sync_file_system", lambda handle: found.append("all"))
    return found


def set_whole(monkeypatch, whole: bool) -> None:  # type: ignore[no-untyped-def]
    """As on a local file system of Linux, or as elsewhere, whatever this machine has."""
    monkeypatch.setattr(systems, "file_system_of", lambda folder: os.open(folder, os.O_RDONLY) if whole else None)


needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc, which Linux has")


@needs_proc
@BOTH
def test_everything_is_durable_after_sync(tmp_path, monkeypatch, synced, whole):  # type: ignore[no-untyped-def]
    set_whole(monkeypatch, whole)
    paths = [tmp_path / "tree" / "ab"[i % 2] / f"{i}.png" for i in range(FEWEST)]
    with together(tmp_path, len(paths)) as files:
        for path in paths:
            files.write(path, path.name.encode())
        assert "all" not in synced
        files.sync()
    assert [path.read_bytes() for path in paths] == [path.name.encode() for path in paths]
    folders = {str(path.parent) for path in paths}
    assert synced == ["all"] if whole else {*synced} == {*map(str, paths), *folders}


@needs_proc
def test_few_files_are_synced_one_by_one(tmp_path, monkeypatch, synced):  # type: ignore[no-untyped-def]
    """A call for the whole file system would wait for what other programs write."""
    set_whole(monkeypatch, True)
    with together(tmp_path, FEWEST - 1) as files:
        files.write(tmp_path / "a", b"1")
        files.sync()
    assert synced == [str(tmp_path / "a"), str(tmp_path)]


@BOTH
def test_leftovers_are_replaced_and_links_not_followed(tmp_path, monkeypatch, whole):  # type: ignore[no-untyped-def]
    set_whole(monkeypatch, whole)
    (tmp_path / "other").write_bytes(b"not ours")
    (tmp_path / "left").write_bytes(b"of a killed run")
    (tmp_path / "link").symlink_to(tmp_path / "other")
    with together(tmp_path, 9) as files:
        for name in ("left", "link"):
            files.write(tmp_path / name, b"new")
        files.sync()
    assert (tmp_path / "other").read_bytes() == b"not ours"
    assert [(tmp_path / name).read_bytes() for name in ("left", "link")] == [b"new", b"new"]
    assert not (tmp_path / "link").is_symlink()


def test_an_error_of_the_disk_is_reported(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    set_whole(monkeypatch, True)

    def broken(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(systems, "sync_file_system", broken)
    with together(tmp_path, 9) as files:
        files.write(tmp_path / "a", b"1")
        with pytest.raises(StorageError, match=f"^cannot sync: {tmp_path}: {os.strerror(errno.EIO)}"):
            files.sync()


@needs_proc
@BOTH
def test_a_tree_that_others_wrote(tmp_path, monkeypatch, synced, whole):  # type: ignore[no-untyped-def]
    set_whole(monkeypatch, whole)
    (tmp_path / "tree/a").mkdir(parents=True)
    (tmp_path / "tree/a/1").write_bytes(b"of a worker")
    with together(tmp_path, FEWEST) as files:
        files.sync_tree(tmp_path / "tree")
    own = {str(tmp_path / name) for name in ("tree", "tree/a", "tree/a/1")}
    assert synced == ["all"] if whole else {*synced} == own


@BOTH
def test_a_tree_on_a_failing_disk(tmp_path, monkeypatch, whole):  # type: ignore[no-untyped-def]
    """A restoration must not end well when the disk reported that its files are lost."""
    set_whole(monkeypatch, whole)
    (tmp_path / "1").write_bytes(b"data")

    def failing(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(systems, "sync_file_system", failing)
    monkeypatch.setattr(os, "fsync", failing)
    with together(tmp_path, FEWEST) as files, pytest.raises(StorageError, match="cannot sync"):
        files.sync_tree(tmp_path)


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOSYS, errno.EACCES])
def test_where_the_call_is_forbidden_each_file_is_synced(tmp_path, monkeypatch, synced, number):  # type: ignore[no-untyped-def]
    """Containers and sandboxes filter calls of the system. What was written before is made durable, too."""
    set_whole(monkeypatch, True)
    asked = list[int]()

    def forbidden(handle: int) -> None:
        asked.append(handle)
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(systems, "sync_file_system", forbidden)
    paths = [tmp_path / "ab"[i % 2] / f"{i}.png" for i in range(FEWEST)]
    with together(tmp_path, len(paths)) as files:
        for path in paths:
            files.write(path, b"1")
        files.sync()
        assert set(map(str, [*paths, tmp_path / "a", tmp_path / "b"])) == set(synced)
        files.write(tmp_path / "c", b"2")
        files.sync()
    assert len(asked) == 1
    assert str(tmp_path / "c") in synced
