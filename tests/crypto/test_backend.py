"""Both crypto backends give the same bytes, the published vectors, and refuse what was changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ripguard
from ripguard.crypto import aead
from ripguard.crypto import backend as crypto
from ripguard.crypto.aead import length_prefixed
from ripguard.crypto.backend import Cryptography, Forged, PyCryptodome

BACKENDS = [PyCryptodome, Cryptography]
some = st.binary(min_size=1, max_size=300)


@given(st.binary(min_size=64, max_size=64), some, some)
def test_backends_seal_alike(key, associated, plaintext):  # type: ignore[no-untyped-def]
    """AES-256-SIV: equal bytes, and each opens what the other sealed."""
    one, two = (b.siv_seal(key, associated, plaintext) for b in BACKENDS)
    assert one == two
    assert all(b.siv_open(key, associated, one) == plaintext for b in BACKENDS)


@given(some, some, some, st.integers(1, 200))
def test_backends_derive_alike(secret, salt, info, length):  # type: ignore[no-untyped-def]
    """HKDF-SHA-256: equal bytes."""
    assert PyCryptodome.hkdf(secret, salt, info, length) == Cryptography.hkdf(secret, salt, info, length)


@pytest.mark.parametrize("backend", BACKENDS)
def test_rfc_5297_vector(backend):  # type: ignore[no-untyped-def]
    """RFC 5297, A.1."""
    key = bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff")
    associated = bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627")
    sealed = "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"
    assert backend.siv_seal(key, associated, bytes.fromhex("112233445566778899aabbccddee")).hex() == sealed


@pytest.mark.parametrize("backend", BACKENDS)
def test_rfc_5869_vector(backend):  # type: ignore[no-untyped-def]
    """RFC 5869, A.1."""
    derived = backend.hkdf(b"\x0b" * 22, bytes(range(13)), bytes(range(0xF0, 0xFA)), 42)
    wanted = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"
    assert derived.hex() == wanted


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_changed_bit_is_refused(backend):  # type: ignore[no-untyped-def]
    """Tag, ciphertext, associated data, length: all are checked before a byte is returned."""
    key, associated = bytes(range(64)), b"picture 7"
    sealed = backend.siv_seal(key, associated, b"the Sequence")
    for bit in range(8 * len(sealed)):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Forged):
            backend.siv_open(key, associated, bytes(changed))
    with pytest.raises(Forged):
        backend.siv_open(key, b"picture 8", sealed)
    for length in range(len(sealed)):
        with pytest.raises(Forged):
            crypto.siv_open(key, associated, sealed[:length])


def test_empty_items_are_refused():
    """Old OpenSSL skipped empty associated data, and libraries disagree on empty salts: neither is ever used."""
    with pytest.raises(ValueError, match="non-empty"):
        crypto.siv_seal(bytes(64), b"", b"x")
    with pytest.raises(ValueError, match="non-empty"):
        crypto.hkdf(b"x", b"", b"y", 32)


@given(st.lists(st.binary(max_size=9), max_size=4), st.lists(st.binary(max_size=9), max_size=4))
def test_length_prefix_tells_lists_apart(one, two):  # type: ignore[no-untyped-def]
    """Splitting the same bytes into other fields gives other associated data."""
    assert (length_prefixed(*one) == length_prefixed(*two)) == (one == two)
    assert length_prefixed(b"built", b"insecurely") != length_prefixed(b"builtin", b"securely")


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_key_opens_nothing(backend):  # type: ignore[no-untyped-def]
    """Each half of the 64-byte key matters: one for the tag, one for the stream."""
    key = bytes(range(64))
    sealed = backend.siv_seal(key, b"picture 7", b"the Sequence")
    for byte in range(64):
        wrong = key[:byte] + bytes([key[byte] ^ 1]) + key[byte + 1 :]
        with pytest.raises(Forged):
            backend.siv_open(wrong, b"picture 7", sealed)


@pytest.mark.parametrize("items", [(b"", b"x"), (b"x", b""), (b"", b"")])
def test_no_item_may_be_empty(items):  # type: ignore[no-untyped-def]
    """Empty plaintext, empty salt and empty info too; a sealed text without ciphertext is forged."""
    with pytest.raises(ValueError, match="non-empty"):
        crypto.siv_seal(bytes(64), *items)
    with pytest.raises(ValueError, match="non-empty"):
        crypto.hkdf(b"x", *items, 32)
    with pytest.raises(Forged):
        crypto.siv_open(bytes(64), b"x", bytes(crypto.TAG))


def test_the_backend_is_chosen_by_environment(monkeypatch):  # type: ignore[no-untyped-def]
    """RIPGUARD_CRYPTO=pycryptodome takes the required library even where the faster one is installed."""
    monkeypatch.setenv("RIPGUARD_CRYPTO", "pycryptodome")
    assert crypto._choose() is PyCryptodome
    monkeypatch.delenv("RIPGUARD_CRYPTO")
    assert crypto._choose() is Cryptography


def test_seal_binds_purpose_header_and_digest():
    """Bytes sealed for one thing open for no other, and shape is part of an image's identity."""
    key, things = bytes(range(64)), (b"payload", b"rg\1" + b"h" * 33, b"d" * 32)
    sealed = aead.seal(key, aead.associated_data(*things), b"the Sequence")
    assert aead.open_sealed(key, aead.associated_data(*things), sealed) == b"the Sequence"
    for wrong in (
        (b"residue", *things[1:]),
        (things[0], b"rg\1" + b"i" * 33, things[2]),
        (things[0], b"rg\0" + b"h" * 33, things[2]),
        (*things[:2], b"e" * 32),
    ):
        with pytest.raises(Forged):
            aead.open_sealed(key, aead.associated_data(*wrong), sealed)
    samples = np.arange(48, dtype=np.uint8)
    shapes = [(4, 4, 3), (2, 8, 3), (8, 2, 3), (16, 3, 1), (4, 12, 1), (48, 1, 1)]
    assert len({aead.image_digest(samples.reshape(shape)) for shape in shapes}) == len(shapes)
    turned = samples.reshape(4, 4, 3).transpose(1, 0, 2)
    assert aead.image_digest(turned) == aead.image_digest(turned.copy())  # samples, not memory
    for wrong in (samples.reshape(4, 4, 3).astype(np.int16), samples.reshape(12, 4)):
        with pytest.raises(ValueError, match="expected uint8"):
            aead.image_digest(wrong)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_plaintext_escapes_before_it_is_verified(backend):  # type: ignore[no-untyped-def]
    """A forged record gives an exception that holds no plaintext; no buffer is handed to a library to be filled."""
    secret = b"a clean picture's own bytes " * 8
    sealed = bytearray(backend.siv_seal(bytes(range(64)), b"x", secret))
    sealed[0] ^= 1
    with pytest.raises(Forged) as caught:
        backend.siv_open(bytes(range(64)), b"x", bytes(sealed))
    assert not caught.value.args
    shown = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert all(secret[:16] not in repr(one).encode() for one in shown)
    for path in Path(ripguard.__file__).parent.rglob("*.py"):
        text = path.read_text()
        assert "output=" not in text or "Crypto" not in text, path  # PyCryptodome fills it before it verifies
