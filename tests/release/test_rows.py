"""Rows of a manifest: found like in a dict, read from the disk, and never other than those that were checked."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.errors import Damaged, StorageError
from ripguard.release.manifest import canonical
from ripguard.release.rows import AT_HAND, Rows


def row(path: str, seen: str) -> dict[str, Any]:
    """A row as a manifest has it; ``seen`` stands for the picture's samples."""
    digest = hashlib.sha256(seen.encode()).hexdigest()
    rest = {"unit": 0, "index": 0, "planes": 1, "overwritten": 0, "overflow": 0, "residue": None}
    return rest | {"path": path, "shape": [2, 3, 1], "pixels": digest, "clean": digest, "file": digest}


def written(path: Path, rows: list[dict[str, Any]]) -> Rows:
    path.write_bytes(b"".join(canonical(one) + b"\n" for one in rows))
    return Rows(path, 1)


NAMES = st.lists(st.text("ab/é\ud800", min_size=1).filter(lambda t: all(t.split("/"))), unique=True, max_size=8)


@given(NAMES, st.data())
def test_as_a_dict_would(tmp_path_factory, names, data):
    """By place, by samples (two pictures may look the same), by number, in order; also names that are no text."""
    own = [row(name, data.draw(st.sampled_from("xyz"))) for name in names]
    path = tmp_path_factory.mktemp("rows") / "manifest.jsonl"
    rows = written(path, own)
    assert list(rows) == own == rows[:]
    assert len(rows) == len(own)
    assert rows.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    for number, one in enumerate(own):
        assert rows[number] == rows[number - len(own)] == rows.at(one["path"]) == one
        assert rows.samples(one["path"]) == 6
        assert rows.showing(one["pixels"]) == [r for r in own if r["pixels"] == one["pixels"]]
    assert rows.at("c") is None
    assert rows.samples("c") is None
    assert rows.showing("c") == []
    with pytest.raises(IndexError):
        rows[len(own)]


def test_no_manifest(tmp_path):
    assert list(Rows(tmp_path / "none", 0)) == []


@pytest.mark.parametrize("line", [b"", b"[]", b"{", b'{"path":"a"}', canonical(row("../a", "x")), b"[" * 100_000])
def test_lines_that_are_no_rows(line, tmp_path):
    (tmp_path / "m").write_bytes(canonical(row("a", "x")) + b"\n" + line + b"\n")
    with pytest.raises((ValueError, RecursionError)):
        Rows(tmp_path / "m", 1)


@pytest.mark.parametrize(
    "change", [lambda data: data.replace(b'"b"', b'"c"'), lambda data: data[:-9], lambda _: b"", None]
)
def test_a_manifest_that_changes_later(change, tmp_path):
    """What was not checked is not used."""
    path = tmp_path / "m"
    rows = written(path, [row("a", "x"), row("b", "y")])
    if change:
        path.write_bytes(change(path.read_bytes()))
    else:
        path.unlink()
    for use in (
        lambda: rows[1],
        lambda: rows.at("b"),
        lambda: list(rows),
        lambda: rows.showing(row("b", "y")["pixels"]),
    ):
        with pytest.raises(Damaged, match="changed while"):
            use()


def test_memory(tmp_path):
    """Under 64 bytes a row, and some parsed ones, however many are asked for."""
    many = 20_000
    with open(tmp_path / "m", "wb") as file:
        file.writelines(canonical(row(f"train/airplane/aeroplane_s_{i:06d}.png", str(i))) + b"\n" for i in range(many))
    tracemalloc.start()
    rows = Rows(tmp_path / "m", 1)
    kept = tracemalloc.get_traced_memory()[0]
    assert kept < 64 * many, kept / many
    for i in range(0, many, 7):
        assert rows.at(f"train/airplane/aeroplane_s_{i:06d}.png")["index"] == 0  # type: ignore[index]
    grown = tracemalloc.get_traced_memory()[0] - kept
    tracemalloc.stop()
    assert grown < 3000 * AT_HAND, grown
    assert json.loads((tmp_path / "m").read_bytes().splitlines()[-1]) == rows[-1]


def test_a_line_that_can_just_be_read(tmp_path):
    """What lies deep can be parsed with little on the stack, and not with more: one error, no crash."""
    row_, ends = row("a", "x"), set()
    for depth in range(10, sys.getrecursionlimit() + 10, 2):
        line = canonical(row_)[:-1] + b',"z":' + b"[" * depth + b"]" * depth + b"}"
        (tmp_path / "m").write_bytes(line + b"\n")
        try:
            rows = Rows(tmp_path / "m", 1)
        except RecursionError:
            ends.add("refused at once")
            continue
        try:
            ends.add(deep(40, lambda rows=rows: rows[0])["path"])
        except Damaged:
            ends.add("refused later")
    assert ends == {"a", "refused later", "refused at once"}


def deep(calls: int, function: Callable[[], Any]) -> Any:
    return deep(calls - 1, function) if calls else function()


def test_an_error_of_the_disk_is_not_damage(tmp_path, monkeypatch):
    """No more open files: nothing is wrong with the release."""
    rows = written(tmp_path / "m", [row("a", "x")])

    def full(*_: Any) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(os, "open", full)
    with pytest.raises(StorageError, match="Too many open files"):
        rows.at("a")


def test_rows_are_not_pickled(tmp_path):
    """A process opens the release for itself, and checks it."""
    with pytest.raises(TypeError, match="open the release again"):
        pickle.dumps(written(tmp_path / "m", [row("a", "x")]))
