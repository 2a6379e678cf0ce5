"""Chunks: what was sealed comes back, and nothing else opens; both libraries give the same bytes."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.crypto import backend
from ripguard.crypto.backend import Cryptography, PyCryptodome
from ripguard.vault.chunks import FILES, INDEX, ChunkForged, cipher, open_chunks, open_whole, seal_chunk, seal_whole
from ripguard.vault.places import CHUNK, SEALED

SECRET, VAULT, SALT = bytes(32), bytes(16), bytes(range(32))
OWN = cipher(SECRET, FILES, VAULT, 0, SALT)


@given(st.integers(0, 3 * CHUNK), st.integers(0, 2**32 - 1))
def test_round_trip(size, number):  # type: ignore[no-untyped-def]
    data = bytes(i % 251 for i in range(997)) * (size // 997 + 1)
    assert open_whole(OWN, number, seal_whole(OWN, number, data[:size])) == data[:size]


def test_a_chunk_opens_only_at_its_place():
    """Not as another chunk, of another file, of a longer or shorter file, in another shard, vault or unit."""
    size = 2 * CHUNK + 5
    data = [bytes([i]) * CHUNK for i in range(2)] + [b"fives"]
    sealed = [seal_chunk(OWN, 7, i, size, one) for i, one in enumerate(data)]
    assert list(open_chunks(OWN, 7, 0, size, b"".join(sealed))) == data
    assert list(open_chunks(OWN, 7, 1, size, b"".join(sealed[1:]))) == data[1:]
    others = [
        cipher(bytes([1]) * 32, FILES, VAULT, 0, SALT), cipher(SECRET, FILES, bytes([1]) * 16, 0, SALT),
        cipher(SECRET, FILES, VAULT, 1, SALT), cipher(SECRET, FILES, VAULT, 0, bytes(32)),
        cipher(SECRET, INDEX, VAULT, 0, SALT),
    ]  # fmt: skip
    wrong = [(OWN, 8, 0, size, sealed[0]), (OWN, 7, 1, size, sealed[0]), (OWN, 7, 0, size + 1, sealed[0])]
    wrong += [(OWN, 7, 2, size, sealed[1]), (OWN, 7, 0, CHUNK, sealed[0]), (OWN, 7, 0, size, sealed[0][:-1])]
    wrong += [(own, 7, 0, size, sealed[0]) for own in others]
    for own, number, first, length, one in wrong:
        with pytest.raises(ChunkForged):
            list(open_chunks(own, number, first, length, one))


def test_no_plaintext_before_its_tag_is_verified():
    sealed = bytearray(seal_whole(OWN, 0, bytes(3 * CHUNK)))
    sealed[SEALED + 5] ^= 1
    found = open_chunks(OWN, 0, 0, 3 * CHUNK, bytes(sealed))
    assert next(found) == bytes(CHUNK)
    with pytest.raises(ChunkForged) as error:
        next(found)
    assert error.value.args == (1,)


@given(st.binary(max_size=300), st.binary(min_size=1, max_size=30), st.binary(min_size=12, max_size=12))
def test_both_libraries_agree(data, bound, nonce):  # type: ignore[no-untyped-def]
    one, other = PyCryptodome.gcm(bytes(32)), Cryptography.gcm(bytes(32))
    sealed = one.seal(nonce, bound, data)
    assert other.seal(nonce, bound, data) == sealed
    assert one.open(nonce, bound, sealed) == other.open(nonce, bound, memoryview(sealed)) == data
    for cipher_, position in itertools.product((one, other), (0, len(sealed) - 1)):
        changed = bytearray(sealed)
        changed[position] ^= 128
        with pytest.raises(backend.Forged):
            cipher_.open(nonce, bound, bytes(changed))


def test_the_vector_of_the_standard():
    """McGrew and Viega, "The Galois/Counter Mode of Operation", test case 16."""
    key = bytes.fromhex("feffe9928665731c6d6a8f9467308308" * 2)
    plain = bytes.fromhex(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657"
        "ba637b39"
    )
    bound, nonce = bytes.fromhex("feedfacedeadbeeffeedfacedeadbeefabaddad2"), bytes.fromhex("cafebabefacedbaddecaf888")
    wanted = (
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0a"
        "bcc9f66276fc6ece0f4e1768cddf8853bb2d551b"
    )
    for library in (PyCryptodome, Cryptography):
        assert library.gcm(key).seal(nonce, bound, plain).hex() == wanted


def test_keys_of_another_length_are_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        backend.gcm(bytes(16))
