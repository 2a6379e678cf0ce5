"""The signature is looked at wherever it is present: broken, somebody else's, and taken away are three answers."""

from __future__ import annotations

import pytest
from helpers import call, good, refused
from metadata import info_of, write_info

from ripguard.crypto.keys import Key
from ripguard.crypto.signing import SigningKey, fingerprint
from ripguard.errors import SignatureInvalid
from ripguard.release.find import read_key
from ripguard.release.manifest import Release
from ripguard.release.record import signed_part
from ripguard.release.signers import remembered
from ripguard.train.protected import ProtectedDataset


def keyed(release, key, out):  # type: ignore[no-untyped-def]
    """Verbs that hold the key, so that they know who signed so far."""
    return (
        ("restore", release, out, "--key-file", key), ("verify", release, "--key-file", key),
        ("train", release, "--out", out, "--key-file", key), ("gc", release, "--dry-run", "--key-file", key),
    )  # fmt: skip


def keyless(release, source):  # type: ignore[no-untyped-def]
    return (("verify", release), ("inspect", release), ("report", release, "--against", source), ("gc", release))


def spoilt(signature: dict) -> list[dict]:
    first = "1" if signature["value"][0] == "0" else "0"
    return [
        signature | {"value": first + signature["value"][1:]}, signature | {"public": "00" * 32},
        signature | {"public": "00" * 57}, signature | {"value": "00"},
        signature | {"public": "01" + "00" * 31},  # of small order
    ]  # fmt: skip


def test_broken(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Every verb, with and without a key, and training from Python: exit 11, nothing written."""
    release = copied()
    info = info_of(release)
    for signature in spoilt(info["signature"]):
        write_info(release, info | {"signature": signature})
        for words in (*keyed(release, field.key, tmp_path / "out"), *keyless(release, field.source)):
            refused(11, *words)
            refused(11, *words, *(() if words[0] == "inspect" else ("--signer", "any")))
        with pytest.raises(SignatureInvalid):
            ProtectedDataset(release, field.key)
    assert not (tmp_path / "out").exists()


def test_taken_away_or_somebody_elses(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Told from each other; refused as soon as one knows who signed, by --signer, the variable, or the key's list."""
    release, stranger = copied(), SigningKey.generate()
    info = info_of(release)
    owner = info["signature"]["signer"]
    theirs = {"public": stranger.public.hex(), "value": stranger.sign(signed_part(info)).hex(), "signer": owner}
    for signature, said in ((None, "is unsigned"), (theirs, f"is signed by {fingerprint(stranger.public)}")):
        write_info(release, {k: v for k, v in (info | {"signature": signature}).items() if v is not None})
        for words in keyed(release, field.key, tmp_path / "out"):
            assert said in refused(11, *words)
        for words in (("verify", release), ("report", release, "--against", field.source)):
            assert said in refused(11, *words, "--signer", owner)
        with pytest.raises(SignatureInvalid, match=said):
            ProtectedDataset(release, field.key)
        assert good("restore", release, tmp_path / "any", "--key-file", field.key, "--signer", "any")["restored"] == 16
        (tmp_path / "any").rename(tmp_path / said.split()[-1])
    assert remembered(read_key(field.key)) == [owner]  # accepted once is not remembered
    assert not (tmp_path / "out").exists()


def test_forged_by_a_holder_of_the_key(field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Who may restore can make everything fit but the owner's signature: labels exchanged, proof made anew."""
    release, stranger, key = copied(), SigningKey.generate(), Key.read(field.key)
    info = info_of(release)
    a, b = (i for i, unit in enumerate(info["units"]) if unit["split"] == "train" and unit["label"] in ("cat", "cup"))
    info["units"][a]["label"], info["units"][b]["label"] = "cup", "cat"
    keys = key.dataset(bytes.fromhex(info["dataset_id"]))
    info["proof"] = keys.proof(b"release", signed_part(info)).hex()
    owner = info["signature"]["signer"]
    info["signature"] = {
        "public": stranger.public.hex(), "value": stranger.sign(signed_part(info)).hex(), "signer": owner,
    }  # fmt: skip
    write_info(release, info)
    for words in keyed(release, field.key, tmp_path / "out"):
        assert "were signed by" in refused(11, *words)
    with pytest.raises(SignatureInvalid):
        ProtectedDataset(release, field.key)


def test_the_first_signer_is_remembered(field, copied, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Somebody who got key and release: what comes first is believed, as by SSH; another signer is not."""
    key = tmp_path / "mine"
    key.write_bytes(field.key.read_bytes())
    key.chmod(0o600)
    release = copied()
    owner = info_of(release)["signature"]["signer"]
    assert good("restore", release, tmp_path / "a", "--key-file", key)["signer"] == owner
    assert (tmp_path / "mine.signers").read_text().splitlines()[-1] == f"{Key.read(key).id.hex()} {owner}"
    stranger = SigningKey.generate()
    info = info_of(release)
    theirs = {"public": stranger.public.hex(), "value": stranger.sign(signed_part(info)).hex(), "signer": owner}
    write_info(release, info | {"signature": theirs})
    refused(11, "restore", release, tmp_path / "b", "--key-file", key)
    other = fingerprint(stranger.public)
    monkeypatch.setenv("RIPGUARD_SIGNER", owner)
    refused(11, "verify", release)
    monkeypatch.delenv("RIPGUARD_SIGNER")
    good("restore", release, tmp_path / "b", "--key-file", key, "--signer", other)  # named: from now on it is known
    assert remembered(read_key(key)) == [owner, other]
    good("verify", release, "--key-file", key)


def test_lists_of_signers_that_are_none(field, tmp_path):  # type: ignore[no-untyped-def]
    key = tmp_path / "mine"
    key.write_bytes(field.key.read_bytes())
    key.chmod(0o600)
    for data in (b"\xff\xfe", b"abc def\n", b"\0"):
        (tmp_path / "mine.signers").write_bytes(data)
        message = refused(7, "restore", field.release("mrit"), tmp_path / "out", "--key-file", key)
        assert "mine.signers" in message
    (tmp_path / "mine.signers").unlink()
    (tmp_path / "mine.signers").mkdir()
    refused(7, "restore", field.release("mrit"), tmp_path / "out", "--key-file", key)


def test_another_key_has_its_own_signers(field, tmp_path):  # type: ignore[no-untyped-def]
    """One file name for two keys, one after the other: what the first one's releases were signed with says nothing."""
    key = tmp_path / "k"
    Key.generate().write(key)
    (tmp_path / "k.signers").write_text(f"{'0' * 16} ripguard-signer-{'a' * 32}\n")
    code, _, _ = call("protect", field.source, tmp_path / "r", "--key-file", key, "--perturb", "none", "--workers", "1")
    assert code == 0
    assert good("restore", tmp_path / "r", tmp_path / "out", "--key-file", key)["signer"] is None
    assert Release.open(tmp_path / "r").check_signature() is None
