"""Tampering with one protected image, without any manifest: every changed bit is refused, never silently accepted."""

from __future__ import annotations

import numpy as np
import pytest
from hidden import DATASET, KEY, keys_for, protect_batch

from ripguard.crypto.keys import Key
from ripguard.errors import RipguardError
from ripguard.hide import lsb
from ripguard.hide.header import BadHeader, Header
from ripguard.hide.mrit.method import MRIT
from ripguard.hide.mrit.transform import LENGTH


def outcomes(images: np.ndarray, residue: bytes, keys) -> tuple[int, int]:  # type: ignore[no-untyped-def]
    """(refused, restored) for a batch of altered copies of one image, by the way a restorer takes."""
    refused, rows, headers = 0, [], []
    for row, raw in enumerate(lsb.read(images, np.full(len(images), LENGTH))):
        try:
            header = Header.unpack(raw)
        except BadHeader:
            refused += 1
            continue
        if header.key_id != KEY.id or header.dataset_id != DATASET:
            refused += 1
            continue
        rows.append(row)
        headers.append(header)
    if rows:
        unit = [KEY.dataset(DATASET).unit(h.unit).image(h.index) for h in headers]
        for one in MRIT().reveal(images[rows], headers, [residue] * len(rows), unit):
            refused += isinstance(one, RipguardError)
    return refused, len(images) - refused


def test_all_single_bit_flips_are_refused(clean, carrier):  # type: ignore[no-untyped-def]
    """All 24,576 single-bit flips of a 32×32×3 image, payload or not, header or not, used planes or not."""
    (one,), keys, _ = protect_batch(clean[:1], carrier[:1])
    assert outcomes(one.image[None], one.residue, keys) == (0, 1)
    for bit in range(8):
        flipped = np.repeat(one.image[None], one.image.size, axis=0)
        flat = flipped.reshape(len(flipped), -1)
        flat[np.arange(len(flat)), np.arange(len(flat))] ^= np.uint8(1 << bit)
        assert outcomes(flipped, one.residue, keys) == (3072, 0)


def test_random_damage_is_refused(clean, carrier):  # type: ignore[no-untyped-def]
    """2,000 copies with 2 to 3,072 flipped bits."""
    (one,), keys, _ = protect_batch(clean[:1], carrier[:1])
    draw = np.random.default_rng(0)
    damaged = np.repeat(one.image[None], 2000, axis=0)
    for image in damaged.reshape(2000, -1):
        where = draw.choice(3072, draw.integers(2, 3072), replace=False)
        image[where] ^= (1 << draw.integers(0, 8, len(where))).astype(np.uint8)
    assert outcomes(damaged, one.residue, keys) == (2000, 0)


def many(images: np.ndarray) -> np.ndarray:
    """Five times as many: mirrored, upside down, both, inverted."""
    flips = [images, images[:, ::-1], images[:, :, ::-1], images[:, ::-1, ::-1], 255 - images]
    return np.concatenate(flips)


def test_payloads_cannot_be_moved(clean, carrier):  # type: ignore[no-untyped-def]
    """The payload of one image in another, all 9,900 pairs of 100, same shape, key and unit."""
    count = 100
    hidden, keys, headers = protect_batch(many(clean)[:count], many(carrier)[:count])
    images = np.stack([one.image for one in hidden])
    for a in range(count):
        (payload,) = lsb.read(images[a : a + 1], np.array([LENGTH + headers[a].length]))
        moved, _ = lsb.replace(np.delete(images, a, axis=0), [payload] * (count - 1))
        others = [[one] * (count - 1) for one in (headers[a], hidden[a].residue, keys[a])]
        results = MRIT().reveal(moved, *others)
        assert sum(isinstance(one, RipguardError) for one in results) == count - 1


def test_one_identity_sealed_twice(clean, carrier):  # type: ignore[no-untyped-def]
    """The same key and image number for two contents: what the two records differ by tells nothing of the contents.

    AES-SIV needs no nonce: other contents, another keystream. With a fixed keystream the difference of the sealed
    records would be that of the plain ones, and equal plain bytes would give equal sealed bytes at the same places.
    """
    same, count = 0, 50
    clean, carrier = many(clean)[:count], many(carrier)[:count]
    for i in range(count):
        (one,), _, _ = protect_batch(clean[i : i + 1], carrier[i : i + 1])
        (two,), _, _ = protect_batch(clean[i : i + 1], 255 - carrier[i : i + 1])
        length = min(one.header.length, two.header.length)
        a, b = (
            np.frombuffer(lsb.read(x.image[None], np.array([LENGTH + length]))[0][LENGTH + 16 :], np.uint8)
            for x in (one, two)
        )
        same += int((a[: len(b)] == b[: len(a)]).sum())
        total = len(a)
    assert same < count * total * 2 / 256  # chance: one byte in 256


def test_residues_cannot_be_moved_or_cut(clean, carrier):  # type: ignore[no-untyped-def]
    """The residue of another image, every prefix of the own one, and appended bytes."""
    hidden, keys, headers = protect_batch(clean[:2], carrier[:2])
    own, other = hidden[0].residue, hidden[1].residue
    wrong = [other, own + b"\0", *(own[:n] for n in range(len(own)))]
    results = MRIT().reveal(
        np.repeat(hidden[0].image[None], len(wrong), axis=0),
        [headers[0]] * len(wrong), wrong, [keys[0]] * len(wrong),
    )  # fmt: skip
    assert all(isinstance(one, RipguardError) for one in results)


@pytest.mark.parametrize("which", ["random", "one bit off", "another dataset", "another unit", "another image"])
def test_wrong_keys_open_nothing(clean, carrier, which):  # type: ignore[no-untyped-def]
    """Keys that are nearly right: 300 random ones, every one-bit neighbour, other dataset, unit, image."""
    (one,), _, (header,) = protect_batch(clean[:1], carrier[:1])
    draw, secret = np.random.default_rng(0), KEY.secret
    if which == "random":
        keys = [keys_for(1, Key(draw.bytes(32)))[1][0] for _ in range(300)]
    elif which == "one bit off":
        number = int.from_bytes(secret, "big")
        keys = [keys_for(1, Key((number ^ 1 << bit).to_bytes(32, "big")))[1][0] for bit in range(256)]
    elif which == "another dataset":
        keys = keys_for(1, dataset=b"another!")[1]
    elif which == "another unit":
        keys = [KEY.dataset(DATASET).unit(1).image(0)]
    else:
        keys = [KEY.dataset(DATASET).unit(0).image(1)]
    count = len(keys)
    results = MRIT().reveal(np.repeat(one.image[None], count, axis=0), [header] * count, [one.residue] * count, keys)
    assert all(isinstance(result, RipguardError) for result in results)


def test_small_images_are_sealed_as_well():
    """An image that stands wholly in the residue: every flip of it, and of its residue, is refused."""
    draw = np.random.default_rng(3)
    image = draw.integers(0, 256, (1, 5, 4, 3)).astype(np.uint8)
    (one,), keys, (header,) = protect_batch(image, image[:, ::-1])
    assert header.planes == 0
    for bit in range(8 * one.image.size):
        flipped = one.image.copy()
        flipped.reshape(-1)[bit // 8] ^= np.uint8(1 << bit % 8)
        assert isinstance(MRIT().reveal(flipped[None], [header], [one.residue], keys)[0], RipguardError)
    for bit in range(8 * len(one.residue)):
        residue = bytearray(one.residue)
        residue[bit // 8] ^= 1 << bit % 8
        assert isinstance(MRIT().reveal(one.image[None], [header], [bytes(residue)], keys)[0], RipguardError)
