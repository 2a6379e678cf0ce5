"""`ripguard vault`: every action, its JSON, its exit codes; keys nowhere in the output."""

from __future__ import annotations

import json
import shutil
import sys

import pytest
from helpers import call, good, refused, tree_digest
from vaults import KEY, OTHER, small_source

pyrage = pytest.importorskip("pyrage", reason="comes with the extra vault")


@pytest.fixture(scope="module")
def world(tmp_path_factory):  # type: ignore[no-untyped-def]
    """A folder with a source, key files, an age identity, and a vault of the source."""
    place = tmp_path_factory.mktemp("world")
    small_source(place / "s")
    KEY.write(place / "k")
    OTHER.write(place / "k2")
    identity = pyrage.x25519.Identity.generate()
    (place / "age").write_text(f"# public key: {identity.to_public()}\n{identity}\n")
    (place / "age").chmod(0o600)
    (place / "public").write_text(str(identity.to_public()))
    encrypt = ("vault", "encrypt", place / "s", place / "v", "--key-file", place / "k", "--workers", 1)
    good(*encrypt, "--recipient", str(identity.to_public()))
    return place


def test_round_trip(world, tmp_path):  # type: ignore[no-untyped-def]
    """Encrypt, inspect, verify, decrypt: with the owner's key and with an age identity."""
    facts = good("vault", "inspect", world / "v", "--key-file", world / "k", "--list")
    assert facts["files"] == len(facts["paths"]) == len(tree_digest(world / "s"))
    assert [one["kind"] for one in facts["recipients"]] == ["key", "age"]
    for number, key in enumerate(("k", "age")):
        done = good("vault", "decrypt", world / "v", tmp_path / str(number), "--key-file", world / key, "--workers", 1)
        assert (done["refused"], done["authenticated"], done["digest"]) == ([], True, facts["digest"])
        assert tree_digest(tmp_path / str(number)) == tree_digest(world / "s")
    report = good("vault", "verify", world / "v", "--key-file", world / "k", "--source", world / "s", "--workers", 1)
    assert (report["ok"], report["equal"]) == (True, facts["files"])
    assert good("vault", "verify", world / "v", "--expect", facts["pin"])["files"] is None


def test_parts(world, tmp_path):  # type: ignore[no-untyped-def]
    key = ("--key-file", world / "k", "--workers", 1)
    done = good("vault", "decrypt", world / "v", tmp_path / "o", *key, "--unit", "test/cup")
    assert sorted(tree_digest(tmp_path / "o")) == ["test/cup/0.png", "test/cup/1.png"]
    assert done["units"] == ["test/cup"]
    assert good("vault", "decrypt", world / "v", tmp_path / "p", *key, "--files", "*.csv", "--dry-run")["files"] == 1
    assert not (tmp_path / "p").exists()
    good("vault", "decrypt", world / "v", tmp_path / "p", *key, "--files", "*.csv")
    assert sorted(tree_digest(tmp_path / "p")) == ["labels.csv"]
    assert "no file of the vault matches" in refused(
        3, "vault", "decrypt", world / "v", tmp_path / "q", *key, "--files", "x"
    )


def test_recipients(world, tmp_path):  # type: ignore[no-untyped-def]
    vault, key = shutil.copytree(world / "v", tmp_path / "v"), ("--key-file", world / "k")
    good("vault", "recipients", "add", vault, *key, "--add-key-file", world / "k2", "--unit", "train/cat")
    names = [(one["name"], one["unit"]) for one in good("vault", "recipients", "list", vault, *key)["recipients"]]
    assert names[2] == (OTHER.id.hex(), "train/cat")
    code, out, _ = call("vault", "decrypt", vault, tmp_path / "o", "--key-file", world / "k2", "--workers", 1)
    assert code == 0
    assert "the header is NOT authenticated" in out
    message = refused(4, "vault", "decrypt", vault, tmp_path / "p", "--key-file", world / "k2", "--unit", "test/cat")
    assert "opens unit train/cat of the vault alone" in message
    good("vault", "recipients", "drop", vault, (world / "public").read_text(), *key)
    assert "not that of a recipient" in refused(4, "vault", "inspect", vault, "--key-file", world / "age")
    assert "name one recipient" in refused(2, "vault", "recipients", "add", vault, *key)


def test_passphrases(world, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """From a file, as for keys; the wrong one has the code of key files."""
    from ripguard.crypto import passphrase

    monkeypatch.setattr(passphrase.lock, "__defaults__", (passphrase.LEAST,))
    vault = shutil.copytree(world / "v", tmp_path / "v")
    for name, text in (("p", "correct horse battery"), ("q", "another one")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    monkeypatch.setenv("RIPGUARD_PASSPHRASE_FILE", str(tmp_path / "p"))
    good("vault", "recipients", "add", vault, "--key-file", world / "k", "--add-passphrase")
    assert good("vault", "decrypt", vault, tmp_path / "o", "--passphrase", "--workers", 1)["refused"] == []
    monkeypatch.setenv("RIPGUARD_PASSPHRASE_FILE", str(tmp_path / "q"))
    assert "does not open" in refused(7, "vault", "decrypt", vault, tmp_path / "p2", "--passphrase")


def test_refusals_have_their_codes(world, tmp_path):  # type: ignore[no-untyped-def]
    """No key, no vault, an output that exists, a damaged shard, a vault that was not expected."""
    key = ("--key-file", world / "k", "--workers", 1)
    assert "no key" in refused(2, "vault", "decrypt", world / "v", tmp_path / "o")
    assert "is not a vault" in refused(6, "vault", "inspect", world / "s")
    assert "exists" in refused(8, "vault", "decrypt", world / "v", world / "s", *key)
    assert "needs a key" in refused(2, "vault", "verify", world / "v", "--source", world / "s")
    assert "expected 64 hex digits" in refused(2, "vault", "inspect", world / "v", "--expect", "x")
    assert "another version" in refused(10, "vault", "verify", world / "v", "--expect", "0" * 64)
    vault = shutil.copytree(world / "v", tmp_path / "v")
    data = bytearray((vault / "data/00000.shard").read_bytes())
    data[100] ^= 1
    (vault / "data/00000.shard").write_bytes(data)
    assert "refused: 1 file\n" in refused(5, "vault", "decrypt", vault, tmp_path / "o", *key)
    assert len(tree_digest(tmp_path / "o")) == len(tree_digest(world / "s")) - 1
    code, out, _ = call("vault", "verify", vault, *key, "--json")
    assert code == 10
    assert json.loads(out)["changed"] == ["data/00000.shard"]


def test_no_key_is_printed(world, tmp_path):  # type: ignore[no-untyped-def]
    printed = ""
    for command in (
        ("encrypt", world / "s", tmp_path / "v"), ("inspect", world / "v"), ("verify", world / "v"),
        ("decrypt", world / "v", tmp_path / "o"), ("recipients", "list", world / "v"),
    ):  # fmt: skip
        code, out, err = call(
            "vault", *command, "--key-file", world / "age" if command[0] == "decrypt" else world / "k"
        )
        assert code == 0, err
        printed += out + err
    lines = [(world / name).read_text().splitlines()[-1] for name in ("k", "age")]
    assert not any(line[-30:] in printed for line in lines)


def test_without_age_the_extra_is_named(world, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Other recipients need no extra."""
    monkeypatch.setitem(sys.modules, "pyrage", None)
    key = ("--key-file", world / "k", "--workers", 1)
    message = refused(13, "vault", "encrypt", world / "s", tmp_path / "v", *key, "--recipient", "age1x")
    assert 'pip install "ripguard[vault]"' in message
    assert "ripguard[vault]" in refused(13, "vault", "inspect", world / "v", "--key-file", world / "age")
    good("vault", "encrypt", world / "s", tmp_path / "v", *key)
    good("vault", "decrypt", tmp_path / "v", tmp_path / "o", *key)


def test_help_teaches():
    for action in ("encrypt", "decrypt", "inspect", "verify"):
        code, out, _ = call("vault", action, "--help")
        assert code == 0
        assert "--key-file K" in out
    assert "age1" in call("vault", "encrypt", "--help")[1]
