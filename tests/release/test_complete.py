"""What a release of format v2 is: one visible file, images at their paths, names and recipe sealed, all of it back."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import call, good, refused, tree_digest
from metadata import info_of, part, parts, put, rows_of, write_info
from releases import KEY, OTHER

import ripguard
from ripguard._torchvision import torchvision
from ripguard.crypto.padding import padded_length
from ripguard.errors import Damaged
from ripguard.images.decoding import read_image
from ripguard.release.manifest import Release
from ripguard.release.restore import restore


def test_nothing_moves(made):  # type: ignore[no-untyped-def]
    """The paths of the source, but for the suffix; ImageFolder loads the same classes and as many images."""
    names = {path.relative_to(made.root).as_posix() for path in made.root.rglob("*") if path.is_file()}
    images = {f"{label}/{name}.png" for label in "ab" for name in ("1", "2", "photo", "same")}
    images |= {"b/0.png", "a/0.png.png", "a/0.bmp.png", "b/array.png"}
    assert names == images | {"names.csv", "notes.txt", "README.md", "release.ripguard", ".gitattributes"}
    before, after = (torchvision.datasets.ImageFolder(root) for root in (made.source, made.root))
    assert before.classes == after.classes
    assert len(before) == len(after) - 1  # torchvision loads no arrays


def test_the_source_comes_back_at_its_own_paths(made):  # type: ignore[no-untyped-def]
    """Samples under the source's names, PNG bytes where the name says otherwise; texts byte for byte; no card."""
    result = ripguard.restore(made.root, made.place / "back", made.key, workers=1)
    assert (result.refused, result.left_out, result.restored) == ([], [], 12)
    assert result.png_named_otherwise == 3
    back = made.place / "back"
    assert sorted(tree_digest(back)) == sorted(tree_digest(made.source))
    for name in tree_digest(made.source):
        if name.endswith((".csv", ".txt")):
            assert (back / name).read_bytes() == (made.source / name).read_bytes()
        else:
            assert (read_image(back / name) == read_image(made.source / name)).all()
    assert (back / "a/photo.jpg").read_bytes().startswith(b"\x89PNG")
    assert (np.load(back / "b/array.npy") == np.load(made.source / "b/array.npy")).all()
    code, said, _ = call("restore", made.root, made.place / "again", "--key-file", made.key)
    assert code == 0
    assert "under the name of a source in another format: 3 " in said
    assert "--preserve-files" in said


@pytest.mark.parametrize("scheme", ["mrit", "seal"])
def test_whole_files_come_back_at_their_own_paths(scheme, made):  # type: ignore[no-untyped-def]
    options = {"allow_residue": True} if scheme == "seal" else {}
    ripguard.protect(
        made.source, made.place / "p", made.key, scheme=scheme, perturb="none", byte_exact=True, workers=1, **options
    )
    result = ripguard.restore(made.place / "p", made.place / "back", made.key, workers=1)
    assert (result.refused, result.png_named_otherwise) == ([], 0)
    assert tree_digest(made.place / "back") == tree_digest(made.source)


def test_the_size_of_a_preserved_file_is_not_public(made):  # type: ignore[no-untyped-def]
    ripguard.protect(made.source, made.place / "p", made.key, perturb="none", byte_exact=True, workers=1)
    sizes = {row["path"]: row["bytes"][2] - 16 for row in rows_of(made.place / "p")}
    files = {"a/photo.png": "a/photo.jpg", "a/0.bmp.png": "a/0.bmp", "b/2.png": "b/2.png"}
    for published, source in files.items():
        exact = (made.source / source).stat().st_size
        assert sizes[published] == padded_length(exact + 4) > exact


@pytest.mark.parametrize("how", ["cp", "move", "zip"])
def test_a_copy_as_people_make_it(how, made):  # type: ignore[no-untyped-def]
    """`cp -r release/* elsewhere`, another place, an archive: nothing is lost."""
    other = made.place / "elsewhere"
    if how == "cp":
        other.mkdir()
        subprocess.run(f"cp -r {made.root}/* {other}", shell=True, check=True)
    elif how == "move":
        made.root.rename(other)
    else:
        archive = shutil.make_archive(str(made.place / "x"), "zip", made.root)
        zipfile.ZipFile(archive).extractall(other)
    assert good("verify", other, "--key-file", made.key, "--source", made.source)["ok"]
    assert good("restore", other, made.place / "back", "--key-file", made.key)["restored"] == 12


def test_private_facts_are_sealed(made):  # type: ignore[no-untyped-def]
    """Neither recipe, nor name of the source, nor names of files, nor which images are equal."""
    info, public = info_of(made.root), (made.root / "release.ripguard").read_bytes()
    assert not {"source", "scheme"} & set(info)
    for secret in (b"my own source", b"photo.jpg", b'"perturb"', b"ranked", b"path,label\na/photo.jpg"):
        assert secret not in public, secret
        assert secret not in (made.root / "README.md").read_bytes()
    rows = rows_of(made.root)
    assert not any({"name", "overwritten", "overflow"} & set(row) for row in rows)
    same = [row for row in rows if row["path"].endswith("same.png")]
    assert same[0]["pixels"] == same[1]["pixels"]
    assert same[0]["clean"] != same[1]["clean"]


def test_the_key_opens_them(made):  # type: ignore[no-untyped-def]
    found = good("inspect", made.root)
    assert "scheme" not in found
    assert found["sealed"] == "source, scheme, parameters"
    found = good("inspect", made.root, "--key-file", made.key)
    assert (found["scheme"], found["source"]) == ("mrit", "my own source")
    assert found["parameters"]["perturb"] == {"method": "none"}
    assert good("report", made.root, "--source", made.source)["scheme"] == "sealed"
    keyed = good("report", made.root, "--source", made.source, "--key-file", made.key)
    assert keyed["scheme"] == "mrit"
    OTHER.write(made.place / "other")
    refused(4, "inspect", made.root, "--key-file", made.place / "other")


@pytest.mark.parametrize("name", ["names/0", "names/1", "private", "originals/0", "residue/000000.bin"])
@pytest.mark.parametrize("how", ["bit", "gone", "other"])
def test_spoilt_parts(name, how, made):  # type: ignore[no-untyped-def]
    """verify names the part; what needs it is refused as damaged, all else comes back."""
    changes = {"bit": lambda data: data[:-1] + bytes([data[-1] ^ 1]), "gone": None, "other": b"another"}
    put(made.root, name, changes[how])
    code, out, _ = call("verify", made.root, "--json")
    assert (code, json.loads(out)["residue"]) == (10, [name.removeprefix("residue/")])
    code, out, err = call("restore", made.root, made.place / "back", "--key-file", made.key, "--json")
    assert "Traceback" not in err
    lost = {Path(one["path"]).relative_to(made.root).as_posix() for one in json.loads(out)["refused"]}
    if name == "private":
        assert (code, lost) == (0, set())
        assert "private" in refused(5, "inspect", made.root, "--key-file", made.key)
    elif name == "originals/0":
        assert (code, lost) == (5, {"names.csv"})
    elif name.startswith("names/"):
        label = "ab"[int(name[-1])]
        assert (code, lost) == (5, {row["path"] for row in rows_of(made.root) if row["path"].startswith(f"{label}/")})
        # the samples are there: under the names that the files have
        assert good("restore", made.root, made.place / "l", "--key-file", made.key, "--loose")["restored"] == 12


def test_what_nobody_lists(made):  # type: ignore[no-untyped-def]
    """A part more is told and does no harm; a byte more is refused."""
    put(made.root, "more", b"x")
    code, out, _ = call("verify", made.root, "--json")
    assert (code, json.loads(out)["unlisted"]) == (10, ["release.ripguard: more"])
    assert good("restore", made.root, made.place / "back", "--key-file", made.key)["restored"] == 12
    with open(made.root / "release.ripguard", "ab") as file:
        file.write(b"x")
    for command in (("verify",), ("inspect",), ("restore", made.place / "b", "--key-file", made.key)):
        verb, *rest = command
        assert "release.ripguard is damaged" in refused(5, verb, made.root, *rest)


def test_a_dropped_file_is_told(made):  # type: ignore[no-untyped-def]
    """The card tells that it is missing; without the card, or one by one, each image says what it lacks."""
    (made.root / "release.ripguard").unlink()
    assert "is not a protected release" in refused(6, "verify", made.root)
    for path in (made.root, made.root / "a", made.root / "b/1.png"):
        said = refused(5, "restore", path, made.place / "back", "--key-file", made.key)
        assert f"{made.root / 'release.ripguard'} is missing" in said
    about = {path: good("inspect", path) for path in made.root.rglob("?.png")}
    needing = [path for path, facts in about.items() if not facts["inline"]]
    assert needing
    for more in (["--loose"], []):
        out = made.place / f"back{len(more)}"
        for path in needing:
            said = refused(12, "restore", path, out, "--key-file", made.key, *more)
            assert "needs the residue of its release" in said
            assert "release.ripguard" in said
            assert not out.exists()
        (made.root / "README.md").unlink(missing_ok=True)


def test_a_unit_s_key_opens_its_names(made):  # type: ignore[no-untyped-def]
    """Those of its own class come back; published texts stay as published; the recipe stays closed."""
    result = restore([made.root], made.place / "back", made.unit("b"), signer="any")
    assert result.refused == []
    names = {path.name for path in (made.place / "back/b").iterdir()}
    assert names == {path.name for path in (made.source / "b").iterdir()}
    assert (made.place / "back/names.csv").read_text() == "path,label\na/photo.png,a\nb/photo.png,b\na/1.png,a\n"
    release = Release.open(made.root)
    assert release.private(release.opened_by(made.unit("b"))) == {}


def test_a_damaged_published_text_comes_back_all_the_same(made):  # type: ignore[no-untyped-def]
    """The whole key has the source's bytes; verify tells."""
    (made.root / "names.csv").write_text("x")
    code, out, _ = call("verify", made.root, "--json")
    assert (code, json.loads(out)["annotations"]) == (10, ["names.csv"])
    assert (made.restore() / "names.csv").read_bytes() == (made.source / "names.csv").read_bytes()


def test_the_card(made):  # type: ignore[no-untyped-def]
    """Listed, verified, neither restored nor reported as left out."""
    text = (made.root / "README.md").read_text()
    info = info_of(made.root)
    for wanted in (
        "someone@example.org",
        info["dataset_id"],
        info["key_id"],
        info["signature"]["signer"],
        "Images: 12",
    ):
        assert wanted in text
    assert info["card"]["path"] == "README.md"
    (made.root / "README.md").write_text(text + "more")
    code, out, _ = call("verify", made.root, "--json")
    assert (code, json.loads(out)["annotations"]) == (10, ["README.md"])
    (made.root / "README.md").unlink()
    assert json.loads(call("verify", made.root, "--json")[1])["annotations"] == ["README.md"]


def test_authentic_nonsense_is_damaged(made):  # type: ignore[no-untyped-def]
    """Parts that a key holder sealed and ripguard does not write: no path leaves its folder."""
    from ripguard.release import sealed
    from ripguard.release.record import signed_part
    from ripguard.store.container import Part

    release = Release.open(made.root)
    keys, rows = KEY.dataset(release.dataset_id), {row["path"]: row for row in release.rows}
    victim = rows["a/photo.png"]
    key, bound = keys.names_key(release.dataset_id, victim["unit"]), sealed.names_bound(release.dataset_id, 0)
    wrong = [{str(victim["index"]): name} for name in ("../x.jpg", "/x", "b/photo.jpg", "a/photo.jpg/x", "", 3)]
    for data in (sealed.seal_json(key, bound, one) for one in (*wrong, [], {"x": "a/x.jpg"})):
        put(made.root, "names/0", data)
        info = info_of(made.root)
        (own,) = (one for one in info["parts"] if one["name"] == "names/0")
        own |= {"sha256": Part.of("", data).sha256, "bytes": len(data)}
        write_info(made.root, info | {"proof": keys.proof(b"release", signed_part(info)).hex(), "signature": None})
        put(made.root, "release.json", lambda raw: raw.replace(b',"signature":null', b""))
        index = Release.open(made.root)
        with pytest.raises(Damaged, match="names/0"):
            index.source_path(victim, KEY)
        code, out, _ = call("verify", made.root, "--json", "--key-file", made.key, "--signer", "any")
        assert (code, json.loads(out)["residue"]) == (10, ["names/0"])


def test_parts_are_those_of_one_release(made):  # type: ignore[no-untyped-def]
    """A sealed part does not open as another one."""
    found, release = parts(made.root), Release.open(made.root)
    put(made.root, "names/1", found["names/0"])
    index = Release.open(made.root)
    with pytest.raises(Damaged):
        index.source_path(next(row for row in release.rows if row["unit"] == 1), KEY)
    assert part(made.root, "names/1") == found["names/0"]


def test_texts_of_a_unit_are_reported(made):  # type: ignore[no-untyped-def]
    """The key of one class opens no text of the source: those that name other files than are restored are listed."""
    result = restore([made.root], made.place / "back", made.unit("a"), signer="any")
    assert result.texts_as_published == ["names.csv"]
    assert (made.place / "back/names.csv").read_bytes() == (made.root / "names.csv").read_bytes()
    result = restore([made.root], made.place / "whole", KEY)
    assert result.texts_as_published == []


def test_more_texts_than_a_release_can_list(made, monkeypatch):  # type: ignore[no-untyped-def]
    """Nothing is published that readers would refuse for its size; told before the work, or at its end."""
    from ripguard.release import complete, names

    command = ("protect", made.source, made.place / "out", "--key-file", made.key, "--perturb", "none")
    with monkeypatch.context() as patch:
        patch.setattr(names, "MOST_INFO", 500)
        assert "more than one release can list" in refused(3, *command)
    with monkeypatch.context() as patch:
        patch.setattr(complete, "MOST_INFO", 500)
        assert "more than one release can list" in refused(3, *command)
    assert not (made.place / "out").exists()


def test_through_git_with_other_line_ends(made, tmp_path):  # type: ignore[no-untyped-def]
    """A checkout on Windows converts line ends of texts, unless the release forbids it: every byte arrives."""
    sent, got = tmp_path / "sent", tmp_path / "got"
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "core.autocrlf=true", "-c", "init.defaultBranch=m"]
    subprocess.run([*git, "init", "-q", sent], check=True)
    shutil.copytree(made.root, sent / "data")
    subprocess.run([*git, "-C", sent, "add", "."], check=True, capture_output=True)
    subprocess.run([*git, "-C", sent, "commit", "-qm", "release"], check=True, capture_output=True)
    subprocess.run([*git, "clone", "-q", sent, got], check=True)
    assert tree_digest(got / "data") == tree_digest(made.root)
    assert (got / "data/names.csv").read_bytes().count(b"\r") == 0
    assert good("verify", got / "data", "--key-file", made.key)["ok"]
    back = ripguard.restore(got / "data", tmp_path / "back", made.key, workers=1)
    assert (back.refused, back.left_out) == ([], [])
    assert not (tmp_path / "back/.gitattributes").exists()


def test_lfs_pointers(made):  # type: ignore[no-untyped-def]
    """What a clone without Git LFS holds in the place of large files: the hint names the command."""
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1234\n"
    (made.root / "a/1.png").write_bytes(pointer)
    code, out, _ = call("restore", made.root, made.place / "back", "--key-file", made.key, "--json")
    assert code == 5
    result = restore([made.root], made.place / "again", KEY)
    assert [one["path"] for one in json.loads(out)["refused"]] == [str(made.root / "a/1.png")]
    assert result.first_error is not None
    assert "git lfs pull" in result.first_error.hint
    (made.root / "release.ripguard").write_bytes(pointer)
    assert "git lfs pull" in refused(5, "verify", made.root)
