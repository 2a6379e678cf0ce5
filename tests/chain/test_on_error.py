"""Images that cannot be read: all of them in one message, or left out and listed; a class is never lost that way."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import call, crop, good, refused
from PIL import Image
from releases import KEY

import ripguard
from ripguard.data.source import Item, Source
from ripguard.errors import InputRefused, KeyFileError, UsageError
from ripguard.images.encoding import png_bytes

AS_USER = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
REASONS = {
    "train/a/cut.png": "not a readable",
    "train/a/gone.png": "a link that leads nowhere",
    "train/a/layers.psd": "an image format that is not supported",
    "train/b/outside.png": "a link that leads out of the folder",
    "train/b/pipe": "not a regular file",
    "test/b/page.jpg": "not a readable",
}


@pytest.fixture
def source(tmp_path) -> Path:  # type: ignore[no-untyped-def]
    """Two splits of two classes, three images each, and files of every kind that is refused."""
    KEY.write(tmp_path / "k")
    root = tmp_path / "s"
    for number, place in enumerate(("train/a", "train/b", "test/a", "test/b")):
        (root / place).mkdir(parents=True)
        for i in range(3):
            (root / place / f"{i}.png").write_bytes(png_bytes(crop(3 * number + i, 16, 16)))
    whole = (root / "train/a/0.png").read_bytes()
    (root / "train/a/cut.png").write_bytes(whole[: len(whole) // 2])
    (root / "train/a/gone.png").symlink_to("nowhere.png")
    (root / "train/a/layers.psd").write_bytes(b"8BPS")
    (tmp_path / "other.png").write_bytes(png_bytes(crop(50, 16, 16)))
    (root / "train/b/outside.png").symlink_to(tmp_path / "other.png")
    os.mkfifo(root / "train/b/pipe")
    (root / "test/b/page.jpg").write_text("<html>not found</html>")
    return root


def words(source: Path, *more: str | Path) -> tuple[str | Path, ...]:
    place = source.parent
    return ("protect", source, place / "r", "--key-file", place / "k", "--perturb", "none", "--workers", "1", *more)


def test_all_are_named_at_once(source):  # type: ignore[no-untyped-def]
    """Across kinds, a reason for each kind; nothing is written."""
    said = refused(3, *words(source))
    assert f"{len(REASONS)} files are refused" in said
    assert all(name in said and reason in said for name, reason in REASONS.items())
    assert not (source.parent / "r").exists()


def test_skipped_and_listed(source):  # type: ignore[no-untyped-def]
    """Exit code 0, each with its reason; the release works, and is compared with the source as it is."""
    place = source.parent
    result = good(*words(source, "--on-error", "skip"))
    assert set(result["skipped"]) == set(REASONS)
    assert all(reason in result["skipped"][name] for name, reason in REASONS.items())
    assert result["pictures"] == 12
    report = good("verify", place / "r", "--key-file", place / "k", "--source", source)
    assert report["equal_to_source"] == 12
    good("restore", place / "r", place / "back", "--key-file", place / "k")
    names = sorted(p.relative_to(source).as_posix() for p in source.glob("*/*/[012].png"))
    assert sorted(p.relative_to(place / "back").as_posix() for p in (place / "back").rglob("*.png")) == names
    data = ripguard.ProtectedDataset(place / "r", place / "k")
    assert data.class_to_idx == {"a": 0, "b": 1}
    found = good("report", place / "r", "--source", source, "--restored", place / "back")
    assert found["pictures"] == found["restored_equal"] == 12


def test_said(source):  # type: ignore[no-untyped-def]
    """One line for each file that is left out."""
    code, out, _ = call(*words(source, "--on-error", "skip"))
    assert code == 0
    assert "left out: train/a/gone.png: a link that leads nowhere" in out


def test_nothing_to_skip(source):  # type: ignore[no-untyped-def]
    """Without refused files the option changes nothing, not even the identifier of the release."""
    for name in REASONS:
        (source / name).unlink()
    place = source.parent
    ids = [
        ripguard.protect(source, place / f"r{on}", place / "k", perturb="none", workers=1, on_error=on).dataset_id
        for on in ("refuse", "skip")
    ]
    assert ids[0] == ids[1]


@pytest.mark.parametrize(("spoil", "said"), [
    (lambda root: [p.write_bytes(b"x" * 99) for p in (root / "train/a").glob("?.png")], "train/a: all images of this"),
    (lambda root: [p.write_bytes(b"x" * 99) for p in root.glob("test/*/?.png")], "test/b"),
    (lambda root: ((root / "train/c").mkdir(), (root / "train/c/0.png").symlink_to("nowhere.png")), "train/c: all"),
    (lambda root: [p.write_bytes(b"x" * 99) for p in root.rglob("?.png")], "no image is left"),
    (lambda root: (root / "train/d").symlink_to("nowhere"), "train/d: a link that leads nowhere"),
    (lambda root: (root / "train/a/0\x07.png").write_bytes(png_bytes(crop(9, 16, 16))), "holds a character that"),
    (lambda root: (root / "list.json").write_text('{"imageData": "' + "iVBORw0KGgo" + "A" * 4000 + '"}'), "list.json"),
])  # fmt: skip
def test_never_skipped(source, spoil, said):  # type: ignore[no-untyped-def]
    """A class or split that would be empty, nothing left, folders, names and texts."""
    spoil(source)
    assert said in refused(3, *words(source, "--on-error", "skip")).replace("\\x07", "\x07")
    assert not (source.parent / "r").exists()


def test_keys_in_texts_are_never_skipped(source):  # type: ignore[no-untyped-def]
    place = source.parent
    (source / "notes.txt").write_bytes((place / "k").read_bytes())
    with pytest.raises(KeyFileError):
        ripguard.protect(source, place / "r", place / "k", perturb="none", workers=1, on_error="skip")


def test_a_table_of_labels(source):  # type: ignore[no-untyped-def]
    """Classes of a table count as those of folders: one whose only image is a broken link is not lost."""
    place, rows = source.parent, ["path,label"]
    rows += [f"{p.relative_to(source).as_posix()},{p.parent.name}" for p in sorted(source.glob("*/*/?.png"))]
    rows += ["train/a/gone.png,a", "train/a/cut.png,b", "test/b/page.jpg,a"]
    (place / "labels.csv").write_text("\n".join(rows) + "\n")
    more = ("--on-error", "skip", "--labels", place / "labels.csv")
    assert good(*words(source, *more))["pictures"] == 12
    shutil.rmtree(place / "r")
    (place / "labels.csv").write_text("\n".join([*rows[:-3], "train/a/gone.png,c", *rows[-2:]]) + "\n")
    assert "c: all images of this class are refused" in refused(3, *words(source, *more))


def test_readers(tmp_path):  # type: ignore[no-untyped-def]
    """A source of functions: what one of them raises is a reason, too."""
    KEY.write(tmp_path / "k")
    items = [Item(f"{label}/{i}.png", None, "train", label, Reader(i, label)) for label in "ab" for i in range(3)]
    made = ripguard.protect(
        Source("own", items), tmp_path / "r", tmp_path / "k", perturb="none", workers=1, on_error="skip"
    )
    assert list(made.skipped) == ["b/2.png"]
    assert "ValueError" in made.skipped["b/2.png"]
    assert made.whole == {"alpha": 2}
    ripguard.restore(tmp_path / "r", tmp_path / "back", tmp_path / "k", workers=1)
    assert (tmp_path / "back/b/1.png").read_bytes() == Reader(1, "b")()


class Reader:
    """The second image of each class has alpha, the third of class b cannot be read."""

    def __init__(self, number: int, label: str) -> None:
        self.number, self.label = number, label

    def __call__(self) -> bytes:
        if (self.number, self.label) == (2, "b"):
            raise ValueError("no such record")
        image = Image.fromarray(crop(self.number, 16, 16))
        if self.number == 1:
            image.putalpha(Image.fromarray(crop(7, 16, 16)[:, :, 0]))
        buffer = io.BytesIO()
        image.save(buffer, "PNG")
        return buffer.getvalue()


def test_other_values(source):  # type: ignore[no-untyped-def]
    assert call(*words(source, "--on-error", "ignore"))[0] == 2
    with pytest.raises(UsageError, match="on_error"):
        ripguard.protect(source, source.parent / "r", source.parent / "k", on_error="ignore")
    with pytest.raises(InputRefused):
        ripguard.protect(source, source.parent / "r", source.parent / "k", workers=1, perturb="none")
    assert json.loads(call("check", source, "--json")[1])["refused"]


def test_files_without_permission_are_named_with_the_others(source):  # type: ignore[no-untyped-def]
    """All of them, in one message; skip leaves them out."""
    for name in ("train/a/1.png", "test/a/2.png"):
        (source / name).chmod(0)
    for name in REASONS:
        (source / name).unlink()
    run = [*AS_USER, sys.executable, "-m", "ripguard"]
    done = subprocess.run([*run, *map(str, words(source))], capture_output=True, text=True)
    assert done.returncode == 3
    assert "2 × cannot be read: Permission denied: test/a/2.png, train/a/1.png" in done.stderr
    done = subprocess.run([*run, *map(str, words(source, "--on-error", "skip"))], capture_output=True, text=True)
    assert (done.returncode, len(list((source.parent / "r").rglob("*.png")))) == (0, 10)


def test_names_with_a_colon_are_skipped(source):  # type: ignore[no-untyped-def]
    """Messages are `name: reason`; the name may contain a colon and a space."""
    (source / "train/a/odd: link.png").symlink_to("nowhere.png")
    made = ripguard.protect(
        source, source.parent / "r", source.parent / "k", perturb="none", workers=1, on_error="skip"
    )  # fmt: skip
    assert made.skipped["train/a/odd: link.png"] == "a link that leads nowhere"
