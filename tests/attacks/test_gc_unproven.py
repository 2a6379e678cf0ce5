"""gc believes only what signature or key proves, touches nothing that a row names, and loses nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from helpers import good, refused, tree_digest
from metadata import part, put, residue_names, write_info
from releases import golden, sign
from test_one_takes_all import rewritten

from ripguard.crypto.signing import SigningKey
from ripguard.release.record import signed_part


def both(release, key):  # type: ignore[no-untyped-def]
    return (("gc", release), ("gc", release, "--key-file", key, "--signer", "any"))


def test_a_record_that_was_changed(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """A stranger empties the list of residue files; one bit of a name rots: refused, nothing is touched."""
    release = copied()
    before, genuine = tree_digest(release), part(release, "release.json")
    rotten = bytearray(genuine)
    rotten[genuine.index(b'"000003.bin"') + 6] ^= 1
    for forged in (json.dumps(json.loads(genuine) | {"residue": []}).encode(), bytes(rotten)):
        put(release, "release.json", forged)
        refused(11, "gc", release)
        refused(5, "gc", release, "--key-file", field.key)
        put(release, "release.json", genuine)
        assert tree_digest(release) == before


def test_the_record_of_another_release(field, copied):  # type: ignore[no-untyped-def]
    """Genuine and signed, copied over by mistake: its residue is not there, so what is there may be needed."""
    release = copied()
    before = tree_digest(release)
    for other in ("sealbytes", "bytes", "seal"):
        for name in ("release.json", "manifest.jsonl"):
            put(release, name, part(field.release(other), name))
        for words in both(release, field.key):
            refused(5, *words)
    for name in ("release.json", "manifest.jsonl"):
        put(release, name, part(field.release("mrit"), name))
    assert tree_digest(release) == before


@pytest.mark.parametrize("version", [1, 2])
def test_signed_anew_by_a_stranger(version, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Everything emptied and signed: whoever knows the signer refuses; else residue of an old release is moved, and
    can be moved back. That of a newer one is a part of its file, and stays.
    """
    release = sign(golden("v1-ranked", tmp_path)) if version == 1 else copied()
    before, stranger = tree_digest(release), SigningKey.generate()
    genuine = part(release, "release.json"), part(release, "manifest.jsonl")
    info = json.loads(genuine[0]) | {"residue": [], "pictures": 0}
    put(release, "manifest.jsonl", b"")
    info["manifest"] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    info["signature"] = {"public": stranger.public.hex(), "value": stranger.sign(signed_part(info)).hex(), "signer": ""}
    write_info(release, info)
    refused(11, "gc", release, "--signer", json.loads(genuine[0])["signature"]["signer"])
    refused(5, "gc", release, "--key-file", field.key)
    moved = good("gc", release)["files"]
    assert {one["kind"] for one in moved} == ({"residue"} if version == 1 else set())
    put(release, "release.json", genuine[0]), put(release, "manifest.jsonl", genuine[1])
    for one in moved:
        os.rename(one["moved_to"], one["path"])
    assert tree_digest(release) == before


def test_a_holder_of_the_key(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Residue struck from the list, proof made to fit: rows still name it."""
    release = copied()
    rewritten(field, release, lambda rows, info: info.update(residue=[]))
    printed = refused(5, "gc", release, "--key-file", field.key, "--signer", "any")
    assert "000000.bin, which release.json does not list" in printed
    assert residue_names(release) == residue_names(field.release("mrit"))


def test_unsigned(field, copied):  # type: ignore[no-untyped-def]
    """Nothing proves what belongs to it, unless the key does."""
    release = copied()
    rewritten(field, release, lambda rows, info: None)
    junk = release / "train/.0123456789abcdef.1.tmp"
    junk.write_bytes(b"junk")
    assert "--key-file" in refused(11, "gc", release)
    assert junk.exists()
    assert [one["path"] for one in good("gc", release, "--key-file", field.key, "--signer", "any")["files"]] == [
        str(junk)
    ]
    assert not junk.exists()


def test_a_link_in_the_place_of_the_metadata(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    release = copied()
    home = Path(shutil.move(release / "release.ripguard", tmp_path / "home"))
    (release / "release.ripguard").symlink_to(home)
    for words in both(release, field.key):
        assert "a link" in refused(5, *words)


@pytest.mark.parametrize("what", [".ripguard", ".ripguard/residue"])
def test_links(what, field, tmp_path):  # type: ignore[no-untyped-def]
    release = golden("v1-ranked", tmp_path)
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
