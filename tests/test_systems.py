from __future__ import annotations

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from ripguard import files, systems
from ripguard.errors import OutputRefused
from ripguard.files import NotRegular, open_regular, sync_tree
from ripguard.store.atomic import lock
from ripguard.store.schema import path as relative

NOT_ON_WINDOWS = [
    "a:b.png", "C:x.png", "a\\b.png", "what?.png", "a*.png", "<a>.png", "a|b.png", 'say "a".png', "end.", "end ",
    "tab\t.png", "aux", "AUX.png", "con.tar.gz", "nul .txt", "com1.png", "LPT9", "com¹.png", "CONIN$", "a/aux/1.png",
    "a./1.png",
]  # fmt: skip
EVERYWHERE = ["a.png", "a/b/1.png", "auxiliary.png", "com.png", "com10.png", "null", "x.aux", ".a", "a b.png", "é"]


def test_names(monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(systems, "WINDOWS", True)
    assert [name for name in NOT_ON_WINDOWS if not systems.cannot_hold(name)] == []
    assert [name for name in EVERYWHERE if systems.cannot_hold(name)] == []
    assert [name for name in NOT_ON_WINDOWS[:3] if relative(name)] == []  # they could lead out of the folder
    monkeypatch.setattr(systems, "WINDOWS", False)
    assert [name for name in NOT_ON_WINDOWS if systems.cannot_hold(name) or not relative(name)] == []


def test_without_o_nofollow(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Links and other files are refused where no flag does it."""
    for module in (files, __import__("ripguard.store.atomic").store.atomic):
        monkeypatch.setattr(module, "NOFOLLOW", 0)
    (tmp_path / "file").write_bytes(b"data")
    (tmp_path / "link").symlink_to("file")
    os.close(open_regular(tmp_path / "file"))
    os.close(open_regular(tmp_path / "link", follow=True))
    with pytest.raises(NotRegular, match="link"):
        open_regular(tmp_path / "link")
    with pytest.raises(NotRegular, match="not a regular file"):
        open_regular(tmp_path)
    with pytest.raises(OutputRefused, match="is a link"), lock(tmp_path / "link"):
        pass
    assert (tmp_path / "file").read_bytes() == b"data"


def test_a_tree_is_synced_file_by_file(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    (tmp_path / "a").mkdir()
    for name in ("1", "a/2"):
        (tmp_path / name).write_bytes(b"data")
    synced = []
    monkeypatch.delattr(os, "sync")
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_ino))
    sync_tree(tmp_path)
    assert sorted(synced) == sorted((tmp_path / name).stat().st_ino for name in ("", "1", "a", "a/2"))


def test_errors_of_the_disk_are_not_lost(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """The one call for everything reports none, so each file is synced after it."""
    (tmp_path / "1").write_bytes(b"data")

    def failing(handle: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output error"):
        sync_tree(tmp_path)


def test_a_file_that_another_program_holds_for_a_moment(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Windows refuses to rename it; virus scanners let it go soon."""
    real, refusals = os.rename, [PermissionError(13, "in use")] * 3

    def busy(old, new):  # type: ignore[no-untyped-def]
        if refusals:
            raise refusals.pop()
        real(old, new)

    monkeypatch.setattr(os, "rename", busy)
    (tmp_path / "old").mkdir()
    with pytest.raises(PermissionError):
        systems.rename(tmp_path / "old", tmp_path / "new")
    monkeypatch.setattr(systems, "WINDOWS", True)
    systems.rename(tmp_path / "old", tmp_path / "new")
    assert (tmp_path / "new").is_dir()
    refusals += [PermissionError(13, "in use")] * 1000
    monkeypatch.setattr(systems, "PATIENCE", 0.1)
    with pytest.raises(PermissionError):
        systems.rename(tmp_path / "new", tmp_path / "old")


def test_the_user(monkeypatch):  # type: ignore[no-untyped-def]
    assert systems.private_name() == f"ripguard-{os.geteuid()}"
    monkeypatch.setattr(systems, "HAS_OWNERS", False)
    assert (systems.user(), systems.private_name()) == (None, "ripguard")
    assert not systems.foreign(os.stat("/"))
    assert not systems.open_to_others(os.stat("/"))


@pytest.mark.skipif(systems.WINDOWS or not os.path.exists("/proc/self/mountinfo"), reason="of Linux")
def test_a_whole_file_system_is_synced_only_where_that_is_as_strong(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """On local file systems, and not where the call may not reach the disk, or not report its errors."""

    def on(kind: str) -> int | None:
        systems._with_syncfs.cache_clear()
        device = os.stat(tmp_path).st_dev
        line = f"1 0 {os.major(device)}:{os.minor(device)} / /x rw - {kind} /dev/x rw\n"
        place = tmp_path / "mountinfo"
        place.write_text(line)
        real = open
        monkeypatch.setattr(
            "builtins.open", lambda path, *a, **k: real(place if "mountinfo" in str(path) else path, *a, **k)
        )
        handle = systems.file_system_of(tmp_path)
        monkeypatch.undo()
        return handle

    local = on("ext4")
    for kind in ("nfs4", "fuse.sshfs", "overlay", "9p", "ext"):
        assert on(kind) is None
    systems._with_syncfs.cache_clear()
    if systems._syncfs() is not None:
        assert local is not None
        (tmp_path / "a").write_bytes(b"1")
        systems.sync_file_system(local)
        os.close(local)
        with pytest.raises(OSError, match="Bad file descriptor"):
            systems.sync_file_system(local)


@pytest.mark.parametrize(
    ("release", "known"), [("5.7.19", False), ("4.19.0-x", False), ("strange", False), ("5.8", True)]
)
def test_old_kernels_do_not_report_errors_of_a_whole_file_system(release, known, monkeypatch):  # type: ignore[no-untyped-def]
    if systems.WINDOWS or not hasattr(os, "uname"):
        pytest.skip("no uname")
    systems._syncfs.cache_clear()
    monkeypatch.setattr(os, "uname", lambda: type("uname", (), {"release": release}))
    assert (systems._syncfs() is not None) <= known
    systems._syncfs.cache_clear()


CONFINED = """
import errno, os, socket, sys
from ripguard import systems
kept = os.open(sys.executable, os.O_RDONLY)
systems.confine(64 << 20)
for opening in (lambda: open(sys.executable), socket.socket, os.pipe, lambda: os.dup(kept), lambda: os.listdir("/")):
    try:
        opening()
    except OSError as error:
        assert error.errno in (errno.EMFILE, errno.EINVAL), error  # the second: of dup
    else:
        sys.exit(1)
os.close(0)  # a number that is free again is of no use
try:
    socket.socket()
except OSError:
    pass
else:
    sys.exit(2)
if len(systems.read_at(kept, 10, 3)) != 10:
    sys.exit(3)
try:
    bytearray(128 << 20)
except MemoryError:
    sys.exit(0)
sys.exit(0 if sys.platform == "darwin" else 4)
"""
SPINNING = "from ripguard import systems\nsystems.processor_time(0.05)\nwhile True: sum(range(1000))"


@pytest.mark.skipif(not systems.can_confine(), reason="this system cannot limit a process")
def test_a_confined_process():
    """Nothing can be opened any more, what is open stays, and memory is limited."""
    assert subprocess.run([sys.executable, "-c", CONFINED]).returncode == 0


@pytest.mark.skipif(not systems.can_confine(), reason="this system cannot limit a process")
def test_processor_time():
    """A process that computes for ever ends; how it ended can be seen."""
    code = subprocess.run([sys.executable, "-c", SPINNING]).returncode
    assert systems.ended_by_processor_time(code)
    assert not systems.ended_by_processor_time(-9)
    assert not systems.ended_by_processor_time(0)


def test_a_system_without_limits(monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setitem(sys.modules, "resource", None)
    assert not systems.can_confine()


def test_reading_at_a_place_without_pread(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """As on Windows: the same bytes, also from several threads that share a file."""
    (tmp_path / "f").write_bytes(bytes(range(256)) * 40)
    monkeypatch.delattr(os, "pread")
    handle = os.open(tmp_path / "f", os.O_RDONLY)
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda i: systems.read_at(handle, 100, i), range(0, 10_000, 7)))
        assert found == [(tmp_path / "f").read_bytes()[i : i + 100] for i in range(0, 10_000, 7)]
        assert systems.read_at(handle, 100, 10_239) == b"\xff"
    finally:
        os.close(handle)
