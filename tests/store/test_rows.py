"""Rows of a manifest: found like in a dict, read from the disk, and never other than those that were checked."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import pickle
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.errors import Damaged, StorageError
from ripguard.release.record import canonical
from ripguard.store.rows import AT_HAND, Rows
from ripguard.store.schema import MOST_ROW


def row(path: str, seen: str) -> dict[str, Any]:
    """A row as a manifest has it; ``seen`` stands for the image's samples."""
    digest = hashlib.sha256(seen.encode()).hexdigest()
    number = int.from_bytes(hashlib.sha256(path.encode(errors="surrogatepass")).digest()[:4], "big")
    rest = {"unit": 0, "index": number, "planes": 1, "overwritten": 0, "overflow": 0, "residue": None}
    return rest | {"path": path, "shape": [2, 3, 1], "pixels": digest, "clean": digest, "file": digest}


def written(path: Path, rows: list[dict[str, Any]]) -> Rows:
    path.write_bytes(b"".join(canonical(one) + b"\n" for one in rows))
    return Rows(path, 1)


NAMES = st.lists(st.text("ab/é\udc80", min_size=1).filter(lambda t: all(t.split("/"))), unique=True, max_size=8)


@given(NAMES, st.data())
def test_as_a_dict_would(tmp_path_factory, names, data):
    """By place, by samples (two images may look the same), by number, in order; also names that are no text."""
    own = [row(name, data.draw(st.sampled_from("xyz"))) for name in names]
    path = tmp_path_factory.mktemp("rows") / "manifest.jsonl"
    for rows in (written(path, own), Rows(path.read_bytes(), 1)):
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
    for source in (tmp_path / "m", (tmp_path / "m").read_bytes()):
        with pytest.raises((ValueError, RecursionError)):
            Rows(source, 1)


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
        assert rows.at(f"train/airplane/aeroplane_s_{i:06d}.png")["unit"] == 0  # type: ignore[index]
    grown = tracemalloc.get_traced_memory()[0] - kept
    tracemalloc.stop()
    assert grown < 3000 * AT_HAND, grown
    assert json.loads((tmp_path / "m").read_bytes().splitlines()[-1]) == rows[-1]


def test_lines_that_are_deep(tmp_path):
    """Twenty levels are read, as a later version may write some; more are refused, however much stack is left."""
    for depth in (2, 19, 20, 21, 500, 985, 30_000):
        line = canonical(row("a", "x"))[:-1] + b',"z":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
        (tmp_path / "m").write_bytes(line + b"\n")
        if depth <= 20:
            assert Rows(tmp_path / "m", 1)[0]["path"] == "a"
        else:
            with pytest.raises(ValueError, match="deep"):
                Rows(tmp_path / "m", 1)


def test_long_lines(tmp_path):
    """One of 64 KiB is refused before more of it is read, in a file of any size."""
    (tmp_path / "m").write_bytes(canonical(row("a", "x")) + b"\n")
    os.truncate(tmp_path / "m", 20 << 30)  # sparse
    for source in (tmp_path / "m", canonical(row("a", "x")).ljust(MOST_ROW + 1)):
        with pytest.raises(ValueError, match="a line of more than"):
            Rows(source, 1)


@pytest.mark.parametrize("other", [{"path": "a"}, {"index": row("a", "x")["index"]}])
def test_two_rows_about_one_image(other, tmp_path):
    with pytest.raises(ValueError, match="two rows about one image"):
        written(tmp_path / "m", [row("a", "x"), row("b", "y") | other])


def test_rows_by_number(tmp_path):
    own = [row(name, name) for name in "abc"]
    rows = written(tmp_path / "m", own)
    assert [rows.numbered(one["index"]) for one in own] == own
    assert rows.numbered(0) is None
    assert [rows.number(name) for name in "abcd"] == [0, 1, 2, None]


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
