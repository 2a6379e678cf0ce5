"""Restoring a release ends in 0 only if what came back is the release: names, classes, splits, and all of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from helpers import call, good, refused, tree_digest
from releases import golden

from ripguard.train.protected import ProtectedDataset

KINDS = ("mrit", "bytes", "seal", "sealbytes")
NEXT = {"cat": "cup", "cup": "face", "face": "cat"}


def restore(field, release, out, *more):  # type: ignore[no-untyped-def]
    """Exit code, result, and what came back."""
    shutil.rmtree(out, ignore_errors=True)
    code, said, err = call("restore", release, out, "--key-file", field.key, "--workers", "1", "--json", *more)
    assert "Traceback" not in err
    return code, json.loads(said), tree_digest(out) if out.exists() else {}


def images(release: Path) -> list[Path]:
    return sorted(release.glob("*/*/*.png"))


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_in_another_class(kind, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Renamed into the next class: every one comes back where the manifest has it, and is listed."""
    release, wanted = copied(kind), tree_digest(field.restored(kind))
    moves = [(path, release / path.parts[-3] / NEXT[path.parts[-2]] / f"from-{path.parts[-2]}-{path.name}")
             for path in images(release)]  # fmt: skip
    for path, target in moves:
        path.rename(target)
    code, found, back = restore(field, release, tmp_path / "out")
    assert (code, back) == (0, wanted)
    assert {(one["from"], one["to"]) for one in found["moved"]} == {
        (str(target), path.relative_to(release).as_posix()) for path, target in moves
    }
    assert call("verify", release)[0] == 10


@pytest.mark.parametrize("kind", KINDS)
def test_splits_exchanged(kind, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Under new names all come back at their places; under each other's names they are refused."""
    release, wanted = copied(kind), tree_digest(field.restored(kind))
    for path in images(release):
        path.rename(path.with_name(f"n-{path.name}"))
    for a, b in (("train", "x"), ("test", "train"), ("x", "test")):
        (release / a).rename(release / b)
    code, found, back = restore(field, release, tmp_path / "out")
    assert (code, back, len(found["moved"])) == (0, wanted, 16)
    release = copied(kind)
    for a, b in (("train", "x"), ("test", "train"), ("x", "test")):
        (release / a).rename(release / b)
    code, found, back = restore(field, release, tmp_path / "out")
    assert code == 5
    assert all(wanted[name] == digest for name, digest in back.items())
    assert len(back) + len(found["refused"]) == len(wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_images_that_are_gone(kind, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """One, a class, all but one: what is left comes back, each missing one is named, exit 10."""
    wanted = tree_digest(field.restored(kind))
    for gone in ("train/cup/0.png", "train/cup/*.png", "*/*/[!1].png"):
        release = copied(kind)
        lost = {path.relative_to(release).as_posix() for path in release.glob(gone)}
        for place in lost:
            (release / place).unlink()
        code, found, back = restore(field, release, tmp_path / "out")
        assert code == 10
        assert {one["path"] for one in found["refused"]} == {str(release / place) for place in lost}
        assert {one["code"] for one in found["refused"]} == {"verify-failed"}
        assert back == {name: digest for name, digest in wanted.items() if back.get(name)}
        assert len(back) == len(wanted) - len(lost)
    release = copied(kind)
    for path in images(release):
        path.unlink()
    assert "is missing" in refused(10, "restore", release, tmp_path / "none", "--key-file", field.key)
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_other_suffixes_and_second_copies(kind, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """An image is found by how it begins; a second copy is not restored; a text nobody knows is named."""
    release, wanted = copied(kind), tree_digest(field.restored(kind))
    (release / "train/cat/0.png").rename(release / "train/cat/0.dat")
    (release / "notes.doc").write_bytes(b"no picture")
    code, found, back = restore(field, release, tmp_path / "out")
    assert (code, back, found["left_out"]) == (0, wanted, [str(release / "notes.doc")])
    shutil.copy(release / "train/cup/0.png", release / "train/cat/00.png")
    code, found, back = restore(field, release, tmp_path / "out")
    assert (code, back) == (10, wanted)
    assert [(one["path"], one["code"]) for one in found["refused"]] == [
        (str(release / "train/cat/00.png"), "verify-failed")
    ]


def test_links(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """A link to an image and one to a class folder are named, and not followed."""
    release, aside = copied(), tmp_path / "aside"
    aside.mkdir()
    shutil.move(release / "train/cup", aside / "cup")
    (release / "train/cup").symlink_to(aside / "cup")
    shutil.move(release / "train/cat/0.png", aside / "0.png")
    (release / "train/cat/0.png").symlink_to(aside / "0.png")
    code, found, back = restore(field, release, tmp_path / "out")
    told = {one["path"]: one for one in found["refused"]}
    assert code == 5
    assert {"train/cup", "train/cat/0.png"} <= {Path(path).relative_to(release).as_posix() for path in told}
    assert "links are not followed" in told[str(release / "train/cat/0.png")]["message"]
    assert len(back) == 13
    code, said, _ = call("verify", release, "--json")
    report = json.loads(said)
    assert (code, report["unreadable"]) == (10, ["train/cat/0.png", "train/cup"])


def test_parts(field, tmp_path):  # type: ignore[no-untyped-def]
    """Two parts in one call keep their places; a part is complete if its part of the manifest is."""
    release, wanted = field.release("mrit"), tree_digest(field.restored("mrit"))
    out = tmp_path / "out"
    good("restore", release / "train", release / "test", out, "--key-file", field.key)
    assert tree_digest(out) == {name: digest for name, digest in wanted.items() if name != "labels.csv"}
    good("restore", release / "train/cat", release / "train", tmp_path / "nested", "--key-file", field.key)
    assert len(tree_digest(tmp_path / "nested")) == 13
    part = Path(shutil.copytree(release, tmp_path / "part"))
    (part / "train/cat/1.png").rename(part / "train/cup/x.png")
    assert "train/cat/1.png of the release is missing" in call(
        "restore", part / "train/cat", tmp_path / "a", "--key-file", field.key
    )[1]  # fmt: skip
    code, said, _ = call("restore", part / "train/cup", tmp_path / "b", "--key-file", field.key)
    assert code == 10
    assert "is train/cat/1.png of the release, which was not selected" in said
    found = good("restore", part / "train/cup/x.png", tmp_path / "c", "--key-file", field.key)
    assert found["moved"][0]["to"] == "train/cat/1.png"
    assert (tmp_path / "c/x.png").read_bytes() == (field.restored("mrit") / "train/cat/1.png").read_bytes()


def test_a_link_that_is_named(field, tmp_path):  # type: ignore[no-untyped-def]
    """Who names a link to a release, or to a part of one, means the release: it is compared all the same."""
    (tmp_path / "link").symlink_to(field.release("mrit"))
    found = good("restore", tmp_path / "link", tmp_path / "a", "--key-file", field.key)
    assert (found["checked"], tree_digest(tmp_path / "a")) == (True, tree_digest(field.restored("mrit")))
    (tmp_path / "part").symlink_to(field.release("mrit") / "train/cat")
    assert good("restore", tmp_path / "part", tmp_path / "b", "--key-file", field.key)["checked"]
    assert good("verify", tmp_path / "link", "--key-file", field.key)["ok"]


def test_a_renamed_part(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """A class folder under another name is still of the release: no silent fall to loose images."""
    for kind in ("mrit", "sealbytes"):
        release = copied(kind)
        (release / "train/cat").rename(release / "train/dog")
        code, found, back = restore(field, release / "train/dog", tmp_path / "out")
        assert (code, back) == (10, {})
        assert "which was not selected" in found["message"]


@pytest.mark.parametrize("kind", [*KINDS, "v1-ranked", "v1-seal"])
def test_a_release_without_its_record(kind, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """release.ripguard gone, or release.json: no silent fall to loose images, whose labels nobody can check."""
    release = copied(kind) if kind in KINDS else golden(kind, tmp_path)
    (release / ("release.ripguard" if kind in KINDS else ".ripguard/release.json")).unlink()
    (a, *_, b), t = sorted(release.glob("train/*/*.png")), release / "t"
    a.rename(t), b.rename(a), t.rename(b)
    message = refused(5, "restore", release, tmp_path / "out", "--key-file", field.key)
    assert "labels and completeness cannot be checked" in message
    assert not (tmp_path / "out").exists()


def test_loose_images_say_what_is_not_checked(field, tmp_path):  # type: ignore[no-untyped-def]
    """Without a release, with --loose inside one, and refused with --require-release."""
    release, key = field.release("sealbytes"), ("--key-file", field.key)
    loose = Path(shutil.copytree(release / "train/cup", tmp_path / "loose"))
    code, out, _ = call("restore", loose, tmp_path / "a", *key)
    assert code == 0
    assert "labels and completeness are NOT checked" in out
    assert "lies in no release" in refused(6, "restore", loose, tmp_path / "b", *key, "--require-release")
    inside = Path(shutil.copytree(release, tmp_path / "release"))
    (inside / "train/cup/0.png").rename(inside / "train/cup/zz.png")
    found = good("restore", inside, tmp_path / "c", *key, "--loose")
    assert (found["checked"], found["restored"]) == (False, 16)
    assert not (tmp_path / "c/labels.csv").exists()
    assert good("restore", inside, tmp_path / "d", *key, "--require-release")["checked"]
    refused(2, "restore", inside, tmp_path / "e", *key, "--require-release", "--loose")
    assert "does not lie in the release" in refused(2, "restore", inside, loose, tmp_path / "e", *key)


def test_training_sees_the_labels_of_the_manifest(field, copied):  # type: ignore[no-untyped-def]
    """Moved images are refused where they are missed, never given another label."""
    release = copied("seal")
    honest = ProtectedDataset(release, field.key)
    for a, b in (("cat", "x"), ("cup", "cat"), ("x", "cup")):
        (release / "train" / a).rename(release / "train" / b)
    data = ProtectedDataset(release, field.key)
    assert data.targets == honest.targets
    for number in range(len(data)):
        if data.classes[data.targets[number]] != "face":
            with pytest.raises(Exception, match=r"another image|changed after|file is damaged|cannot be read"):
                data[number]
