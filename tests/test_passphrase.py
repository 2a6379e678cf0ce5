"""Keys locked with a passphrase."""

from __future__ import annotations

import base64
import hashlib

import pytest
from helpers import good, make_source, refused

from ripguard import passphrase
from ripguard.errors import KeyFileError
from ripguard.keys import LOCKED, PREFIX, Key
from ripguard.passphrase import LENGTH, lock, unlock
from ripguard.signing import SigningKey


@pytest.fixture(autouse=True)
def cheap(monkeypatch):  # type: ignore[no-untyped-def]
    """The least cost, for speed."""
    monkeypatch.setattr(passphrase.lock, "__defaults__", (10,))


@pytest.mark.parametrize("kind", [Key, SigningKey])
def test_locked_files_open_with_their_passphrase(kind, tmp_path):  # type: ignore[no-untyped-def]
    """Another passphrase opens nothing; the file shows nothing; spelling forms of one letter are the same."""
    made = kind.generate()
    made.write(tmp_path / "k", "pâssphräse")
    assert kind.read(tmp_path / "k", lambda where: "pa\u0302ssphra\u0308se") == made
    with pytest.raises(KeyFileError, match="the passphrase does not open"):
        kind.read(tmp_path / "k", lambda where: "passphrase")
    text = (tmp_path / "k").read_text()
    assert LOCKED in text
    secret = made.secret if kind is Key else made.seed
    assert base64.b32encode(secret).decode().rstrip("=").lower()[:12] not in text


def test_the_lock_is_scrypt_and_siv():
    """The bytes by hand: cost, salt, AES-SIV under scrypt(N, r=8, p=1), bound to the kind of key."""
    from Crypto.Cipher import AES

    secret = bytes(range(32))
    locked = lock(secret, "abc", PREFIX)
    assert (len(locked), locked[0]) == (LENGTH, 10)
    stretched = hashlib.scrypt(b"abc", salt=locked[1:17], n=1 << 10, r=8, p=1, dklen=64)
    cipher = AES.new(stretched, AES.MODE_SIV)
    fields = [b"ripguard locked", PREFIX.encode(), locked[:17]]
    cipher.update(b"".join([len(fields).to_bytes(4, "big"), *(len(f).to_bytes(4, "big") + f for f in fields)]))
    assert cipher.decrypt_and_verify(locked[33:], locked[17:33]) == secret
    with pytest.raises(KeyFileError):
        unlock(locked, "abc", "another kind", "k")


def test_locks_differ_each_time():
    """A salt of its own."""
    assert lock(bytes(32), "abc", PREFIX) != lock(bytes(32), "abc", PREFIX)


@pytest.mark.parametrize("cost", [0, 1, 9, 21, 30, 128, 255])
def test_hostile_costs_are_refused_at_once(cost, monkeypatch):  # type: ignore[no-untyped-def]
    """Neither time nor memory is spent on them: the passphrase is not stretched."""
    monkeypatch.setattr(passphrase, "_stretched", None)
    with pytest.raises(KeyFileError, match="not one that ripguard makes"):
        unlock(bytes([cost]) + bytes(LENGTH - 1), "abc", PREFIX, "k")


def test_every_changed_byte_is_refused(tmp_path):  # type: ignore[no-untyped-def]
    """Salt, cost or sealed secret."""
    locked = lock(bytes(range(32)), "abc", PREFIX)
    for place in range(1, LENGTH):
        with pytest.raises(KeyFileError):
            unlock(locked[:place] + bytes([locked[place] ^ 1]) + locked[place + 1 :], "abc", PREFIX, "k")


def test_through_the_command_line(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """keygen --passphrase, protect, restore; without a terminal and a file: refused with what to do."""
    word = tmp_path / "word"
    word.write_text("correct horse\n")
    word.chmod(0o600)
    monkeypatch.setenv(passphrase.VARIABLE, str(word))
    source = make_source(tmp_path / "s")
    good("keygen", "--out", tmp_path / "k", "--passphrase")
    good("protect", source, tmp_path / "r", "--key-file", tmp_path / "k", "--perturb", "none")
    assert good("restore", tmp_path / "r", tmp_path / "back", "--key-file", tmp_path / "k")["restored"] == 30
    word.write_text("incorrect horse\n")
    assert "does not open" in refused(7, "restore", tmp_path / "r", tmp_path / "b2", "--key-file", tmp_path / "k")
    word.chmod(0o644)
    assert "other users" in refused(7, "restore", tmp_path / "r", tmp_path / "b2", "--key-file", tmp_path / "k")
    monkeypatch.delenv(passphrase.VARIABLE)
    said = refused(7, "restore", tmp_path / "r", tmp_path / "b2", "--key-file", tmp_path / "k")
    assert passphrase.VARIABLE in said
    word.write_text("\n")
    word.chmod(0o600)
    monkeypatch.setenv(passphrase.VARIABLE, str(word))
    assert "empty" in refused(7, "keygen", "--out", tmp_path / "k2", "--passphrase")
    assert not (tmp_path / "k2").exists()
