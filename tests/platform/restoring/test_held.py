"""A release whose files stay open is the same release, also after they are gone."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from metadata import contained
from releases import KEY, RELEASES, golden

from ripguard.errors import Damaged, NotProtected
from ripguard.files import TooLarge
from ripguard.platform.restoring.held import HeldParts, held_release
from ripguard.release.manifest import Release


@pytest.fixture
def closing() -> Iterator[None]:
    """Closes what a release holds open."""
    before = set(map(int, os.listdir("/proc/self/fd"))) if Path("/proc/self/fd").exists() else set()
    yield
    if before:
        for handle in set(map(int, os.listdir("/proc/self/fd"))) - before:
            try:
                os.close(handle)
            except OSError:  # that of the listing
                continue


@pytest.mark.parametrize("name", RELEASES)
def test_the_same_answers(name, tmp_path, closing):  # type: ignore[no-untyped-def]
    root = golden(name, tmp_path)
    disk, held = Release.open(root), held_release(root)
    keys = KEY.dataset(disk.dataset_id)
    wanted = [
        (row, disk.by_digest(row["pixels"]), disk.residue(row["residue"]), disk.source_path(row, keys))
        for row in disk.rows
    ]
    private, model, info = disk.private(keys), disk.model(keys), disk.info
    shutil.rmtree(root)
    assert held.info == info
    assert list(held.rows) == [row for row, *_ in wanted]
    for row, showing, residue, path in wanted:
        assert held.by_path(row["path"]) == row
        assert held.by_digest(row["pixels"]) == showing
        assert held.residue(row["residue"]) == residue
        assert held.source_path(row, keys) == path
    assert (held.private(keys), held.model(keys)) == (private, model)
    assert held.opened_by(KEY) is not None
    assert str(tmp_path) not in held.name + held.where("x")


def test_sections(tmp_path, closing):  # type: ignore[no-untyped-def]
    """As sections that open their file for each read."""
    root = golden("v2-ranked", tmp_path)
    disk, held = Release.open(root), held_release(root)
    assert isinstance(held.files, HeldParts)
    for name in disk.files.names():
        one, other = disk.files.section(name), held.files.section(name)
        whole = one.read(1 << 20)
        assert other.read(1 << 20) == whole == b"".join(other.pieces())
        assert other.sha256() == one.sha256()
        assert list(other.lines(1 << 16)) == list(one.lines(1 << 16))
        for offset, length in ((0, 3), (1, len(whole) - 1), (len(whole), 1), (0, len(whole) + 1)):
            assert other.piece(offset, length) == one.piece(offset, length)
        for section in (one, other):
            with pytest.raises(TooLarge):
                section.read(len(whole) - 1)
    with pytest.raises(FileNotFoundError):
        held.files.section("none")


def test_what_is_no_release(tmp_path):  # type: ignore[no-untyped-def]
    with pytest.raises(NotProtected):
        held_release(tmp_path)
    root = golden("ranked", tmp_path)
    assert not contained(root)
    (root / ".ripguard/manifest.jsonl").unlink()
    with pytest.raises(Damaged, match=r"manifest\.jsonl is missing"):
        held_release(root)
