"""Tables of labels as people have them: read as meant, or refused with the lines that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import crop
from PIL import Image

from ripguard.data.labels import read_labels
from ripguard.data.registry import open_source
from ripguard.errors import InputRefused


def labelled_by(tmp_path: Path, text: str | bytes) -> dict[str, tuple[str, str]]:
    """Name → (split, label) of two images, ``a.png`` and ``b.png``, read with these labels."""
    root = tmp_path / "s"
    root.mkdir(exist_ok=True)
    for name in ("a.png", "b.png"):
        Image.fromarray(crop(0)).save(root / name)
    (tmp_path / "l.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    return {item.name: (item.split, item.label) for item in open_source(str(root), str(tmp_path / "l.csv")).items}


@pytest.mark.parametrize(
    "text",
    [
        "path,label,split\na.png,cat,\nb.png,dog,test\n",
        "\ufeffpath,label,split\r\na.png,cat\r\n\r\nb.png,dog,test\r\n",
        'label,other,split,path\n"cat",x,train,a.png\ndog,,test,"b.png"',
    ],
)
def test_labels(text, tmp_path):  # type: ignore[no-untyped-def]
    """Columns in any order, others beside them, empty lines, a byte order mark as spreadsheets write it, no split."""
    assert labelled_by(tmp_path, text) == {"a.png": ("train", "cat"), "b.png": ("test", "dog")}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("path,label\na.png\nb.png,dog\n", "line 2 has 1 fields too few"),
        ("path,label\na.png,cat, black\nb.png,dog\n", "line 2 has 1 fields too many"),
        ("a.png,cat\nb.png,dog\n", "(?s)got a.png,cat.*write path,label as its first line"),
        ("path,label\na.png,cat\n\0\0\0\nb.png,dog\n", "line 3 has 1 fields too few"),
        ("path,label\na.png,cat\n./a.png,dog\nb.png,dog\n", "line 3 repeats a.png of line 2"),
        ("path,label\na.png,cat\nb.png,dog\n".encode("utf-16-le"), "expected the columns"),
        ("path,label\na.png,\nb.png, \n", "line 2 has no label; line 3 has no label"),
        ("path,label\n,cat\n", "line 2 has no path"),
        ("path,label\na.png,cat\nb.png,dog\na.png,cow\n", "line 4 repeats a.png of line 2"),
        ("path,label\na.png,cat\nb.png,dog\nb.png,dog\n", "line 4 repeats b.png of line 3"),
        ("path,label\na.png,c\x1bat\nb.png,dog\n", "line 2 has a control character"),
        ("path,label\na.png,cat\nb.png," + "x" * 140_000, "line 3 cannot be read as CSV: field larger"),
        ("name,class\na.png,cat\n", r"expected the columns path,label\[,split\], got name,class"),
        ("path,label,label\n", "expected the columns"),
        ("", r"expected the columns path,label\[,split\], got nothing"),
        ("path,label\na.png,M\xe4use\n".encode("latin-1"), "cannot be read as CSV"),
        ("path,label\na.png,cat\n", "b.png is not in"),
        ("path,label\nc.png,cat\n", "2 images are not in .*: a.png, b.png"),
    ],
)
def test_labels_that_are_wrong(text, message, tmp_path):  # type: ignore[no-untyped-def]
    """One sentence that names the lines."""
    with pytest.raises(InputRefused, match=message):
        labelled_by(tmp_path, text)


def test_all_wrong_rows_are_listed_at_once(tmp_path):  # type: ignore[no-untyped-def]
    """The first twenty, and how many more; rows of images that are not there refuse nothing."""
    with pytest.raises(InputRefused, match=r"line 2 has no label; .*; line 21 has no label; and 5 more\n"):
        labelled_by(tmp_path, "path,label\n" + "".join(f"{i}.png,\n" for i in range(25)))


def test_rows_of_other_images_are_listed(tmp_path, capsys):  # type: ignore[no-untyped-def]
    """One table may serve several folders; who mistyped a name reads it."""
    labelled_by(tmp_path, "path,label\na.png,cat\nb.png,dog\nc.png,cow\n")
    assert "rows of images that are not in" in capsys.readouterr().err


IMAGES = [f"pics/{i:03d}.jpg" for i in range(6)]
CLASSES = ["cup", "lamp"] * 3


def written(paths: list[str], heads: str = "path,label", sep: str = ",", end: str = "\n") -> str:
    return end.join([heads, *(sep.join(row) for row in zip(paths, CLASSES))]) + end


def read(tmp_path: Path, text: str | bytes, images: list[str] = IMAGES) -> dict[str, tuple[str, str]]:
    root = tmp_path / "src"
    root.mkdir(exist_ok=True)
    table = tmp_path / "labels.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_labels(table, root, images)


@pytest.mark.parametrize(
    "text",
    [
        written(IMAGES),
        "\ufeff" + written(IMAGES, end="\r\n"),
        written(IMAGES, end="\r"),
        written(IMAGES, "path;label", ";"),
        written(IMAGES, "path\tlabel", "\t"),
        written(IMAGES, "path, label", ", "),
        written(IMAGES, "Path,LABEL"),
        written(IMAGES, "file_name,class"),
        written(["000", "001", "002", "003", "004", "005"], "id,label"),
        written([Path(name).name for name in IMAGES], "filename,category"),
        written(["./" + name for name in IMAGES]),
        written([name.replace("/", "\\") for name in IMAGES]),
        written(["src/" + name for name in IMAGES]),
        written(["/home/other/src/" + name for name in IMAGES]),
        written(["C:\\data\\src\\" + name.replace("/", "\\") for name in IMAGES]),
        written([f'"{name}"' for name in IMAGES]),
        written([name + "  " for name in IMAGES]),
        written(IMAGES) + ",\n\n",
        written(IMAGES).replace("cup\n", "cup,,\n"),
        written(IMAGES).encode("utf-16"),
    ],
)
def test_tables_as_programs_write_them(text, tmp_path):  # type: ignore[no-untyped-def]
    """Byte order marks, separators, line ends, headers, blanks, and paths of other programs and machines."""
    assert read(tmp_path, text) == {name: ("train", label) for name, label in zip(IMAGES, CLASSES)}


def test_paths_of_this_machine(tmp_path):  # type: ignore[no-untyped-def]
    """Absolute ones, and those from the folder that the table is in."""
    here = [str(tmp_path / "src" / name) for name in IMAGES]
    assert read(tmp_path, written(here))["pics/000.jpg"] == ("train", "cup")
    beside = [f"../{tmp_path.name}/src/{name}" for name in IMAGES]
    assert read(tmp_path, written(beside))["pics/001.jpg"] == ("train", "lamp")


def test_what_was_recognized_is_printed(tmp_path, capsys):  # type: ignore[no-untyped-def]
    read(tmp_path, written(["000", "001", "002", "003", "004", "005"], "id;Class", ";"))
    printed = capsys.readouterr().err
    assert "path from id, label from Class, separated by ;" in printed
    assert "6 names are not paths as they are here: 000 is pics/000.jpg" in printed
    read(tmp_path, written(IMAGES))
    assert capsys.readouterr().err == ""


def test_a_name_of_two_images_is_refused(tmp_path):  # type: ignore[no-untyped-def]
    with pytest.raises(InputRefused, match=r"line 2: 0 may be a/0\.jpg or b/0\.jpg"):
        read(tmp_path, "id,label\n0,cup\n", ["a/0.jpg", "b/0.jpg"])


def test_splits_are_lower_case(tmp_path):  # type: ignore[no-untyped-def]
    text = "path,label,Split\na.png,cat,Train\nb.png,cat, Validation\nc.png,cat,\n"
    found = read(tmp_path, text, ["a.png", "b.png", "c.png"])
    assert [split for split, _ in found.values()] == ["train", "validation", "train"]


def test_classes_that_look_alike_are_printed(tmp_path, capsys):  # type: ignore[no-untyped-def]
    read(tmp_path, "path,label\na.png,Hot dog\nb.png,hot_dog\nc.png,cat\n", ["a.png", "b.png", "c.png"])
    assert "'Hot dog' (line 2) and 'hot_dog' (line 3) are different classes" in capsys.readouterr().err
