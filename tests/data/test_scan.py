"""Every file of a folder is an image, a text, left out with a reason, or refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers import crop
from PIL import Image

from ripguard.data.scan import LITTER_WHY, ODD_WHY, OTHER_WHY, scan
from ripguard.errors import InputRefused


def image(path: Path, number: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(crop(number)).save(path)
    return path


LITTER = [
    ".DS_Store", "._a.png", "Thumbs.db", "THUMBS.DB", "ehthumbs.db", "desktop.ini", "Desktop.ini", "__MACOSX/a/._1.png",
    "@eaDir/a.png/SYNOPHOTO_THUMB_M.jpg", ".@__thumb/a.png", "#recycle/a.png", "$RECYCLE.BIN/x.png",
    "System Volume Information/x", "lost+found/x", ".git/HEAD", ".cache/huggingface/x.json", "__pycache__/a.pyc",
    ".ipynb_checkpoints/a.ipynb", "labels/train.cache", "a.png.part", "a.jpg.crdownload", "~$notes.csv", "notes.txt~",
]  # fmt: skip
TEXTS = {
    "LICENSE": b"MIT", "COPYING": b"GPL", "README": b"", "README.md": b"# x", "citation.cff": b"x: 1",
    "data.yaml": b"nc: 2",
    "obj.names": b"cat\n", "notebook.ipynb": b"{}", "loader.py": b"import os\n", "logo.svg": b"<svg/>",
    "windows.txt": "müde".encode("utf-16"), "noending": "plain, é".encode(), "page.html": b"<p>",
    "log.out": b"epoch 1\n",
}  # fmt: skip
OTHERS = [
    "data.zip",
    "data.tar.gz",
    "features.npz",
    "digitStruct.mat",
    "train.parquet",
    "model.pt",
    "film.mp4",
    "a.pdf",
]


def test_every_kind_of_file(tmp_path):  # type: ignore[no-untyped-def]
    """Litter of systems in any case, texts with and without suffix, and files that could hold the clean images."""
    image(tmp_path / "cat/1.png")
    for name in LITTER:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    for name, data in TEXTS.items():
        (tmp_path / name).write_bytes(data)
    for name in OTHERS:
        (tmp_path / name).write_bytes(b"PK\x03\x04\0\0\xff")
    os.rename(image(tmp_path / "photo.png"), tmp_path / "photo")
    found = scan(tmp_path)
    assert [name for name, _ in found.images] == ["cat/1.png"]
    assert sorted(name for name, _ in found.texts) == sorted(TEXTS)
    assert {name for name, why in found.left_out.items() if why == OTHER_WHY} == set(OTHERS)
    assert {name for name, why in found.left_out.items() if why == ODD_WHY} == {"photo"}
    tops = {
        name for name, why in found.left_out.items() if why == LITTER_WHY or why.startswith("a hidden folder, with ")
    }
    assert all(any(name == top or name.startswith(top + "/") for top in tops) for name in LITTER)
    assert found.refused == []


def test_images_that_are_not_supported_are_all_named(tmp_path):  # type: ignore[no-untyped-def]
    """Leaving one out would publish an incomplete dataset."""
    for name in ("a.ico", "b.psd", "cat/c.EPS"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert sorted(str(one).partition(":")[0] for one in scan(tmp_path).refused) == ["a.ico", "b.psd", "cat/c.EPS"]


def test_links_are_read_as_loaders_read_them(tmp_path):  # type: ignore[no-untyped-def]
    """An image and a class folder inside the tree; both names are there."""
    image(tmp_path / "s/cat/1.png")
    (tmp_path / "s/cat/2.png").symlink_to("1.png")
    (tmp_path / "s/dog").symlink_to("cat")
    (tmp_path / "s/absolute").symlink_to(tmp_path / "s/cat")
    names = [name for name, _ in scan(tmp_path / "s").images]
    assert names == [f"{folder}/{n}.png" for folder in ("absolute", "cat", "dog") for n in (1, 2)]


def test_links_that_lead_out(tmp_path):  # type: ignore[no-untyped-def]
    """Refused, unless they are asked for; the folder they lead to is then part of the source."""
    image(tmp_path / "store/1.png")
    image(tmp_path / "s/cat/1.png")
    (tmp_path / "s/dog").symlink_to("../store")
    (tmp_path / "s/cat/2.png").symlink_to("../../store/1.png")
    found = scan(tmp_path / "s")
    assert [name for name, _ in found.images] == ["cat/1.png"]
    assert len(found.refused) == 2
    assert all("--follow-links" in one.hint for one in found.refused)
    found = scan(tmp_path / "s", follow_links=True)
    assert [name for name, _ in found.images] == ["cat/1.png", "cat/2.png", "dog/1.png"]
    assert found.refused == []
    assert set(found.outside) == {tmp_path / "store"}


def test_links_in_circles(tmp_path):  # type: ignore[no-untyped-def]
    """A link to a folder above it, to itself, or to nothing is refused, and nothing hangs."""
    image(tmp_path / "a/b/1.png")
    (tmp_path / "a/b/up").symlink_to("..")
    (tmp_path / "a/root").symlink_to("..")
    (tmp_path / "self").symlink_to("self")
    (tmp_path / "gone.png").symlink_to("nothing.png")
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    (tmp_path / "one/two").symlink_to("../two")
    (tmp_path / "two/one").symlink_to("../one")
    found = scan(tmp_path)
    assert [name for name, _ in found.images] == ["a/b/1.png"]
    refused = {str(one).partition(":")[0] for one in found.refused}
    assert refused == {"a/b/up", "a/root", "self", "gone.png", "one/two/one", "two/one/two"}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a system with named pipes")
def test_special_files(tmp_path):  # type: ignore[no-untyped-def]
    image(tmp_path / "1.png")
    os.mkfifo(tmp_path / "2.png")
    assert [str(one).partition(":")[0] for one in scan(tmp_path).refused] == ["2.png"]


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root can list every folder")
def test_a_folder_that_cannot_be_listed(tmp_path):  # type: ignore[no-untyped-def]
    image(tmp_path / "a/1.png")
    (tmp_path / "a").chmod(0)
    try:
        with pytest.raises(InputRefused, match="cannot be listed"):
            scan(tmp_path)
    finally:
        (tmp_path / "a").chmod(0o700)


def test_images_in_hidden_folders_are_counted(tmp_path):  # type: ignore[no-untyped-def]
    """A class folder whose name begins with a dot does not vanish without a word; one that ends in .part is a class."""
    for name in ("cat/1.png", ".NET/1.png", ".NET/2.png", "bak.part/1.png"):
        image(tmp_path / name)
    found = scan(tmp_path)
    assert [name for name, _ in found.images] == ["bak.part/1.png", "cat/1.png"]
    assert found.left_out == {".NET": "a hidden folder, with 2 images"}


def test_binary_files_under_the_name_of_a_text(tmp_path):  # type: ignore[no-untyped-def]
    """They could hold clean images, such as JPEG files joined in one file; texts of any encoding stay."""
    data = image(tmp_path / "cat/1.jpg").read_bytes()
    for name in ("train.data", "labels", "obj.names", "notes.txt"):
        (tmp_path / name).write_bytes(data)
    (tmp_path / "latin.txt").write_bytes("m\xfcde".encode("latin-1"))
    (tmp_path / "wide.csv").write_bytes("path,label".encode("utf-16"))
    (tmp_path / "empty.txt").write_bytes(b"")
    found = scan(tmp_path)
    assert sorted(found.left_out) == ["labels", "notes.txt", "obj.names", "train.data"]
    assert [name for name, _ in found.texts] == ["empty.txt", "latin.txt", "wide.csv"]
