"""Releases that were sent through other programs: everything comes back, or a sentence names the cause and the help."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import unicodedata
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import call, crop, good, refused, tree_digest
from PIL import Image, PngImagePlugin
from releases import KEY, golden

from ripguard.crypto.keys import Key
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.release.manifest import Release
from ripguard.release.restorer import Restorer
from ripguard.train.protected import ProtectedDataset

SCHEMES = {"mrit": (), "seal": ("--scheme", "seal", "--allow-residue")}
ACCENTED = unicodedata.normalize("NFC", "é")
ALONE = "tiny.png"  # its release has its header


class Sent:
    """A source with color and gray images and two texts, its key, and a release to spoil."""

    def __init__(self, place: Path, scheme: str) -> None:
        self.place, self.scheme = place, scheme
        self.source, self.root, self.key = place / "source", place / "release", place / "k"

    def make(self) -> None:
        for folder in ("a", f"{ACCENTED}t{ACCENTED}"):
            (self.source / folder).mkdir(parents=True)
            for number in range(2):
                (self.source / folder / f"{number}.png").write_bytes(png_bytes(crop(number + 5 * (folder == "a"))))
            (self.source / folder / "gray.png").write_bytes(png_bytes(crop(20 + (folder == "a"), 48, 48)[:, :, :1]))
        (self.source / "a" / f"{ACCENTED}.jpg").write_bytes((self.source / "a/0.png").read_bytes())
        (self.source / "a" / ALONE).write_bytes(png_bytes(crop(9, 3, 2)))
        (self.source / "names.csv").write_bytes(f"path,label\na/{ACCENTED}.jpg,a\n".encode())
        (self.source / f"{ACCENTED}.txt").write_bytes(b"one\ntwo\n")
        good("keygen", "--out", self.key)
        good(
            "protect", self.source, self.root, "--key-file", self.key, "--perturb", "none", "--workers", "1",
            "--contact", "me", *SCHEMES[self.scheme],
        )  # fmt: skip

    def copied(self, place: Path) -> Sent:
        other = Sent(place, self.scheme)
        other.source, other.key = self.source, self.key
        shutil.copytree(self.root, other.root)
        return other

    def verify(self, *more: str | Path) -> tuple[int, dict]:
        code, out, err = call("verify", self.root, "--json", *more)
        assert "Traceback" not in err
        return code, json.loads(out)

    def restore(self, *more: str | Path, path: Path | None = None) -> dict:
        shutil.rmtree(self.place / "back", ignore_errors=True)
        return good("restore", path or self.root, self.place / "back", "--key-file", self.key, "--workers", "1", *more)

    def comes_back(self, path: Path | None = None, count: int = 8) -> dict:
        """Restore; every image and text of the source is there, nothing else."""
        found = self.restore(path=path)
        assert (found["restored"], found["refused"]) == (count, [])
        back = tree_digest(self.place / "back")
        assert sorted(back) == sorted(tree_digest(self.source))
        for name in back:
            if name.endswith((".png", ".jpg")):
                assert np.array_equal(read_image(self.place / "back" / name), read_image(self.source / name)), name
            else:
                assert (self.place / "back" / name).read_bytes() == (self.source / name).read_bytes(), name
        return found


@pytest.fixture(scope="module", params=SCHEMES)
def made(request, tmp_path_factory):  # type: ignore[no-untyped-def]
    sent = Sent(tmp_path_factory.mktemp(request.param), request.param)
    sent.make()
    return sent


@pytest.fixture
def sent(made, tmp_path):  # type: ignore[no-untyped-def]
    return made.copied(tmp_path)


def images(root: Path) -> list[Path]:
    return sorted(root.rglob("*.png"))


def alpha(image: Image.Image) -> Image.Image:
    return image.convert("RGBA")


def channels(image: Image.Image) -> Image.Image:
    """Gray as RGB; a palette where there are few colors, else opaque alpha."""
    if image.mode == "L":
        return image.convert("RGB")
    few = image.quantize(256) if image.getcolors(256) else image
    return few if few.convert("RGB").tobytes() == image.tobytes() else alpha(image)


def palette(image: Image.Image) -> Image.Image:
    return image.convert("P") if image.mode == "L" else alpha(image)


def deep(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image).astype(np.uint16) * 257) if image.mode == "L" else alpha(image)


WAYS = {"alpha": alpha, "channels": channels, "palette": palette, "deep": deep, "same": lambda image: image}


@pytest.mark.parametrize("way", WAYS)
def test_files_that_were_written_again(way, sent):  # type: ignore[no-untyped-def]
    """At their places, with other modes, compression and metadata: read by every command, and by the dataset."""
    note = PngImagePlugin.PngInfo()
    note.add_text("note", "optimized")
    for path in images(sent.root):
        WAYS[way](Image.open(path)).save(path, compress_level=1, pnginfo=note)
    sent.comes_back()
    code, report = sent.verify("--key-file", sent.key, "--source", sent.source)
    assert (code, report["ok"], len(report["reencoded"]), report["restored"]) == (0, True, 8, 8)
    assert report["equal_to_source"] == 8
    data = ProtectedDataset(sent.root, Key.read(sent.key), mode=None)
    for number, name in enumerate(data.names):
        clean = np.asarray(data[number][0])
        want = read_image(next(sent.source.glob(f"{name[:-4]}.*")))
        assert np.array_equal(clean.reshape(want.shape), want)
    for path in images(sent.root):
        good("inspect", path)


@pytest.mark.parametrize(
    ("suffix", "options"), [("webp", {"lossless": True, "exact": True}), ("bmp", {}), ("tiff", {})]
)
def test_other_formats_under_other_names(suffix, options, sent):  # type: ignore[no-untyped-def]
    """a.png → a.webp, gray as RGB with opaque alpha: found by their samples."""
    for path in images(sent.root):
        Image.open(path).convert("RGBA").save(path.with_suffix(f".{suffix}"), **options)
        path.unlink()
    assert len(sent.comes_back()["moved"]) == 8
    code, report = sent.verify()
    assert (code, len(report["renamed"]), report["missing"], report["extra"]) == (10, 8, [], [])


def test_optimized_files_as_bytes_and_loose(sent):  # type: ignore[no-untyped-def]
    """Without a name: by the samples in a release, by the header without one."""
    release, restorer = Release.open(sent.root), Restorer(Key.read(sent.key), Release.open(sent.root))
    loose = sent.place / "loose"
    loose.mkdir()
    for number, path in enumerate(images(sent.root)):
        channels(Image.open(path)).save(loose / f"{number}.png")
    files = [path.read_bytes() for path in sorted(loose.iterdir())]
    found = restorer.restore([("", data) for data in files])
    assert [one.error for one in found] == [None] * 8
    assert sorted(one.home for one in found) == sorted(row["path"] for row in release.rows)
    back = Restorer(Key.read(sent.key)).restore([("", data) for data in files])
    kinds = [one.error.code if one.error else "" for one in back]
    # the tiny image carries no header; mRIT needs the residue for most
    assert kinds.count("not-protected") == 1
    assert kinds.count("needs-release") + kinds.count("") == 7
    assert (kinds.count("needs-release") > 0) == (sent.scheme == "mrit")


def test_transparency_is_refused(sent):  # type: ignore[no-untyped-def]
    image = np.dstack([read_image(sent.root / "a/0.png"), np.full((32, 32), 255, np.uint8)])
    image[3, 4, 3] = 254
    Image.fromarray(image).save(sent.root / "a/0.png")
    assert "parts of it are transparent" in refused(
        5, "restore", sent.root / "a/0.png", sent.place / "back", "--key-file", sent.key
    )
    assert sent.verify()[1]["changed"] == ["a/0.png"]


@pytest.mark.parametrize(
    "name", ["release", "release.ripguard.bin", "release (1).ripguard", "Release.Ripguard.txt", "release.ripguard.zip"]
)
def test_renamed_metadata(name, sent):  # type: ignore[no-untyped-def]
    """With and without the card, the hint names the file."""
    (sent.root / "release.ripguard").rename(sent.root / name)
    for _ in range(2):
        for code, verb in (
            (5, ("restore", sent.root, sent.place / "back", "--key-file", sent.key)),
            (6, ("verify", sent.root)),
        ):
            assert f"rename {name} to release.ripguard" in refused(code, *verb)
        (sent.root / "README.md").unlink(missing_ok=True)
    (sent.root / name).rename(sent.root / "release.ripguard")


DAMAGES = {
    "empty": (lambda data: b"", "the file is empty"),
    "zeros": (lambda data: bytes(len(data)), "begins with zero bytes"),
    "cut": (lambda data: data[: len(data) // 2], "it was cut off"),
    "cut in the head": (lambda data: data[:15], "it was cut off"),
    "longer": (lambda data: data + b"x", "bytes instead of"),
    "page": (lambda data: b"\n<!DOCTYPE html><html>Sign in</html>", "a web page is in its place"),
    "pointer": (lambda data: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git lfs pull"),
    "annex": (lambda data: b"/annex/objects/SHA256E-s1--00", "git annex get"),
    "CRLF": (lambda data: data.replace(b"\n", b"\r\n"), "its line ends were converted"),
    "characters": (lambda data: data.decode(errors="replace").encode(), "as if it were text"),
    "gzip": (lambda data: gzip.compress(data, mtime=0), "unpack it"),
    "noise": (lambda data: b"nothing that is known", "is damaged"),
}


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["release.ripguard", "a/0.png"])
def test_damaged_files(name, how, sent):  # type: ignore[no-untyped-def]
    """A sentence names what happened; the other images come back."""
    change, said = DAMAGES[how]
    (sent.root / name).write_bytes(change((sent.root / name).read_bytes()))
    command = ("restore", sent.root, sent.place / "back", "--key-file", sent.key, "--json")
    if name == "release.ripguard":
        assert said in refused(5, *command[:-1])
        assert said in refused(5, "verify", sent.root)
        return
    code, out, err = call(*command)
    found = json.loads(out)
    assert "Traceback" not in err
    if how == "longer":  # bytes after the end of a PNG file change no sample
        assert (code, found["restored"]) == (0, 8)
        return
    assert (code, found["restored"], [Path(one["path"]).name for one in found["refused"]]) == (5, 7, ["0.png"])
    code, report = sent.verify()
    assert (code, report["changed"]) == (10, ["a/0.png"])
    if how not in ("cut", "cut in the head", "noise", "pointer", "annex", "gzip"):
        assert said in found["refused"][0]["message"]
        assert said in report["causes"]["a/0.png"]
        with pytest.raises(Exception, match=said):
            ProtectedDataset(sent.root, Key.read(sent.key)).images([0])


def test_line_ends_that_became_shorter(sent):  # type: ignore[no-untyped-def]
    """CRLF → LF takes away only the few bytes that sealed parts hold by chance."""
    path = sent.root / "release.ripguard"
    path.write_bytes(path.read_bytes()[:-1])
    assert "its line ends were converted" in refused(5, "verify", sent.root)


def test_hidden_folders_of_old_releases(tmp_path):  # type: ignore[no-untyped-def]
    """Releases before format v2 lose their metadata with hidden files; the sentence names the folder."""
    root = golden("ranked", tmp_path)
    shutil.rmtree(root / ".ripguard")
    KEY.write(tmp_path / "k")
    assert "copies without hidden files" in refused(6, "verify", root)
    assert "hidden folder .ripguard" in refused(12, "restore", root, tmp_path / "back", "--key-file", tmp_path / "k")


def test_seal_images_without_their_release(made, tmp_path):  # type: ignore[no-untyped-def]
    """What carries itself comes back under the names of its files."""
    if made.scheme != "seal":
        pytest.skip("mRIT needs the residue")
    sent = made.copied(tmp_path)
    for name in ("release.ripguard", "README.md", ".gitattributes", f"a/{ALONE}"):
        (sent.root / name).unlink()
    assert sent.restore()["restored"] == 7


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_line_ends_of_texts(end, sent):  # type: ignore[no-untyped-def]
    """verify names the cause; restoring undoes it, for texts with and without a sealed original."""
    for name in ("names.csv", f"{ACCENTED}.txt", "README.md"):
        path = sent.root / name
        path.write_bytes(path.read_bytes().replace(b"\n", end))
    code, report = sent.verify()
    assert (code, sorted(report["annotations"])) == (10, sorted(["names.csv", f"{ACCENTED}.txt", "README.md"]))
    assert set(report["causes"].values()) == {"its line ends were changed"}
    assert len(report["causes"]) == 3
    assert "(its line ends were changed)" in call("verify", sent.root)[1]
    assert sorted(sent.comes_back()["texts_mended"]) == sorted(["names.csv", f"{ACCENTED}.txt"])
    (sent.root / f"{ACCENTED}.txt").write_bytes(b"one\r\nthree\r\n")
    assert call("restore", sent.root, sent.place / "other", "--key-file", sent.key)[0] == 5


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_in_another_unicode_form(form, sent):  # type: ignore[no-untyped-def]
    """Images, texts and folders, decomposed by a Mac: under the names of the source, and read by the dataset."""
    for path in sorted(sent.root.rglob("*"), key=lambda path: -len(path.parts)):
        path.rename(path.with_name(unicodedata.normalize(form, path.name)))
    found = sent.comes_back()
    assert (found["moved"], found["left_out"]) == ([], [])
    code, report = sent.verify("--key-file", sent.key, "--source", sent.source)
    assert (code, report["ok"], report["restored"]) == (0, True, 8)
    assert len(ProtectedDataset(sent.root, Key.read(sent.key)).images(range(7))) == 7
    folder = sent.root / unicodedata.normalize(form, f"{ACCENTED}t{ACCENTED}")
    assert sent.restore(path=folder)["restored"] == 3
    assert sorted(path.name for path in (sent.place / "back").iterdir()) == ["0.png", "1.png", "gray.png"]


def test_names_that_a_file_system_changed(sent):  # type: ignore[no-untyped-def]
    """Upper case and replaced characters: images and texts are found by their content, and in their own folders."""
    for path in sorted(sent.root.rglob("*"), key=lambda path: -len(path.parts)):
        if path.name not in ("release.ripguard", ".gitattributes", "README.md"):
            path.rename(path.with_name(path.name.replace(ACCENTED, "_").upper()))
    found = sent.comes_back()
    assert len(found["moved"]) == 8 + 1  # names.csv is sealed
    assert found["texts_mended"] == ["names.csv"]
    code, report = sent.verify()
    assert (code, len(report["renamed"]), report["missing"], report["annotations"]) == (10, 10, [], [])


def test_two_forms_of_one_name_do_not_mix(sent):  # type: ignore[no-untyped-def]
    """Beside the listed name, a file with its other form is a file of its own."""
    other = sent.root / "a" / unicodedata.normalize("NFD", f"{ACCENTED}.png")
    shutil.copy(sent.root / "a/1.png", other)
    found = sent.comes_back()
    assert [one["image"] for one in found["duplicates"]] == ["a/1.png"]
    (sent.root / f"a/{ACCENTED}.png").unlink()
    code, out, _ = call("restore", sent.root, sent.place / "other", "--key-file", sent.key, "--json")
    assert (code, len(json.loads(out)["refused"])) == (5, 1)
    assert not (sent.place / "other/a" / f"{ACCENTED}.jpg").exists()


def litter(root: Path) -> int:
    names = (
        ".DS_Store", "a/._0.png", "a/Thumbs.db", "desktop.ini", "a/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg", ".git/config",
        "__MACOSX/a/._0.png", ".directory", ".~lock.names.csv#", ".gitignore", "README.md~", ".dvc/config",
        "a/0.png.tmp", ".stfolder/x", "a/.0.png.XyZ123", ".dropbox.cache/1",
    )  # fmt: skip
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(png_bytes(crop(77)) if "THUMB" in name else b"\0\5\x16\7\0\2\0\0litter")
    shutil.copy(root / "a/0.png", root / "a/.0.png.XyZ123")
    return len(names)


def test_litter_and_second_copies(sent):  # type: ignore[no-untyped-def]
    """Counted and ignored; a copy beside its original does no harm, another image does."""
    count = litter(sent.root)
    for name in ("a/0 (1).png", "a/0.sync-conflict-20260101-120000-ABCDEFG.png", "a/gray (copy).png"):
        shutil.copy(sent.root / f"a/{'gray' if 'gray' in name else '0'}.png", sent.root / name)
    found = sent.comes_back()
    assert (len(found["litter"]), len(found["duplicates"]), found["left_out"]) == (count, 3, [])
    thumbnail = "a/@eaDir/0.png/SYNOPHOTO_THUMB_M.jpg"  # loaders read it as an image of the class
    code, report = sent.verify("--key-file", sent.key)
    assert (code, report["extra"], len(report["litter"]), len(report["duplicates"])) == (10, [thumbnail], count - 1, 3)
    (sent.root / thumbnail).unlink()
    code, report = sent.verify("--key-file", sent.key)
    assert (code, report["ok"], len(report["litter"]), len(report["duplicates"])) == (0, True, count - 1, 3)
    said = call("verify", sent.root)[1]
    assert f"left out: {count - 1} hidden or temporary files" in said
    (sent.root / "a/0.png").unlink()  # then a copy takes its place
    found = sent.comes_back()
    assert (len(found["moved"]), len(found["duplicates"])) == (1, 2)
    (sent.root / "a/.evil.png").write_bytes(png_bytes(crop(78)))  # loaders read it as an image of its class
    assert sent.verify()[1]["extra"] == ["a/.evil.png"]


def test_archives_and_wrappers(sent):  # type: ignore[no-untyped-def]
    """Packed by Python or zip, unpacked into a folder of its own, with litter beside it; an archive is refused."""
    kinds = ("zip", "gztar", "tar")
    made = [shutil.make_archive(str(sent.place / kind), kind, sent.place, "release") for kind in kinds]
    if shutil.which("zip"):  # without a locale it spoils the names that are not ASCII
        command, env = ["zip", "-qr", sent.place / "own.zip", "release"], os.environ | {"LC_ALL": "C"}
        subprocess.run(command, cwd=sent.place, env=env, check=True)
        made.append(str(sent.place / "own.zip"))
    for number, archive in enumerate(made):
        for verb in (("restore", archive, sent.place / "no", "--key-file", sent.key), ("verify", archive)):
            assert "unpack it" in refused(6, *verb)
        wrapper = sent.place / f"wrapper{number}"
        shutil.unpack_archive(archive, wrapper / "inner")
        (wrapper / "__MACOSX").mkdir()
        (wrapper / ".DS_Store").write_bytes(b"x")
        sent.comes_back(wrapper)
        code, out, _ = call("verify", wrapper, "--key-file", sent.key, "--json")
        report = json.loads(out)
        if number == 3:  # renamed images and texts are listed
            assert (code, len(report["renamed"]), report["missing"], report["extra"]) == (10, 5, [], [])
        else:
            assert (code, report["pictures"]) == (0, 8)
        assert good("inspect", wrapper)["kind"] == "release"
    with zipfile.ZipFile(sent.place / "zip.zip") as archive_file:  # nothing of it is hidden
        assert "release/release.ripguard" in archive_file.namelist()


def test_copies_without_hidden_files_links_and_read_only_folders(sent):  # type: ignore[no-untyped-def]
    bare = sent.place / "bare"
    shutil.copytree(sent.root, bare, ignore=shutil.ignore_patterns(".*"))
    sent.comes_back(bare)
    (sent.place / "link").symlink_to(bare)
    sent.comes_back(sent.place / "link")
    for path in [*bare.rglob("*"), bare]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    sent.comes_back(bare)
    assert good("verify", bare, "--key-file", sent.key)["ok"]
    for path in [bare, *bare.rglob("*")]:
        path.chmod(0o755)


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
@pytest.mark.parametrize("attributes", ["ours", "none", "* text=auto", "* text"])
def test_through_git(attributes, sent):  # type: ignore[no-untyped-def]
    """Committed and cloned with every setting of core.autocrlf: back byte for byte, or a sentence about line ends."""
    env = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "HOME": str(sent.place)}

    def git(*arguments: str | Path) -> None:
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], env=env, check=True,
                       capture_output=True)  # fmt: skip

    if attributes != "ours":
        (sent.root / ".gitattributes").unlink()
    if attributes.startswith("*"):
        (sent.root / ".gitattributes").write_text(attributes + "\n")
    git("init", "-q", sent.root)
    git("-C", sent.root, "-c", "core.autocrlf=true", "add", "-A")
    git("-C", sent.root, "commit", "-qm", "release")
    for setting in ("true", "input", "false"):
        clone = sent.place / f"clone-{setting}"
        git("clone", "-q", "-c", f"core.autocrlf={setting}", sent.root, clone)
        if attributes == "* text":  # every file is converted, images too
            said = refused(5, "restore", clone, sent.place / "no", "--key-file", sent.key)
            assert "line ends" in said or setting != "true"
            continue
        found = sent.comes_back(clone)
        assert len(found["texts_mended"]) == (2 if setting == "true" and attributes != "ours" else 0)
