"""What stands on the disk after a power cut: what was synced, and nothing else (tests experiments/unsynced.py)."""

from __future__ import annotations

import os
import random
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "experiments"))
from faults import Counter, patch
from unsynced import CUTS, Unsynced

pytestmark = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="needs /proc, which Linux has")
ALL, DATA, SOME = CUTS


def sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def write(path: Path, data: bytes, synced: bool) -> None:
    with open(path, "wb") as file:
        file.write(data)
        if synced:
            os.fsync(file.fileno())


def cut(tmp_path: Path, work: Callable[[Path], None], kind: str = ALL) -> dict[str, bytes | None]:
    """Names and contents below a folder when the power is cut after ``work(folder)``; None: a folder."""
    root, attic = tmp_path / "disk", tmp_path / "attic"
    for folder in (root / "sub", attic):
        folder.mkdir(parents=True)
    (root / "old").write_bytes(b"old")
    if (child := os.fork()) == 0:
        try:
            disk = Unsynced(attic)
            patch(Counter(kind, 10**9, -1, disk))
            work(root)
            disk.lose(kind, random.Random(0))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    return {p.relative_to(root).as_posix(): p.read_bytes() if p.is_file() else None for p in root.rglob("*")}


BEFORE = {"old": b"old", "sub": None}


def careless(root: Path) -> None:
    write(root / "a", b"data", synced=False)
    os.replace(root / "a", root / "old")


def careful(root: Path) -> None:
    write(root / "a", b"data", synced=True)
    os.replace(root / "a", root / "old")
    sync(root)


def data_alone(root: Path) -> None:
    write(root / "sub" / "a", b"data", synced=True)
    sync(root)  # not the folder of this file


def names_alone(root: Path) -> None:
    write(root / "sub" / "a", b"data", synced=False)
    sync(root / "sub")


def whole_folder(root: Path) -> None:
    """A tree that is filled, synced, and gets its name later."""
    os.mkdir(root / "sub" / "new")
    write(root / "sub" / "new" / "a", b"data", synced=True)
    sync(root / "sub" / "new")
    os.rename(root / "sub" / "new", root / "out")


def whole_folder_synced(root: Path) -> None:
    whole_folder(root)
    sync(root)


def linked(root: Path) -> None:
    """A second name is a name like any other."""
    os.link(root / "old", root / "new")


def removed(root: Path) -> None:
    """What was never on the disk comes back empty, if its name does."""
    write(root / "sub" / "a", b"data", synced=False)
    sync(root / "sub")
    os.unlink(root / "sub" / "a")


def everything(root: Path) -> None:
    careless(root)
    os.sync()
    os.unlink(root / "old")
    os.rmdir(root / "sub")


@pytest.mark.parametrize(
    ("work", "kind", "left"),
    [
        (careless, ALL, BEFORE),
        (careless, DATA, BEFORE | {"old": b""}),
        (careful, ALL, {"old": b"data", "sub": None}),
        (data_alone, ALL, BEFORE),
        (data_alone, DATA, BEFORE | {"sub/a": b"data"}),
        (names_alone, ALL, BEFORE | {"sub/a": b""}),
        (whole_folder, ALL, BEFORE),
        (whole_folder, DATA, BEFORE | {"out": None, "out/a": b"data"}),
        (whole_folder_synced, ALL, BEFORE | {"out": None, "out/a": b"data"}),
        (linked, ALL, BEFORE),
        (linked, DATA, BEFORE | {"new": b"old"}),
        (removed, ALL, BEFORE | {"sub/a": b""}),
        (removed, DATA, BEFORE),
        (everything, ALL, {"old": b"data", "sub": None}),
        (everything, DATA, {}),
    ],
)
def test_what_a_power_cut_leaves(work, kind, left, tmp_path):  # type: ignore[no-untyped-def]
    assert cut(tmp_path, work, kind) == left


def test_a_part_of_it(tmp_path):  # type: ignore[no-untyped-def]
    """Some of the last changes are lost, never an earlier one without those that follow it."""

    def work(root: Path) -> None:
        for number in range(9):
            os.mkdir(root / f"{number}")

    found = sorted(set(cut(tmp_path, work, SOME)) - set(BEFORE))
    assert found == [str(number) for number in range(len(found))]
    assert 0 < len(found) < 9
