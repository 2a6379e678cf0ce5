"""What surrounds images may be odd too: names, texts, folders, keys, processes. Exact or refused, never silent."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from helpers import call, crop, good, refused, start, tree_digest
from metadata import info_of, part, put, write_info
from PIL import Image

from ripguard.crypto.keys import Key
from ripguard.errors import KeyFileError
from ripguard.executor import Local
from ripguard.images.encoding import png_bytes
from ripguard.release.manifest import Release
from ripguard.store.schema import check_row
from ripguard.train.protected import ProtectedDataset

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc, which Linux has")


def jpegs(root: Path, labels: str = "ab", each: int = 3) -> Path:
    """Class folders of JPEG files whose names are the same in each."""
    for number, label in enumerate(labels):
        (root / label).mkdir(parents=True)
        for index in range(each):
            Image.fromarray(crop(10 * number + index)).save(root / label / f"{index}.jpg", quality=90)
    return root


@pytest.fixture(params=["--byte-exact", "--scheme=seal"])
def originals(request, tmp_path):  # type: ignore[no-untyped-def]
    """A release that brings the files back: (source, release, key)."""
    source, out, key = jpegs(tmp_path / "source"), tmp_path / "out", tmp_path / "k"
    good("keygen", "--out", key)
    good("protect", source, out, "--key-file", key, "--perturb", "none", request.param)
    return source, out, key


def test_files_of_one_name_from_two_folders(originals, tmp_path):  # type: ignore[no-untyped-def]
    """Two class folders in one call: every file is there, under names of which none is another's."""
    source, out, key = originals
    found = good("restore", out / "a", out / "b", tmp_path / "back", "--key-file", key)
    back = sorted((tmp_path / "back").rglob("*.*"))
    assert found["restored"] == len(back) == 6
    assert {p.read_bytes() for p in back} == {p.read_bytes() for p in source.rglob("*.jpg")}


def test_loose_files_under_other_names(originals, tmp_path):  # type: ignore[no-untyped-def]
    """Two images that were called the same in their classes lie in one folder."""
    source, out, key = originals
    for label in "ab":
        (tmp_path / "loose").mkdir(exist_ok=True)
        shutil.copy(out / label / "0.png", tmp_path / "loose" / f"{label}.png")
    good("restore", tmp_path / "loose", tmp_path / "back", "--key-file", key, "--release", out)
    assert {p.name: p.read_bytes() for p in (tmp_path / "back").iterdir()} == {
        f"{label}.jpg": (source / label / "0.jpg").read_bytes() for label in "ab"
    }


def test_names_that_changed_places(originals, tmp_path):  # type: ignore[no-untyped-def]
    """Two loose files with each other's names: each comes back under its own."""
    source, out, key = originals
    (tmp_path / "loose").mkdir()
    for was, now in ((0, 1), (1, 0)):
        shutil.copy(out / f"a/{was}.png", tmp_path / f"loose/{now}.png")
    good("restore", tmp_path / "loose", tmp_path / "back", "--key-file", key, "--release", out)
    for index in (0, 1):
        assert (tmp_path / f"back/{index}.jpg").read_bytes() == (source / f"a/{index}.jpg").read_bytes()


@pytest.fixture
def small(tmp_path):  # type: ignore[no-untyped-def]
    """A source of six images and a text, a key, and a way to protect it."""
    for index in range(6):
        place = tmp_path / "source" / "ab"[index % 2] / f"{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png_bytes(crop(index)))
    (tmp_path / "source" / "labels.csv").write_text("path,label\n")
    good("keygen", "--out", tmp_path / "k")
    return tmp_path


def protect(place: Path, out: str = "out", *more: str) -> tuple[str | Path, ...]:
    return ("protect", place / "source", place / out, "--key-file", place / "k", "--perturb", "none", *more)


@pytest.mark.parametrize("gone", [False, True])
def test_texts_that_are_not_those_published(gone, small):  # type: ignore[no-untyped-def]
    """Labels are as exact as images: forged or missing ones are told, and not given back."""
    good(*protect(small))
    text = small / "out" / "labels.csv"
    text.unlink() if gone else text.write_text("path,label\nforged,yes\n")
    code, out, _ = call("restore", small / "out", small / "back", "--key-file", small / "k", "--json")
    assert code == 5
    assert "labels.csv" in json.loads(out)["refused"][0]["path"]
    assert not (small / "back" / "labels.csv").exists()
    assert len(list((small / "back").rglob("*.png"))) == 6


def test_a_text_that_changes_meanwhile(small, monkeypatch):  # type: ignore[no-untyped-def]
    """Nothing is published that its own manifest does not fit."""
    from ripguard.release import protect as module

    honest = module._run

    def late(*arguments):  # type: ignore[no-untyped-def]
        (small / "source" / "labels.csv").write_text("changed")
        return honest(*arguments)

    monkeypatch.setattr(module, "_run", late)
    assert "changed while it was being protected" in refused(3, *protect(small))
    assert not (small / "out").exists()


@pytest.mark.parametrize("how", ["copy", "hard link", "signing key"])
def test_a_key_among_the_texts(how, small):  # type: ignore[no-untyped-def]
    """It would be published under another name."""
    place = small / "source" / "notes.txt"
    if how == "hard link":
        os.link(small / "k", place)
    else:
        shutil.copy(small / ("k" if how == "copy" else "k.sign"), place)
    assert "holds a key" in refused(7, *protect(small))
    assert not (small / "out").exists()


def test_keys_inside_a_release(small):  # type: ignore[no-untyped-def]
    """Neither read from there nor made there."""
    good(*protect(small))
    inside = Path(shutil.copy(small / "k", small / "out" / "a" / "k.txt"))
    for verb in (("restore", small / "out", small / "back"), ("verify", small / "out"), ("train", small / "out")):
        assert "inside the release" in refused(7, *verb, "--key-file", inside)
    refused(7, "keygen", "--out", small / "out" / "new.key")
    with pytest.raises(KeyFileError, match="inside the release"):
        ProtectedDataset(small / "out", inside)


def test_a_folder_that_is_called_like_a_image(tmp_path):  # type: ignore[no-untyped-def]
    """c/a.jpg would be published where the folder c/a.png stands."""
    good("keygen", "--out", tmp_path / "k")
    (tmp_path / "source/c/a.png").mkdir(parents=True)
    Image.fromarray(crop(1)).save(tmp_path / "source/c/a.jpg")
    (tmp_path / "source/c/a.png/x.png").write_bytes(png_bytes(crop(2)))
    good(*protect(tmp_path))
    found = good("verify", tmp_path / "out", "--key-file", tmp_path / "k", "--against", tmp_path / "source")
    assert (found["ok"], found["equal_to_source"]) == (True, 2)


def test_restoring_leaves_an_unfinished_protection(small):  # type: ignore[no-untyped-def]
    """Both keep their work beside the output; what can still be continued is not thrown away."""
    good(*protect(small, "release"))
    partial = small / ".out.ripguard-partial"
    (partial / "commits").mkdir(parents=True)
    (partial / "plan.json").write_text("{}")
    refused(6, "restore", small / "source", small / "out", "--key-file", small / "k")
    good("restore", small / "release", small / "out", "--key-file", small / "k")
    assert sorted(p.name for p in partial.iterdir()) == ["commits", "lock", "plan.json"]


@pytest.mark.parametrize("verb", ["protect", "restore"])
def test_a_link_in_the_place_of_the_work(verb, small):  # type: ignore[no-untyped-def]
    """Work would be written to where it leads: into the source."""
    good(*protect(small, "release"))
    before = tree_digest(small / "source", times=True)
    (small / ".out.ripguard-partial").symlink_to(small / "source")
    restore = ("restore", small / "release", small / "out", "--key-file", small / "k")
    assert "is not a folder" in refused(8, *(protect(small) if verb == "protect" else restore))
    assert tree_digest(small / "source", times=True) == before


def test_a_figure_never_replaces_an_image(small):  # type: ignore[no-untyped-def]
    good(*protect(small))
    for folder in ("source/a/0.png", "out/a/0.png"):
        refused(8, "report", small / "out", "--against", small / "source", "--grid", small / folder)


@pytest.mark.parametrize("name", ["a/pipe.png", "notes.txt"])
def test_pipes(name, small):  # type: ignore[no-untyped-def]
    """Reading one would wait for ever."""
    os.mkfifo(small / "source" / name)
    assert "not a regular file" in refused(3, *protect(small))


def test_a_huge_file_is_not_read(small):  # type: ignore[no-untyped-def]
    """Garbage by its first bytes; what begins like an image by its size."""
    for start_, said in ((b"", "not a readable"), (b"BM", "more bytes than an image")):
        with open(small / "source/a/big.bmp", "wb") as file:
            file.write(start_)
            file.truncate(3 << 30)
        tracemalloc.start()
        try:
            assert said in refused(3, *protect(small))
            assert tracemalloc.get_traced_memory()[1] < 256 << 20
        finally:
            tracemalloc.stop()


def test_a_release_below_a_folder_called_like_ours(small):  # type: ignore[no-untyped-def]
    good(*protect(small))
    for name in (".ripguard", "release.ripguard"):
        (small / name).mkdir()
        shutil.copytree(small / "out", small / name / "rel")
        assert good("verify", small / name / "rel", "--key-file", small / "k")["restored"] == 6
        assert good("restore", small / name / "rel", small / f"back{name}", "--key-file", small / "k")["restored"] == 6


def test_a_class_called_train(tmp_path):  # type: ignore[no-untyped-def]
    """As in VOC: with images and no folders in it, beside other classes, it is a class."""
    for number, label in enumerate(("car", "plane", "train")):
        (tmp_path / "source" / label).mkdir(parents=True)
        (tmp_path / "source" / label / "x.png").write_bytes(png_bytes(crop(number)))
    good("keygen", "--out", tmp_path / "k")
    good(*protect(tmp_path))
    assert good("inspect", tmp_path / "out")["units"] == ["train/car", "train/plane", "train/train"]


def test_names_that_are_no_text(small):  # type: ignore[no-untyped-def]
    """Bytes that are not UTF-8, told on a strict terminal."""
    odd = os.fsdecode(b"caf\xe9.png")
    (small / "source" / "a" / odd).write_bytes(png_bytes(crop(9)))
    good(*protect(small))
    os.rename(small / "out/a" / odd, small / "out/a/0.png")
    command = [sys.executable, "-m", "ripguard", "verify", str(small / "out")]
    env = os.environ | {"PYTHONIOENCODING": "utf-8:strict"}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert (done.returncode, done.stderr) == (10, "")
    assert r"caf\udce9.png" in done.stdout


def test_hard_links(small):  # type: ignore[no-untyped-def]
    """A source that shares its files with others: nothing is written through them."""
    (small / "twin").mkdir()
    for number, path in enumerate(sorted((small / "source").rglob("*.png"))):
        os.link(path, small / "twin" / f"{number}.png")
    before = tree_digest(small / "twin", times=True)
    good(*protect(small))
    good("restore", small / "out", small / "back", "--key-file", small / "k")
    assert tree_digest(small / "twin", times=True) == before
    made = [p for root in ("out", "back") for p in (small / root).rglob("*") if p.is_file()]
    assert {p.stat().st_nlink for p in made} == {1}


def workers_of(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(child) for child in children if "spawn_main" in Path(f"/proc/{child}/cmdline").read_text()]


@linux
def test_a_killed_worker(tmp_path):  # type: ignore[no-untyped-def]
    """As when memory runs out: one sentence, exit code 9, and the same command goes on."""
    for index in range(400):
        place = tmp_path / "source" / "ab"[index % 2] / f"{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png_bytes(crop(index, 32, 20 + index % 12)))
    good("keygen", "--out", tmp_path / "k")
    command = (*protect(tmp_path), "--workers", "2")
    commits = tmp_path / ".out.ripguard-partial" / "commits"
    for _ in range(20):  # it may end before a worker can be killed
        process = start(*command)
        while process.poll() is None and not list(commits.glob("*.json")):
            time.sleep(0.002)
        with contextlib.suppress(OSError, IndexError):
            os.kill(workers_of(process.pid)[0], signal.SIGKILL)
        _, err = process.communicate(timeout=600)
        if process.returncode:
            break
        shutil.rmtree(tmp_path / "out")
    assert process.returncode == 9, err
    assert "a worker process was killed" in err
    assert "Traceback" not in err
    good(*command)
    good(*protect(tmp_path, "again"))
    assert tree_digest(tmp_path / "out") == tree_digest(tmp_path / "again")


@linux
def test_memory_follows_no_number_of_images(tmp_path):  # type: ignore[no-untyped-def]
    """Flat images are small files and large arrays: restoring twelve takes hardly more than restoring two."""
    good("keygen", "--out", tmp_path / "k")
    peak = {}
    for many in (2, 12):
        (tmp_path / f"{many}").mkdir()
        for number in range(many):
            flat = np.full((1000, 1000, 3), 10 * number, np.uint8)
            (tmp_path / f"{many}" / f"{number}.png").write_bytes(png_bytes(flat))
        keyed = ("--key-file", str(tmp_path / "k"), "--workers", "1")
        good("protect", tmp_path / f"{many}", tmp_path / f"r{many}", "--perturb", "none", *keyed)
        script = (
            "import sys; from ripguard.cli import main; code = main(sys.argv[1:]);"
            "status = open('/proc/self/status').read();"  # getrusage would count what this process was before
            "print(status.split('VmHWM:')[1].split()[0], file=sys.stderr); sys.exit(code)"
        )
        command = [sys.executable, "-c", script, "restore", str(tmp_path / f"r{many}"), str(tmp_path / f"b{many}")]
        done = subprocess.run([*command, *keyed], capture_output=True, text=True, check=True)
        peak[many] = int(done.stderr.split()[-1]) / 1024  # MiB
    assert peak[12] < peak[2] + 60, peak


def _nothing(context: object, item: int) -> int:
    return item


def test_a_worker_that_cannot_begin(tmp_path):  # type: ignore[no-untyped-def]
    """What keeps it from working reaches the caller as what it is."""
    with pytest.raises(KeyFileError, match="no key file"):
        list(Local(2).map(_nothing, [1, 2], partial(Key.read, str(tmp_path / "none"))))


def test_names_with_a_backslash(tmp_path):  # type: ignore[no-untyped-def]
    """Legal where "/" separates folders: published, and opened again."""
    (tmp_path / "source" / "a").mkdir(parents=True)
    (tmp_path / "source" / "a" / "we\\ird.png").write_bytes(png_bytes(crop(1)))
    (tmp_path / "source" / "no\\tes.txt").write_text("x")
    good("keygen", "--out", tmp_path / "k")
    good(*protect(tmp_path))
    assert good("verify", tmp_path / "out", "--key-file", tmp_path / "k", "--against", tmp_path / "source")["ok"]


def test_a_text_about_keys(small):  # type: ignore[no-untyped-def]
    (small / "source" / "notes.txt").write_text("A key begins with ripguard-key-1- and is 58 characters longer.")
    good(*protect(small))


def test_larger_images_in_the_place_of_others(small):  # type: ignore[no-untyped-def]
    """Refused by their size: what a release says of its images bounds the memory of restoring them."""
    good(*protect(small))
    victims = sorted((small / "out").rglob("*.png"))[:-1]
    large = png_bytes(np.zeros((3000, 3000, 3), np.uint8))
    for victim in victims:
        victim.write_bytes(large)
    tracemalloc.start()
    code, out, _ = call("restore", small / "out", small / "back", "--key-file", small / "k", "--json")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (code, len(json.loads(out)["refused"])) == (5, len(victims))
    assert peak < 3 * 27e6 < 27e6 * len(victims)  # of one image at a time


def test_a_folder_with_the_name_of_an_original(tmp_path):  # type: ignore[no-untyped-def]
    """loose/a.png was x0.jpg, and there is a folder loose/x0.jpg: both come back."""
    (tmp_path / "source" / "c").mkdir(parents=True)
    for name in ("x0", "x1"):
        Image.fromarray(crop(len(name))).save(tmp_path / "source" / "c" / f"{name}.jpg", quality=90 + int(name[1]))
    good("keygen", "--out", tmp_path / "k")
    good(*protect(tmp_path, "out", "--byte-exact"))
    (tmp_path / "loose" / "x0.jpg").mkdir(parents=True)
    shutil.copy(tmp_path / "out/c/x0.png", tmp_path / "loose/a.png")
    shutil.copy(tmp_path / "out/c/x1.png", tmp_path / "loose/x0.jpg/1.png")
    back = tmp_path / "back"
    good("restore", tmp_path / "loose", back, "--key-file", tmp_path / "k", "--release", tmp_path / "out")
    assert sorted(p.relative_to(back).as_posix() for p in back.rglob("*.jpg") if p.is_file()) == [
        "a.jpg",
        "x0.jpg/x1.jpg",
    ]


def test_threads_that_share_a_release(small):  # type: ignore[no-untyped-def]
    """Images of several shards, read at once."""
    for index in range(8):
        (small / "source" / "a" / f"of-{index}.png").write_bytes(png_bytes(crop(index, 20 + index, 32)))
    good(*protect(small))
    data = ProtectedDataset(small / "out", small / "k")
    with ThreadPoolExecutor(8) as pool:
        assert len(list(pool.map(data.__getitem__, list(range(len(data))) * 20))) == 20 * len(data)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("path", "../x.png"), ("path", "/etc/x.png"), ("path", "a//x.png"), ("path", ""), ("name", "a/b"),
        ("name", "a.jpg"), ("unit", 2), ("unit", True), ("index", -1), ("shape", [0, 1, 3]), ("shape", [1, 1, 2]),
        ("shape", [10**6, 100, 3]), ("pixels", "xyz"), ("pixels", "00"), ("residue", ["../x", 0, 1]),
        ("residue", ["x", -1, 1]), ("bytes", None),
    ],
)  # fmt: skip
def test_rows_that_no_manifest_has(field, value, small):  # type: ignore[no-untyped-def]
    """Told by the field, whatever else protects the manifest."""
    good(*protect(small))
    release = Release.open(small / "out")
    units, row = len(release.info["units"]), release.rows[0]
    check_row(row, units, release.version)
    with pytest.raises(ValueError, match=field):
        check_row(row | {field: value}, units, release.version)
    old = row | {"overwritten": 0, "overflow": 0}
    check_row(old | {"name": "a.jpg"}, units)
    if (field, value) != ("name", "a.jpg"):  # names are public in releases before v2
        with pytest.raises(ValueError, match=field):
            check_row(old | {field: value}, units)


WRONG: tuple[object, ...] = (
    None,
    -1,
    1 << 80,
    1.5,
    "x",
    "../x",
    "/etc/passwd",
    [],
    [["x", 0, 1]],
    {},
    {"name": 3},
    True,
)


@pytest.mark.parametrize("file", ["release.json", "manifest.jsonl"])
def test_hostile_release_files(file, small):  # type: ignore[no-untyped-def]
    """Every field gone or of another kind, digests made to fit: refused, never a traceback, nothing written."""
    good(*protect(small))
    honest, info = part(small / "out", file), info_of(small / "out")
    first = info if file == "release.json" else json.loads(honest.splitlines()[0])
    commands = [("inspect", small / "out"), ("gc", small / "out", "--dry-run")]
    commands += [("verify", small / "out"), ("verify", small / "out", "--key-file", small / "k")]
    commands += [("restore", small / "out", small / "back", "--key-file", small / "k")]
    for name in first:
        if name in ("signature", "format"):
            continue
        for wrong in ("gone", *WRONG):
            changed = {k: v for k, v in first.items() if k != name} if wrong == "gone" else first | {name: wrong}
            lines = json.dumps(changed).encode() + b"\n" + b"\n".join(honest.splitlines()[1:]) + b"\n"
            put(small / "out", file, json.dumps(changed).encode() if file == "release.json" else lines)
            if file == "manifest.jsonl":
                write_info(small / "out", info | {"manifest": hashlib.sha256(lines).hexdigest()})
            for command in commands:
                code, _, err = call(*command)
                assert "Traceback" not in err, (name, wrong, command[0], err)
                assert code in (0, 4, 5, 6, 10, 11), (name, wrong, command[0], code)
            assert not (small / "back").exists(), (name, wrong)


@pytest.mark.parametrize("labels", ["one", "none"])
def test_nothing_to_tell_apart(labels, tmp_path):  # type: ignore[no-untyped-def]
    """One class, or images without classes: marks have nothing to mark, and hiding alone works."""
    for number in range(4):
        place = tmp_path / "source" / ("only" if labels == "one" else "") / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png_bytes(crop(number)))
    good("keygen", "--out", tmp_path / "k")
    said = refused(3, "protect", tmp_path / "source", tmp_path / "out", "--key-file", tmp_path / "k")
    assert "class" in said
    assert not (tmp_path / "out").exists()
    good(*protect(tmp_path))
    found = good("verify", tmp_path / "out", "--key-file", tmp_path / "k", "--against", tmp_path / "source")
    assert (found["ok"], found["equal_to_source"]) == (True, 4)
