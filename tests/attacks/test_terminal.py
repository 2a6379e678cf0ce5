"""A stranger's names never act on a terminal: on standard output and on standard error, of every verb."""

from __future__ import annotations

import hashlib
import json

import pytest
from helpers import call
from hypothesis import given
from hypothesis import strategies as st
from metadata import info_of, put, rows_of, write_info

from ripguard.errors import acts, shown

EVIL = "x\x1b[2J\x1b[H16 images checked, signed by ripguard-signer-owner\nok\n\x1b]0;title\x07\x1b[8m\x9b31m\u202e"


def harmless(text: str) -> bool:
    return all(one.isprintable() or one in "\n " for one in text)


def everything(release, field, out):  # type: ignore[no-untyped-def]
    key = ("--key-file", field.key, "--signer", "any")
    return (
        ("verify", release), ("verify", release, *key), ("restore", release, out, *key), ("inspect", release),
        ("gc", release, "--dry-run"), ("gc", release, "--dry-run", *key),
        ("report", release, "--against", field.source), ("train", release, "--out", out, *key),
        ("restore", release / EVIL, out, *key), ("verify", field.release("mrit"), "--against", release / EVIL, *key),
    )  # fmt: skip


def test_names_in_the_manifest(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    release = copied()
    rows = rows_of(release)
    rows.append(rows[0] | {"path": EVIL.replace("/", ""), "index": 99})
    manifest = "".join(json.dumps(row) + "\n" for row in rows).encode()
    put(release, "manifest.jsonl", manifest)
    info = info_of(release) | {
        "manifest": hashlib.sha256(manifest).hexdigest(), "pictures": len(rows), "exact": EVIL, "labels": [EVIL],
    }  # fmt: skip
    del info["signature"]
    info["card"]["path"] = EVIL.replace("/", "")
    info["parts"].append({"name": EVIL.replace("/", "-"), "sha256": "00" * 32, "bytes": 9})
    info["annotations"].append({"path": EVIL + "note", "sha256": "00" * 32})
    for unit in info["units"]:
        unit["label"] += EVIL
    write_info(release, info)
    assert "x\\x1b[2J" in call("verify", release)[1]
    for words in everything(release, field, tmp_path / "out"):
        code, out, err = call(*words)
        assert harmless(out), words[0]
        assert harmless(err), words[0]
        assert "ok" not in out.splitlines()
        assert code not in (0, 1) or words[0] in ("inspect", "report"), (words[0], code, err)


@pytest.mark.parametrize("name", [EVIL + ".png", f".{EVIL}.1.tmp", f".0123456789abcdef.1.tmp{EVIL}", EVIL])
def test_names_of_files(name, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    release = copied()
    (release / "train" / name).write_bytes(b"\x89PNG\r\n\x1a\njunk")
    put(release, f"residue/{name}", b"junk")
    for words in everything(release, field, tmp_path / "out"):
        _, out, err = call(*words)
        assert harmless(out), words[0]
        assert harmless(err), words[0]


@given(st.text())
def test_what_is_shown(text):
    """Printable, the same where there is nothing to hide, and on one line."""
    found = shown(text)
    assert harmless(found) or any(one.isspace() for one in found)
    assert "\n" not in found
    assert "\x1b" not in found
    if text.isprintable():
        assert found == text


@pytest.mark.parametrize(
    ("name", "refused"),
    [("a\x00", True), ("\x1b[1m", True), ("\x85", True), ("\u202e", True), ("\u2067x", True), ("é ü", False),
     ("שלום", False), ("🙂", False), ("می\u200cخواهم", False), ("　", False)],
)  # fmt: skip
def test_what_no_new_release_takes(name, refused):
    """Joiners belong to words of some languages: they are written out, and taken."""
    assert acts(name) is refused
