"""Key files and the key tree."""

from __future__ import annotations

import os
import stat

import pytest

from ripguard.errors import KeyFileError
from ripguard.keys import PREFIX, Key, decode_secret, encode_secret
from ripguard.signing import SigningKey, check, fingerprint


@pytest.mark.parametrize("kind", [Key, SigningKey])
def test_key_files(tmp_path, kind):  # type: ignore[no-untyped-def]
    """Round trip, 0600 whatever the umask, self-naming line, never overwritten, nothing secret in repr."""
    path, key = tmp_path / "k", kind.generate()
    old = os.umask(0)
    try:
        key.write(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kind.read(path) == key
    line = path.read_text().splitlines()[-1]
    assert line.startswith("ripguard-")
    assert line not in repr(key)
    assert "created:" in path.read_text()
    with pytest.raises(KeyFileError, match="never overwritten"):
        key.write(path)
    path.chmod(0o640)
    with pytest.raises(KeyFileError, match="other users"):
        kind.read(path)


def test_damaged_key_files_are_refused_without_quoting_them(tmp_path):  # type: ignore[no-untyped-def]
    """Every one-letter change, every truncation, other files: refused, and the message holds no part of the key."""
    secret = Key.generate().secret
    line = encode_secret(PREFIX, secret)
    broken = [line[:n] for n in range(len(line))] + ["", "hello", line + "\n" + line, "datum-" + line]
    broken += [line[:i] + ("a" if line[i] != "a" else "b") + line[i + 1 :] for i in range(len(PREFIX), len(line))]
    for text in broken:
        with pytest.raises(KeyFileError) as caught:
            decode_secret(PREFIX, text, "K")
        assert line[len(PREFIX) :][:8] not in str(caught.value) + caught.value.hint


def test_every_key_can_be_written_and_read():
    """10,000 random keys: no encoding is special (a leading dash, an equals sign …)."""
    for _ in range(10_000):
        secret = os.urandom(32)
        assert decode_secret(PREFIX, encode_secret(PREFIX, secret), "K") == secret


def test_the_tree_has_no_two_equal_keys():
    """Data sets, units, pictures and purposes all get keys of their own; the id depends on the key alone."""
    key, other = Key(bytes(32)), Key(bytes(31) + b"\1")
    found = [key.secret, key.id, other.id]
    for dataset in (b"a" * 8, b"b" * 8):
        keys = key.dataset(dataset)
        found += [keys.secret, keys.proof(b"clean", b""), keys.proof(b"release", b"")]
        for unit in range(3):
            found.append(keys.unit(unit).secret)
            for index in range(20):
                pair = keys.unit(unit).picture(index)
                found += [pair.payload, pair.residue]
    assert len(set(found)) == len(found)
    assert key.id == Key(bytes(32)).id


def test_signatures():
    """Ed25519: a signature fits its message and key alone; deterministic."""
    key, message = SigningKey.generate(), b"release"
    signature = key.sign(message)
    check(key.public, message, signature)
    assert signature == key.sign(message)
    assert fingerprint(key.public).startswith("ripguard-signer-")
    from ripguard.errors import SignatureInvalid

    for wrong in ((key.public, b"other", signature), (SigningKey.generate().public, message, signature)):
        with pytest.raises(SignatureInvalid):
            check(*wrong)
