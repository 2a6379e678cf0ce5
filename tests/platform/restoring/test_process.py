"""What a worker process answers is what a restorer gives; refusals have one reason each."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import crop
from PIL import Image, PngImagePlugin
from releases import KEY, OTHER, RELEASES, golden, info_of

import ripguard
from ripguard.crypto.keys import Key
from ripguard.errors import Damaged, InputRefused, MissingExtra, NeedsRelease, NotProtected, StorageError, WrongKey
from ripguard.images.encoding import png_bytes
from ripguard.platform.restoring.held import held_release
from ripguard.platform.restoring.messages import LENGTHS
from ripguard.platform.restoring.process import Session, refusal
from ripguard.platform.restoring.reasons import Reason
from ripguard.release.restore import restore

LONG = 1000.0  # seconds of processor time


def asked(session: Session, files: list[tuple[str, bytes]]) -> list[tuple[dict[str, Any], bytes | None]]:
    """Result and bytes of each image."""
    head, *parts = session.answer([name for name, _ in files], [data for _, data in files])
    results = json.loads(head[LENGTHS.size :])["results"]
    left = iter(parts)
    return [(one, None if "reason" in one else next(left)) for one in results]


def images(root: Path) -> dict[str, bytes]:
    return {row["path"]: (root / row["path"]).read_bytes() for row in held_release(root).rows}


@pytest.mark.parametrize("name", RELEASES)
def test_the_bytes_that_restore_writes(name, tmp_path):  # type: ignore[no-untyped-def]
    """Of every golden release, under names in a foreign folder, backwards."""
    if "jxl" in name:
        pytest.importorskip("pillow_jxl", reason="needs the extra jxl")
    root = golden(name, tmp_path)
    restore([root], tmp_path / "out", KEY)
    session = Session(held_release(root), KEY, LONG)
    files = [(f"up/load/{path}", data) for path, data in images(root).items()][::-1]
    written = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_bytes() for path in (tmp_path / "out").rglob("*.*")
    }
    found = asked(session, files)
    for (upload, _), (result, data) in zip(files, found):
        assert "reason" not in result, result
        assert f"up/load/{result['home']}" == upload
        assert data == written[result["source"]], upload
        assert result["exact"] == ("lossy" not in name)


def test_reasons(tmp_path):  # type: ignore[no-untyped-def]
    root = golden("v2-ranked", tmp_path)
    own, session = images(root), Session(held_release(root), KEY, LONG)
    path = next(iter(own))
    image = np.asarray(Image.open(root / path)).copy()
    image.reshape(-1)[-40:] ^= 64
    foreign = images(golden("v2-seal", tmp_path))
    files = {
        "good.png": own[path],
        "changed.png": png_bytes(image if image.ndim == 3 else image[:, :, None]),
        "foreign.png": next(iter(foreign.values())),
        "clean.png": png_bytes(crop(0)),
        "text.png": b"no image",
        "cut.png": own[path][:60],
        "page.png": b"<!doctype html><html>",
    }
    found = {name: result.get("reason") for name, (result, _) in zip(files, asked(session, list(files.items())))}
    assert found == {
        "good.png": None, "changed.png": Reason.TAMPERED, "foreign.png": Reason.OTHER_DATASET,
        "clean.png": Reason.NOT_PROTECTED, "text.png": Reason.NOT_AN_IMAGE, "cut.png": Reason.NOT_AN_IMAGE,
        "page.png": Reason.TAMPERED,
    }  # fmt: skip
    for name, (result, _) in zip(files, asked(session, list(files.items()))):
        if "reason" in result:
            assert result["message"].startswith(name)
            assert str(tmp_path) not in result["message"] + result["hint"]


def test_part_of_a_release(tmp_path):  # type: ignore[no-untyped-def]
    """The key of a unit restores its images; the others are not granted."""
    root = golden("v2-ranked", tmp_path)
    release = held_release(root)
    units = {row["path"]: row["unit"] for row in release.rows}
    mine = next(iter(units.values()))
    session = Session(release, KEY.dataset(release.dataset_id).unit(mine), LONG)
    found = asked(session, list(images(root).items()))
    for (path, unit), (result, _) in zip(units.items(), found):
        if unit == mine:
            assert (result["home"], result["unit"]) == (path, unit)
        else:
            assert result["reason"] == Reason.NOT_GRANTED
    assert len(set(units.values())) > 1


def test_two_images_that_look_the_same(tmp_path):  # type: ignore[no-untyped-def]
    """Files of equal samples and other bytes: the name in the release decides, below any folder; nothing else does."""
    small, note = np.array([[[10, 20, 30], [40, 50, 60]]], np.uint8), PngImagePlugin.PngInfo()
    note.add_text("note", "the second file")
    for label, more in (("a", None), ("b", note)):
        (tmp_path / "source" / label).mkdir(parents=True)
        Image.fromarray(small).save(tmp_path / "source" / label / "x.png", pnginfo=more)
    KEY.write(tmp_path / "k")
    root = tmp_path / "r"
    ripguard.protect(tmp_path / "source", root, tmp_path / "k", perturb="none", byte_exact=True, workers=1)
    session, data = Session(held_release(root), KEY, LONG), (root / "a/x.png").read_bytes()
    assert data == (root / "b/x.png").read_bytes()
    found = asked(session, [("up/load/a/x.png", data), ("b/x.png", data), ("x.png", data)])
    for label, (_, restored) in zip("ab", found):
        assert restored == (tmp_path / "source" / label / "x.png").read_bytes()
    assert found[2][0]["reason"] == Reason.TAMPERED
    assert "look the same" in found[2][0]["message"]


def test_keys_of_another_owner(tmp_path):  # type: ignore[no-untyped-def]
    root = golden("v2-ranked", tmp_path)
    with pytest.raises(WrongKey):
        Session(held_release(root), OTHER, LONG)
    assert isinstance(OTHER, Key)
    assert info_of(root)["key_id"] == KEY.id.hex()


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (WrongKey("x"), Reason.NOT_GRANTED), (NeedsRelease("x"), Reason.OTHER_DATASET),
        (Damaged("x"), Reason.TAMPERED), (NotProtected("x"), Reason.NOT_PROTECTED),
        (InputRefused("x"), Reason.NOT_AN_IMAGE), (MissingExtra("x"), Reason.UNREADABLE_HERE),
        (StorageError("x: cannot be read"), Reason.STORAGE),
        (StorageError("x: out of memory while restoring it"), Reason.MEMORY),
    ],
)  # fmt: skip
def test_one_reason_for_each_error(error, reason):  # type: ignore[no-untyped-def]
    assert refusal(error)["reason"] is reason
