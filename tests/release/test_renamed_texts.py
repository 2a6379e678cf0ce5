"""Equal texts that were renamed: each file stands for one text, of its own folder first."""

from __future__ import annotations

import itertools
import json
import shutil
from pathlib import Path

import pytest
from helpers import call, crop, good, tree_digest

from ripguard.images.encoding import png_bytes
from ripguard.release.manifest import Release
from ripguard.release.renamed_texts import renamed_texts


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("texts")
    for number, folder in enumerate(("a", "b", "c")):
        (place / "src" / folder).mkdir(parents=True)
        (place / "src" / folder / "0.png").write_bytes(png_bytes(crop(number)))
        (place / "src" / folder / "notes.txt").write_bytes(b"the same\n")
    (place / "src/notes.txt").write_bytes(b"the same\n")
    good("keygen", "--out", place / "k")
    good("protect", place / "src", place / "r", "--key-file", place / "k", "--perturb", "none", "--workers", "1")
    return place


@pytest.fixture
def root(once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(once / "r", tmp_path / "r"))


def comes_back(once: Path, root: Path) -> dict:  # type: ignore[type-arg]
    found = good("restore", root, root.parent / "o", "--key-file", once / "k", "--workers", "1")
    assert tree_digest(root.parent / "o").keys() == tree_digest(once / "src").keys()
    return found


def test_all_renamed(once, root):  # type: ignore[no-untyped-def]
    """In their folders, and under names that sort in another order."""
    wanted = {}
    for name, other in (("a/notes.txt", "a/z.txt"), ("b/notes.txt", "b/NOTES.TXT"), ("notes.txt", "y.txt")):
        (root / name).rename(root / other)
        wanted[name] = other
    found = comes_back(once, root)
    assert {one["to"]: one["from"] for one in found["moved"]} == {to: str(root / other) for to, other in wanted.items()}
    assert (found["left_out"], found["refused"]) == ([], [])
    report = json.loads(call("verify", root, "--json")[1])
    assert sorted(report["renamed"]) == sorted(f"{was} → {now}" for was, now in wanted.items())
    assert (report["extra"], report["annotations"], report["missing"]) == ([], [], [])


def test_fewer_files_than_texts(once, root):  # type: ignore[no-untyped-def]
    """One file replaces one text; the other one is refused with a sentence."""
    (root / "a/notes.txt").unlink()
    (root / "b/notes.txt").rename(root / "b/moved.txt")
    code, out, err = call(
        "restore", root, root.parent / "o", "--key-file", once / "k", "--workers", "1", "--json"
    )  # fmt: skip
    assert "Traceback" not in err
    found = json.loads(out)
    assert (code, [one["to"] for one in found["moved"]]) == (5, ["b/notes.txt"])
    assert [one["path"] for one in found["refused"]] == [str(root / "a/notes.txt")]
    report = json.loads(call("verify", root, "--json")[1])
    assert (report["renamed"], report["annotations"]) == (["b/notes.txt → b/moved.txt"], ["a/notes.txt"])


def test_in_any_order(root):  # type: ignore[no-untyped-def]
    """A text does not take the file of another one's folder, nor one of another one's name."""
    release, places = Release.open(root), {"a/notes.txt": "a/x.txt", "b/notes.txt": "c/notes2.txt", "notes.txt": "y"}
    (root / "a/x.txt").write_bytes(b"the same\n"), (root / "c/notes2.txt").write_bytes(b"the same\n")
    (root / "y").write_bytes(b"the same\n")
    for names in itertools.permutations(places):
        for files in itertools.permutations(places.values()):
            found = renamed_texts(release, names, [root / name for name in files])
            assert found == {name: root / place for name, place in places.items()}
    assert renamed_texts(release, ["a/notes.txt"], []) == {}
    assert renamed_texts(release, [], [root / "y"]) == {}
