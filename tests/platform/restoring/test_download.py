"""Archives of restored images: read by common programs, in constant memory, with a list that tells everything."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from uploads import in_pieces, tar_of

from ripguard.errors import StorageError
from ripguard.platform.restoring.download import archive
from ripguard.platform.restoring.reasons import Outcome, Reason, Refused, Restored, UploadRefused
from ripguard.platform.restoring.upload import members


def restored(name: str, data: bytes = b"\x89PNG", suffix: str = ".png") -> Restored:
    return Restored(name, data, suffix, f"train/{name}", f"train/{name}", 0, True)


BAD = Refused("b.png", Reason.TAMPERED, "b.png: changed", "get a fresh copy")
TEXT = Refused("README.md", Reason.LEFT_OUT, "README.md: not an image, left out")


def read_tar(data: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(data)) as found:
        return {one.name: found.extractfile(one).read() for one in found}  # type: ignore[union-attr]


def read_zip(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as found:
        assert found.testzip() is None
        assert {one.compress_type for one in found.infolist()} == {zipfile.ZIP_STORED}
        return {name: found.read(name) for name in found.namelist()}


KINDS: list[tuple[Any, Callable[[bytes], dict[str, bytes]]]] = [("tar", read_tar), ("zip", read_zip)]


@pytest.mark.parametrize(("kind", "read"), KINDS)
def test_what_other_programs_read(kind, read):  # type: ignore[no-untyped-def]
    names = ["a.png", "deep/" + "é" * 150 + ".png", "日本.png"]
    files = {name: os.urandom(700 * number) for number, name in enumerate(names)}
    data = b"".join(archive((restored(*one) for one in files.items()), kind))
    found = read(data)
    listed = json.loads(found.pop("RESULT.json"))
    assert found == files
    assert list(found) == names
    assert listed["format"] == "ripguard-result/1"
    assert (listed["restored"], listed["refused"], listed["left_out"]) == (3, 0, 0)
    assert (listed["complete"], listed["error"]) == (True, "")
    assert [(one["upload"], one["name"], one["sha256"], one["bytes"], one["home"]) for one in listed["images"]] == [
        (name, name, hashlib.sha256(content).hexdigest(), len(content), f"train/{name}")
        for name, content in files.items()
    ]


@pytest.mark.parametrize(("kind", "read"), KINDS)
def test_what_was_refused_is_listed(kind, read):  # type: ignore[no-untyped-def]
    found = read(b"".join(archive([restored("a.png"), BAD, TEXT], kind)))
    listed = json.loads(found["RESULT.json"])
    assert list(found) == ["a.png", "RESULT.json"]
    assert listed["images"][1:] == [
        {"upload": "b.png", "reason": "tampered", "message": "b.png: changed", "hint": "get a fresh copy"},
        {"upload": "README.md", "reason": "left-out", "message": "README.md: not an image, left out", "hint": ""},
    ]
    assert [listed[name] for name in ("restored", "refused", "left_out", "complete")] == [1, 1, 1, False]
    assert json.loads(read(b"".join(archive([restored("a.png"), TEXT], kind)))["RESULT.json"])["complete"] is True
    assert json.loads(read(b"".join(archive([], kind)))["RESULT.json"])["images"] == []


def test_names_of_restored_files():
    """The suffix of the restored file follows, where it has another; no two are equal, and none is the list."""
    outcomes = [
        restored("a.png", suffix=".jpg"), restored("a.png.jpg", suffix=".jpg"), restored("b.JPEG", suffix=".jpg"),
        restored("c", suffix=".png"), restored("RESULT.json", suffix=".png"), restored("RESULT.json", suffix=".json"),
        restored("d.PNG"), restored("e.tif", suffix=".tiff"),
    ]  # fmt: skip
    assert list(read_tar(b"".join(archive(outcomes)))) == [
        "a.png.jpg", "a.png (2).jpg", "b.JPEG", "c.png", "RESULT.json.png", "RESULT (2).json", "d.PNG", "e.tif",
        "RESULT.json",
    ]  # fmt: skip


def failing(error: Exception) -> Iterator[Outcome]:
    yield restored("a.png")
    raise error


@pytest.mark.parametrize(("kind", "read"), KINDS)
def test_errors_end_the_list(kind, read):  # type: ignore[no-untyped-def]
    """The user's own in words; those of the server without its paths; a defect cuts the archive off."""
    found = read(b"".join(archive(failing(UploadRefused("the tar archive is damaged")), kind)))
    listed = json.loads(found["RESULT.json"])
    assert (listed["error"], listed["complete"], listed["restored"]) == ("the tar archive is damaged", False, 1)
    found = read(b"".join(archive(failing(StorageError("cannot read: /srv/x: gone")), kind)))
    assert json.loads(found["RESULT.json"])["error"] == "the server failed (storage)"
    came = list[bytes]()
    with pytest.raises(ZeroDivisionError):
        came.extend(archive(failing(ZeroDivisionError()), kind))
    assert b"RESULT.json" not in b"".join(came)


def test_memory_does_not_grow(tmp_path):  # type: ignore[no-untyped-def]
    """An image is taken when the one before has left; nothing but its list is kept, in a file without a name."""
    passed, ahead = 0, 0

    def outcomes(count: int) -> Iterator[Outcome]:
        nonlocal passed
        for number in range(count):
            passed += 1
            yield restored(f"{number}.png", bytes(1000))

    left = 0
    for piece in archive(outcomes(2000), "tar", tmp_path):
        left += len(piece)
        ahead = max(ahead, passed - left // 1536)
        assert len(piece) <= 1 << 16
        assert os.listdir(tmp_path) == []
    assert (passed, ahead) == (2000, 1)


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_a_client_that_goes(kind):  # type: ignore[no-untyped-def]
    closed = False

    def outcomes() -> Iterator[Outcome]:
        nonlocal closed
        try:
            while True:
                yield restored("a.png", bytes(100_000))
        finally:
            closed = True

    download = archive(outcomes(), kind)
    assert next(download)
    download.close()  # type: ignore[attr-defined]
    assert closed


def test_from_upload_to_download(shared_pool, released):  # type: ignore[no-untyped-def]
    body = tar_of([*((f"x/{path}", data) for path, data in released.published.items()), ("../y.png", b"y")])
    found = read_zip(b"".join(archive(shared_pool.restore(members(in_pieces(body))), "zip")))
    listed = json.loads(found.pop("RESULT.json"))
    assert found == {f"x/{path}": data for path, data in released.restored.items()}
    assert listed["images"][-1]["reason"] == "parent-in-name"
    assert (listed["restored"], listed["complete"]) == (24, False)
