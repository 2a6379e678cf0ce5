"""Restore gives back what it can: one bad file, row or model costs that image alone."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import resource
import subprocess
from pathlib import Path

import numpy as np
import pytest
from helpers import call, tree_digest
from metadata import info_of, part, put, rows_of, write_info

from ripguard.crypto.keys import Key
from ripguard.errors import Damaged
from ripguard.hide.mrit.method import MRIT
from ripguard.images.decoding import read_image
from ripguard.release.batches import restore_files
from ripguard.release.manifest import Release
from ripguard.release.record import signed_part
from ripguard.release.restorer import Restorer


def restore(field, release, out, *more):  # type: ignore[no-untyped-def]
    code, said, err = call("restore", release, out, "--key-file", field.key, "--workers", "1", "--json", *more)
    assert "Traceback" not in err
    return code, json.loads(said), tree_digest(out) if out.exists() else {}


@pytest.mark.parametrize("how", ["bit", "gone", "empty", "long"])
def test_a_model_that_nobody_needs(how, field, fitted, copied, tmp_path):  # type: ignore[no-untyped-def]
    release = copied(fitted)
    data = bytearray(part(release, "model.bin"))
    data[1000] ^= 1
    put(release, "model.bin", {"bit": bytes(data), "empty": b"", "gone": None, "long": bytes(data) + b"x"}[how])
    code, found, _ = restore(field, release, tmp_path / "out")
    assert (code, found["restored"]) == (0, 16)


def deep(folder: Path) -> None:
    """An image below a path that is longer than the system takes."""
    here = os.open(folder, os.O_RDONLY)
    for _ in range(40):
        os.mkdir("d" * 150, dir_fd=here)
        inner = os.open("d" * 150, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(os.open("deep.png", os.O_CREAT | os.O_WRONLY, dir_fd=here))
    os.close(here)


@pytest.mark.parametrize("junk", ["long names", "jpeg", "short", "folder", "deep", "pipe"])
def test_files_that_do_not_belong_there(junk, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Named, and nothing else is lost."""
    release, wanted = copied(), tree_digest(field.restored("mrit"))
    cat = release / "train/cat"
    names = {"long names": ("x" * 251 + ".png", "x" * 251 + ".bmp"), "jpeg": ("x" * 250 + ".jpeg",),
             "short": ("junk.png",)}.get(junk, ())  # fmt: skip
    for name in names:
        (cat / name).write_bytes(b"junk")
    if junk == "folder":
        (cat / "sub.png").mkdir()
    elif junk == "deep":
        deep(cat)
    elif junk == "pipe":
        os.mkfifo(cat / "pipe.png")
    try:
        code, found, back = restore(field, release, tmp_path / "out")
        verified, _, err = call("verify", release)
    finally:
        subprocess.run(["rm", "-rf", str(cat)], check=True)  # shutil cannot reach that deep
    assert back == wanted
    assert "Traceback" not in err
    assert (code == 0, len(found["refused"])) == (junk == "folder", {"long names": 2, "folder": 0}.get(junk, 1))
    assert verified == (0 if junk == "folder" else 10)


def rewritten(field, release: Path, change) -> None:  # type: ignore[no-untyped-def]
    """The manifest changed by somebody who holds the key, so that all fits but the signature."""
    rows, info = rows_of(release), info_of(release)
    change(rows, info)
    manifest = "".join(json.dumps(row) + "\n" for row in rows).encode()
    put(release, "manifest.jsonl", manifest)
    info["manifest"] = hashlib.sha256(manifest).hexdigest()
    info.pop("signature", None)
    keys = Key.read(field.key).dataset(bytes.fromhex(info["dataset_id"]))
    info["proof"] = keys.proof(b"release", signed_part(info)).hex()
    write_info(release, info)


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("bytes", {"bytes": ["000000.bin", 0, 1 << 62]}),
        ("mrit", {"residue": ["000000.bin", 0, 1 << 40]}), ("mrit", {"residue": ["none.bin", 0, 9]}),
        ("mrit", {"residue": ["000000.bin", 1 << 62, 9]}), ("mrit", {"clean": "00" * 32}),
        ("mrit", {"header": "00"}), ("mrit", {"header": "ff" * 36}), ("mrit", {"pixels": "00" * 32}),
        ("mrit", {"shape": [5000, 5000, 3]}), ("seal", {"header": "72670101" + "00" * 32}),
    ],
)  # fmt: skip
def test_one_row(kind, change, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """An authentic row that says nonsense: that image is refused, all others come back."""
    release, wanted = copied(kind), tree_digest(field.restored(kind))

    def spoil(rows, info):  # type: ignore[no-untyped-def]
        (row,) = (one for one in rows if one["path"] == "train/cup/1.png")
        row.update(change)

    rewritten(field, release, spoil)
    code, found, back = restore(field, release, tmp_path / "out", "--signer", "any")
    lost = {"train/cup/1.png"} if len(back) < len(wanted) else set()
    assert back == {name: digest for name, digest in wanted.items() if name not in lost}
    if lost:
        assert [Path(one["path"]).name for one in found["refused"]] == ["1.png"]
        assert code in (5, 6)
    else:  # a header that is not looked at, as the image has its own
        assert "header" in change


def test_verify_does_not_pass_over_a_image_in_another_encoding(field, copied):  # type: ignore[no-untyped-def]
    """Its samples are right, its residue is another's: a holder of the key can make that fit all digests."""

    def spoil(rows, info):  # type: ignore[no-untyped-def]
        rows[0]["file"], rows[0]["residue"] = "00" * 32, rows[1]["residue"]

    release = copied()
    rewritten(field, release, spoil)
    key = ("--key-file", field.key, "--signer", "any", "--workers", "1")
    code, said, _ = call("verify", release, *key, "--json")
    found = json.loads(said)
    assert (code, found["changed"], found["reencoded"], found["restored"]) == (10, ["test/cat/0.png"], [], 15)


def test_a_image_that_is_said_to_be_an_annotation(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Its published form would come back in the place of the clean one."""
    release = copied()
    digest = hashlib.sha256((release / "train/cup/1.png").read_bytes()).hexdigest()
    told = {"path": "train/cup/1.png", "sha256": digest}
    rewritten(field, release, lambda rows, info: info["annotations"].append(told))
    for words in (("verify", release), ("restore", release, tmp_path / "out"), ("gc", release, "--dry-run")):
        code, _, err = call(*words, "--key-file", field.key, "--signer", "any")
        assert (code, "annotation" in err) == (5, True)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("size", [1 << 40, (1 << 63) - 1])
def test_residue_that_is_said_to_be_long(size, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """By row and list alike: its image is damaged; nobody tries to find room for so much."""

    def spoil(rows, info):  # type: ignore[no-untyped-def]
        (row,) = (one for one in rows if one["path"] == "train/cup/1.png")
        row["residue"][1:] = [0, size]
        next(one for one in info["residue"] if one["file"] == row["residue"][0])["bytes"] = size

    release = copied()
    rewritten(field, release, spoil)
    code, found, back = restore(field, release, tmp_path / "out", "--signer", "any")
    assert (code, found["restored"], found["refused"][0]["code"]) == (5, 15, "damaged")
    assert back.items() < tree_digest(field.restored("mrit")).items()


def test_a_row_below_another_image(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """A place that no file system has beside the other: one of the two is refused, all others come back."""
    release, wanted = copied(), tree_digest(field.restored("mrit"))

    def spoil(rows, info):  # type: ignore[no-untyped-def]
        (row,) = (one for one in rows if one["path"] == "train/cup/1.png")
        row["path"] = "train/cup/0.png/x.png"
        rows.sort(key=lambda one: one["path"])

    rewritten(field, release, spoil)
    code, _, back = restore(field, release, tmp_path / "out", "--signer", "any")
    assert code == 5
    assert len(back) == 16
    assert back.items() <= wanted.items()


def test_one_annotation(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """A name that no file system takes."""
    release = copied()
    rewritten(field, release, lambda rows, info: info["annotations"].append({"path": "a" * 300, "sha256": "00" * 32}))
    code, found, back = restore(field, release, tmp_path / "out", "--signer", "any")
    assert (code, found["restored"], len(found["refused"])) == (5, 16, 1)
    assert back == tree_digest(field.restored("mrit"))


def test_an_annotation_for_which_there_is_no_room(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """It is refused, and no part of it stays in the output."""
    release, note = copied(), os.urandom(3 << 20)
    (release / "big.txt").write_bytes(note)
    told = {"path": "big.txt", "sha256": hashlib.sha256(note).hexdigest()}
    rewritten(field, release, lambda rows, info: info["annotations"].append(told))
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 19, usual[1]))
    try:
        code, found, back = restore(field, release, tmp_path / "out", "--signer", "any")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    assert (code, found["restored"], len(found["refused"])) == (9, 16, 1)
    assert back == tree_digest(field.restored("mrit"))


@pytest.mark.parametrize("error", [AssertionError("inside a decoder"), MemoryError(), Damaged("told"), KeyError("x")])
def test_whatever_a_decoder_raises(error, field, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """For one image of a batch: the others are tried one by one."""
    real, victim = MRIT.run_reveal, read_image(field.release("mrit") / "train/cup/1.png")

    def fragile(self, images, *rest):  # type: ignore[no-untyped-def]
        if any(np.array_equal(one, victim) for one in images):
            raise error
        return real(self, images, *rest)

    monkeypatch.setattr(MRIT, "run_reveal", fragile)
    code, found, back = restore(field, field.release("mrit"), tmp_path / "out")
    assert code == (9 if isinstance(error, MemoryError) else 5)
    assert [Path(one["path"]).parts[-2:] for one in found["refused"]] == [("cup", "1.png")]
    assert len(back) == 16  # fifteen images and the text


def test_what_cannot_be_read_now_is_not_damaged(field, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """An error of the disk or of permissions: exit 9 for that file; verify lists it and goes on."""
    release = field.old("v1-ranked", tmp_path)
    bad = [release / "train/a/odd.png", release / ".ripguard/residue/000003.bin"]
    real = os.open

    def failing(path, *rest, **more):  # type: ignore[no-untyped-def]
        if str(path) in map(str, bad):
            raise OSError(errno.EIO, "Input/output error", str(path))
        return real(path, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", failing)
        code, found, _ = restore(field, release, tmp_path / "out")
        verified, said, err = call("verify", release, "--json")
        keyed, more, _ = call("verify", release, "--json", "--key-file", field.key, "--workers", "1")
    assert code == 9
    assert {one["code"] for one in found["refused"]} == {"storage"}
    report = json.loads(said)
    assert (verified, report["unreadable"], report["changed"], err) == (
        10, [".ripguard/residue/000003.bin", "train/a/odd.png"], [], "",
    )  # fmt: skip
    assert keyed == 10
    assert json.loads(more)["changed"] == []


def test_a_part_that_cannot_be_read_now_is_not_damaged(field, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """One section of the release's file: exit 9 for its images, and the others come back."""
    release, real = field.release("mrit"), os.lseek
    section = Release.open(release).files.section("residue/000003.bin")

    def failing(handle, offset, whence):  # type: ignore[no-untyped-def]
        if section.start <= offset < section.start + (section.length or 0):
            raise OSError(errno.EIO, "Input/output error")
        return real(handle, offset, whence)

    with monkeypatch.context() as patch:
        patch.setattr(os, "lseek", failing)
        code, found, _ = restore(field, release, tmp_path / "out")
    assert code == 9
    assert {one["code"] for one in found["refused"]} == {"storage"}
    assert found["restored"] == 16 - len(found["refused"]) > 0


def test_a_batch_is_tried_once_where_nothing_fails(field, monkeypatch):  # type: ignore[no-untyped-def]
    """The way one by one is for failures: it would cost a batch its speed."""
    calls, real = [], Restorer._open_group

    def counted(self, group, *rest):  # type: ignore[no-untyped-def]
        calls.append(len(group))
        real(self, group, *rest)

    monkeypatch.setattr(Restorer, "_open_group", counted)
    release = Release.open(field.release("mrit"))
    names = [row["path"] for row in release.rows]
    found = restore_files(Restorer(Key.read(field.key), release), [release.root / name for name in names], names)
    assert all(one.error is None for one in found)
    assert sum(calls) == len(names)
