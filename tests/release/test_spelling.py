"""Files whose names have another Unicode form on disk are found; a folder that is two on disk is reported."""

from __future__ import annotations

import json
import shutil
import unicodedata
from pathlib import Path

import pytest
from helpers import call, crop, good

from ripguard.crypto.keys import Key
from ripguard.images.encoding import png_bytes
from ripguard.release.manifest import Release
from ripguard.release.spelling import found_at, in_other_folders, listed_as, listed_names
from ripguard.train.protected import ProtectedDataset

CAFE, LATE, AS = (unicodedata.normalize("NFC", name) for name in ("café", "été", "ÅÅ"))


def nfd(name: str) -> str:
    return unicodedata.normalize("NFD", name)


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("spelling")
    for number, name in enumerate((f"{CAFE}/0.png", f"{CAFE}/1{AS}.png", f"{CAFE}/{LATE}/2.png", "dog/0.png")):
        (place / "src" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "src" / name).write_bytes(png_bytes(crop(number)))
    good("keygen", "--out", place / "k")
    good("protect", place / "src", place / "r", "--key-file", place / "k", "--perturb", "none", "--workers", "1",
         "--classes-at", "1")  # fmt: skip
    return place


@pytest.fixture
def root(once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once / "r", tmp_path / "r"))


def verified(root: Path, *more: str | Path) -> dict:  # type: ignore[type-arg]
    code, out, err = call("verify", root, "--json", *more)
    assert "Traceback" not in err
    found = json.loads(out)
    assert found["ok"] == (code == 0)
    return found


def move(root: Path, name: str, to: str) -> None:
    (root / to).parent.mkdir(parents=True, exist_ok=True)
    (root / name).rename(root / to)


def test_a_copy_in_a_folder_that_looks_alike(root):  # type: ignore[no-untyped-def]
    """Loaders see a third class, so it is extra; beside its image, in whatever form of the folder, it is a copy."""
    (root / nfd(CAFE)).mkdir()
    shutil.copy(root / CAFE / "0.png", root / nfd(CAFE) / "zz.png")
    found = verified(root)
    assert (found["ok"], found["extra"], found["duplicates"]) == (False, [f"{nfd(CAFE)}/zz.png"], [])
    shutil.rmtree(root / nfd(CAFE))
    (root / CAFE).rename(root / nfd(CAFE))
    shutil.copy(root / nfd(CAFE) / "0.png", root / nfd(CAFE) / "zz.png")
    found = verified(root)
    assert (found["ok"], found["extra"], found["duplicates"]) == (True, [], [f"{nfd(CAFE)}/zz.png"])


def test_restore_refuses_such_a_copy(root, once, tmp_path):  # type: ignore[no-untyped-def]
    (root / nfd(CAFE)).mkdir()
    shutil.copy(root / CAFE / "0.png", root / nfd(CAFE) / "zz.png")
    code, out, _ = call("restore", root, tmp_path / "o", "--key-file", once / "k", "--workers", "1", "--json")
    assert (code, json.loads(out)["restored"], json.loads(out)["duplicates"]) == (10, 4, [])


@pytest.mark.parametrize("name", [f"{CAFE}/0.png", f"{CAFE}/1{AS}.png", f"{CAFE}/{LATE}/2.png"])
def test_one_file_in_a_folder_that_looks_alike(name, root, once, tmp_path):  # type: ignore[no-untyped-def]
    """verify reports it as renamed, not as unreadable; the dataset and restore find it at every level."""
    move(root, name, nfd(name))
    found = verified(root, "--key-file", once / "k")
    assert (found["ok"], found["unreadable"], found["missing"], found["extra"]) == (False, [], [], [])
    assert found["renamed"] == [f"{name} → {nfd(name)}"]
    assert found["restored"] == 4
    assert len(ProtectedDataset(root, Key.read(once / "k")).images(range(4))) == 4
    assert good("restore", root, tmp_path / "o", "--key-file", once / "k", "--workers", "1")["restored"] == 4


def test_an_empty_folder_that_looks_alike(root):  # type: ignore[no-untyped-def]
    (root / nfd(CAFE)).mkdir()
    assert verified(root)["extra"] == [f"{nfd(CAFE)}/"]


@pytest.mark.parametrize("levels", [(0,), (1,), (0, 1), (0, 1, 2)])
def test_some_levels_of_a_path(levels, root):  # type: ignore[no-untyped-def]
    """Whole folders of another form are no problem."""
    for level in sorted(levels, reverse=True):
        for path in [path for path in root.rglob("*") if len(path.relative_to(root).parts) == level + 1]:
            path.rename(path.with_name(nfd(path.name)))
    release = Release.open(root)
    assert all(found_at(release, row["path"]).is_file() for row in release.rows)
    assert verified(root)["ok"]


def test_two_other_forms_of_one_name(root):  # type: ignore[no-untyped-def]
    """The first in order stands for the image, for every command; the other one is a copy."""
    name = f"{CAFE}/1{AS}.png"
    half = f"{CAFE}/1{AS[0]}{nfd(AS[1])}.png"
    shutil.copy(root / name, root / half)
    move(root, name, f"{CAFE}/1{nfd(AS)}.png")
    release = Release.open(root)
    first = min(half, f"{CAFE}/1{nfd(AS)}.png")
    assert found_at(release, name) == root / first
    assert listed_as(release, first) == name
    assert {place for place in (half, f"{CAFE}/1{nfd(AS)}.png") if listed_as(release, place) == place} != {first}
    assert listed_names(release, [half, f"{CAFE}/1{nfd(AS)}.png"])[name] == first
    assert len(verified(root)["duplicates"]) == 1


def test_folders_that_are_two_or_one():
    composed, decomposed = f"{CAFE}/0.png", nfd(f"{CAFE}/1.png")
    assert in_other_folders({composed: nfd(composed), f"{CAFE}/1.png": decomposed}) == {}
    assert in_other_folders({composed: composed, f"{CAFE}/1.png": decomposed}) == {f"{CAFE}/1.png": decomposed}
    assert in_other_folders({composed: nfd(composed), decomposed: decomposed}) == {composed: nfd(composed)}
    below = {f"{CAFE}/a/0.png": f"{CAFE}/a/0.png", f"{CAFE}/b/0.png": nfd(f"{CAFE}/b/0.png")}
    assert list(in_other_folders(below)) == [f"{CAFE}/b/0.png"]
