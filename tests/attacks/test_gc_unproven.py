"""gc believes only what signature or key proves, touches nothing that a row names, and loses nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from helpers import good, refused, tree_digest
from test_one_takes_all import rewritten

from ripguard.crypto.signing import SigningKey
from ripguard.release.record import signed_part


def both(release, key):  # type: ignore[no-untyped-def]
    return (("gc", release), ("gc", release, "--key-file", key, "--signer", "any"))


def test_a_record_that_was_changed(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """A stranger empties the list of residue files; one bit of a name rots: refused, nothing is touched."""
    release = copied()
    place, before = release / ".ripguard/release.json", tree_digest(release)
    genuine = place.read_bytes()
    rotten = bytearray(genuine)
    rotten[genuine.index(b'"000003.bin"') + 6] ^= 1
    for forged in (json.dumps(json.loads(genuine) | {"residue": []}).encode(), bytes(rotten)):
        place.write_bytes(forged)
        refused(11, "gc", release)
        refused(5, "gc", release, "--key-file", field.key)
        place.write_bytes(genuine)
        assert tree_digest(release) == before


def test_the_record_of_another_release(field, copied):  # type: ignore[no-untyped-def]
    """Genuine and signed, copied over by mistake: its residue is not there, so what is there may be needed."""
    release = copied()
    before = tree_digest(release)
    for other in ("sealbytes", "bytes", "seal"):
        for name in ("release.json", "manifest.jsonl"):
            shutil.copy(field.release(other) / ".ripguard" / name, release / ".ripguard" / name)
        for words in both(release, field.key):
            refused(5, *words)
    for name in ("release.json", "manifest.jsonl"):
        shutil.copy(field.release("mrit") / ".ripguard" / name, release / ".ripguard" / name)
    assert tree_digest(release) == before


def test_signed_anew_by_a_stranger(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Everything emptied and signed: whoever knows the signer refuses; else it is moved, and can be moved back."""
    release = copied()
    before, stranger = tree_digest(release), SigningKey.generate()
    place, manifest = release / ".ripguard/release.json", release / ".ripguard/manifest.jsonl"
    genuine = place.read_bytes(), manifest.read_bytes()
    info = json.loads(genuine[0]) | {"residue": [], "pictures": 0}
    manifest.write_bytes(b"")
    info["manifest"] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    info["signature"] = {"public": stranger.public.hex(), "value": stranger.sign(signed_part(info)).hex(), "signer": ""}
    place.write_text(json.dumps(info))
    refused(11, "gc", release, "--signer", json.loads(genuine[0])["signature"]["signer"])
    refused(5, "gc", release, "--key-file", field.key)
    moved = good("gc", release)["files"]
    assert {one["kind"] for one in moved} == {"residue"}
    place.write_bytes(genuine[0]), manifest.write_bytes(genuine[1])
    for one in moved:
        os.rename(one["moved_to"], one["path"])
    assert tree_digest(release) == before


def test_a_holder_of_the_key(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Residue struck from the list, proof made to fit: rows still name it."""
    release = copied()
    rewritten(field, release, lambda rows, info: info.update(residue=[]))
    assert "does not list" in refused(5, "gc", release, "--key-file", field.key, "--signer", "any")
    assert len(list((release / ".ripguard/residue").iterdir())) == len(
        list((field.release("mrit") / ".ripguard/residue").iterdir())
    )


def test_unsigned(field, copied):  # type: ignore[no-untyped-def]
    """Nothing proves what belongs to it, unless the key does."""
    release = copied()
    rewritten(field, release, lambda rows, info: None)
    junk = release / ".ripguard/residue/999.bin"
    junk.write_bytes(b"junk")
    assert "--key-file" in refused(11, "gc", release)
    assert junk.exists()
    assert [one["path"] for one in good("gc", release, "--key-file", field.key, "--signer", "any")["files"]] == [
        str(junk)
    ]
    assert not junk.exists()


@pytest.mark.parametrize("what", [".ripguard", ".ripguard/residue"])
def test_links(what, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    release = copied()
    home = Path(shutil.move(release / what, tmp_path / "home"))
    (home / "a.bin").write_text("x")
    (home / ".0123456789abcdef.1.tmp").write_text("x")
    (release / what).symlink_to(home)
    before = tree_digest(home)
    for words in both(release, field.key):
        assert "is a link" in refused(5, *words)
    assert tree_digest(home) == before


def test_links_to_folders_are_not_followed(copied, tmp_path):  # type: ignore[no-untyped-def]
    release, home = copied(), tmp_path / "home"
    home.mkdir()
    (home / ".0123456789abcdef.1.tmp").write_text("x")
    (release / "link").symlink_to(home)
    assert good("gc", release)["files"] == []
    assert list(home.iterdir())
