"""Keys locked with a passphrase."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys

import pytest
from helpers import environment, good, make_source, refused

from ripguard.crypto import passphrase
from ripguard.crypto.keyfile import LOCKED, PREFIX
from ripguard.crypto.keys import Key
from ripguard.crypto.passphrase import LENGTH, lock, unlock
from ripguard.crypto.signing import SigningKey
from ripguard.errors import KeyFileError, StorageError


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
    with pytest.raises(KeyFileError, match="not locked in a form that ripguard writes"):
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


def test_other_passphrases_open_nothing(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A file in another encoding is refused, where all its letters were one once; so is one that is too long."""
    word = tmp_path / "word"
    monkeypatch.setenv(passphrase.VARIABLE, str(word))
    for data in ("Ключ от данных".encode("cp1251"), b"\xff" * 14, "Ärger".encode("latin-1"), b"x" * 5000):
        word.write_bytes(data)
        word.chmod(0o600)
        said = refused(7, "keygen", "--out", tmp_path / "k", "--passphrase")
        assert "not UTF-8" in said or "too long" in said
        assert not (tmp_path / "k").exists()
    word.write_bytes("Ключ от данных".encode())
    good("keygen", "--out", tmp_path / "k", "--passphrase")
    word.write_bytes("Ключ от данных\r\n".encode())
    Key.read(tmp_path / "k")


@pytest.mark.parametrize(
    ("typed", "said"), [("caf\udce9", "not text in this locale"), ("x" * 4096, "too long"), (EOFError(), "was typed")]
)
def test_typed_passphrases(typed, said, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Bytes that could not be decoded, more than a file may hold, the end of the input."""

    def getpass(question: str) -> str:
        if isinstance(typed, str):
            return typed
        raise typed

    Key.generate().write(tmp_path / "k", "word")
    monkeypatch.setattr("sys.stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr("getpass.getpass", getpass)
    with pytest.raises(KeyFileError, match=said) as caught:
        Key.read(tmp_path / "k")
    assert "caf" not in str(caught.value) + caught.value.hint
    with pytest.raises(KeyFileError, match="lone surrogates"):
        lock(bytes(32), "caf\udce9", PREFIX)


@pytest.mark.parametrize("error", [MemoryError(), ValueError("Error 2 while deriving scrypt key")])
def test_a_lock_that_takes_more_memory_than_there_is(error, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Told with the size, whichever of the library's allocations fails."""

    def scrypt(*arguments):  # type: ignore[no-untyped-def]
        raise error

    monkeypatch.setattr("Crypto.Protocol.KDF.scrypt", scrypt)
    with pytest.raises(StorageError, match="cost 20 needs 1,024 MiB"):
        unlock(bytes([20]) + bytes(LENGTH - 1), "abc", PREFIX, "k")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a limit on memory")
def test_a_lock_of_the_highest_cost_under_a_limit(tmp_path):  # type: ignore[no-untyped-def]
    """In a real process with 600 MiB."""
    (tmp_path / "word").write_text("abc")
    line = PREFIX + LOCKED + encode_line(bytes([20]) + bytes(LENGTH - 1))
    (tmp_path / "k").write_text(line)
    for name in ("k", "word"):
        (tmp_path / name).chmod(0o600)
    script = (
        "import resource, sys; from ripguard.cli import main;"
        "resource.setrlimit(resource.RLIMIT_AS, (600 << 20, 600 << 20));"
        "sys.exit(main(['verify', 'nothing', '--key-file', 'k']))"
    )
    env = environment(RIPGUARD_PASSPHRASE_FILE="word", OMP_NUM_THREADS="1")
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert done.returncode == 9, done.stderr
    assert "out of memory: scrypt at cost 20" in done.stderr
    assert "Traceback" not in done.stderr


def encode_line(data: bytes) -> str:
    """Base32 of locked bytes and their checksum."""
    check = hashlib.sha256((PREFIX + LOCKED).encode() + data).digest()[:4]
    return base64.b32encode(data + check).decode().rstrip("=").lower()
