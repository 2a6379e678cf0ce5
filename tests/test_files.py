"""Folders are listed without gaps, and files are opened for what they are; nothing in the package does it otherwise."""

from __future__ import annotations

import errno
import os
import re
import socket
import time
from pathlib import Path

import pytest

import ripguard
from ripguard.files import NotRegular, TooLarge, open_regular, read_regular, walk

PACKAGE = Path(ripguard.__file__).parent


def test_regular_files_alone(tmp_path):  # type: ignore[no-untyped-def]
    """At once, also where reading would wait for ever."""
    (tmp_path / "file").write_bytes(b"data")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "file")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(tmp_path / "socket"))
        began = time.monotonic()
        assert read_regular(tmp_path / "file", 4) == b"data"
        assert read_regular(tmp_path / "link", 4, follow=True) == b"data"
        for name in ("pipe", "link", "folder", "socket"):
            with pytest.raises(NotRegular):
                read_regular(tmp_path / name, 4)
        for device in ("/dev/zero", "/dev/null"):
            with pytest.raises(NotRegular):
                read_regular(device, 4)
        assert time.monotonic() - began < 5
    with pytest.raises(FileNotFoundError):
        open_regular(tmp_path / "none")


def test_sizes(tmp_path):  # type: ignore[no-untyped-def]
    """Before it is read; a file of /proc, which has no size, while it is."""
    (tmp_path / "file").write_bytes(b"data")
    with pytest.raises(TooLarge, match="4 bytes, more than 3"):
        read_regular(tmp_path / "file", 3)
    if Path("/proc/self/status").exists():
        with pytest.raises(TooLarge):
            read_regular("/proc/self/status", 10)


def test_no_descriptor_is_left_open(tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "file").write_bytes(b"data")
    before = os.listdir("/proc/self/fd") if Path("/proc/self/fd").exists() else []
    for _ in range(20):
        for path, most in ((tmp_path, None), (tmp_path / "file", 3)):
            with pytest.raises(OSError, match=r"."):
                open_regular(path, most)
    if before:
        assert len(os.listdir("/proc/self/fd")) == len(before)


def test_everything_below(tmp_path):  # type: ignore[no-untyped-def]
    """Files of all kinds, links among them; folders behind links are not looked into."""
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/file").touch()
    os.mkfifo(tmp_path / "a/pipe")
    (tmp_path / "a/link").symlink_to(tmp_path)
    (tmp_path / "dangling").symlink_to("nowhere")
    assert sorted(place for place, _ in walk(tmp_path)) == ["a/b/file", "a/link", "a/pipe", "dangling"]


def test_folders_that_cannot_be_listed(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """An error, or on the list; also in the middle of a folder."""
    for name in ("a/1", "b/2"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).touch()
    real = os.scandir

    def failing(path):  # type: ignore[no-untyped-def]
        if str(path).endswith("b"):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(OSError, match="Input/output error"):
        list(walk(tmp_path))
    errors = list[OSError]()
    assert [place for place, _ in walk(tmp_path, errors)] == ["a/1"]
    assert [error.filename for error in errors] == [str(tmp_path / "b")]


# what looks through folders on its own: the reason why nothing can be left out there without a word
ALLOWED = {
    "files.py": "the one way",
    "store/atomic.py": "lists a working folder, or whether an output is empty; an error is raised",
    "release/find.py": "looks for a renamed file only to name it in a hint",
    "release/wrapper.py": "looks for a release in a folder around it; what cannot be listed is none",
    "data/tinyimagenet.py": "iterdir raises",
    "data/scan.py": "follows links; what cannot be listed raises",
    "data/registry.py": "whether an output is empty; iterdir raises",
    "benchmark/record.py": "records of our own",
    "benchmark/accuracy.py": "records of our own",
    "benchmark/old_records.py": "records of our own",
    "benchmark/records.py": "records of our own",
    "benchmark/tables/pages.py": "pages of our own",
    "benchmark/training_logs.py": "logs of our own",
    "benchmark/audit/ledger.py": "whether an output is empty; iterdir raises",
}


def test_one_way_to_look_through_folders():
    """os.walk, rglob and glob leave out what they cannot list, without a word."""
    silent = re.compile(r"os\.walk\(|os\.fwalk\(|\.rglob\(|\.glob\(|\.iterdir\(|os\.listdir\(|scandir\(|\.walk\(")
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(silent.search(line) for line in path.read_text().splitlines())
    }
    assert found <= set(ALLOWED), sorted(found - set(ALLOWED))
    assert not re.search(r"os\.walk|glob\(", (PACKAGE / "store/atomic.py").read_text())


def test_one_way_to_print():
    """Names go through ``shown``: nothing in the package prints but the command line and what ends scripts."""
    printing = re.compile(r"(?<![\w.])print\(|sys\.std(out|err)\.write")
    found = {
        path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py") if printing.search(path.read_text())
    }
    assert found <= {"cli/main.py", "cli/output.py", "errors.py"}, sorted(found)
