"""Scheme `privdl`: exact, tied to key, image, header and residue; one order for a release, or one for each image."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from helpers import call, crop, good, make_source, png_bytes, refused
from hidden import DATASET, KEY, keys_for
from hypothesis import given, settings
from hypothesis import strategies as st

from ripguard.crypto.keys import Key
from ripguard.errors import Damaged
from ripguard.hide.base import Hidden
from ripguard.hide.header import BadHeader, Header
from ripguard.images.decoding import read_image
from ripguard.methods.fitted import Fitted
from ripguard.schemes.base import Batch, Run
from ripguard.schemes.pixel_order import pixel_order, release_order_key, scrambled
from ripguard.schemes.privdl import PrivDL, PrivDLParams, PrivDLPart, is_shared

ORDERS = {"shared": PrivDLParams(), "own": PrivDLParams(per_image=True)}


def protected(clean: np.ndarray, params: PrivDLParams | None = None, key: Key = KEY) -> list[Hidden]:
    who, keys = keys_for(len(clean), key)
    nothing = np.zeros(len(clean), np.int64)
    batch = Batch(clean, nothing, nothing.astype(np.uint64), who, keys, [], release=key.dataset(DATASET))
    return PrivDL(params).protect(batch, Fitted(), Run())


def restored(images: list[np.ndarray], hidden: list[Hidden], key: Key = KEY) -> list:  # type: ignore[type-arg]
    _, keys = keys_for(len(hidden), key)
    return PrivDL.revealing().reveal(
        np.stack(images), [one.header for one in hidden], [one.residue for one in hidden], keys
    )


@settings(max_examples=30, deadline=None, derandomize=True)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.sampled_from([*ORDERS]))
def test_any_size_comes_back(count, height, width, channels, which):  # type: ignore[no-untyped-def]
    shape = (count, height, width, channels)
    clean = np.random.default_rng(height * width).integers(0, 256, shape).astype(np.uint8)
    hidden = protected(clean, ORDERS[which])
    for one, found, image in zip(hidden, restored([one.image for one in hidden], hidden), clean):
        assert np.array_equal(found, image)
        assert Header.unpack(one.header.pack()) == one.header
        assert sorted(map(bytes, one.image.reshape(-1, channels))) == sorted(map(bytes, image.reshape(-1, channels)))


def test_whose_order_it_is():
    """Equal images of a release are published equal under the shared order; their own orders differ."""
    clean = np.stack([crop(0), crop(0)])
    order = pixel_order(release_order_key(KEY.dataset(DATASET)), 32, 32)
    one, other = protected(clean)
    assert np.array_equal(one.image, scrambled(clean[0], order))
    assert np.array_equal(one.image, other.image)
    assert one.residue != other.residue
    assert is_shared(one.header)
    one, other = protected(clean, ORDERS["own"])
    assert not np.array_equal(one.image, other.image)
    assert not is_shared(one.header)


@pytest.mark.parametrize("which", ORDERS)
def test_whatever_is_changed_is_refused(which):  # type: ignore[no-untyped-def]
    """Every bit of the image, of the residue and of the header; another key; a residue of another image."""
    (one,) = protected(crop(1, 6, 5)[None], ORDERS[which])
    flips = np.repeat(one.image[None], 8 * one.image.size, axis=0)
    flips.reshape(len(flips), -1)[np.arange(len(flips)), np.arange(len(flips)) // 8] ^= np.tile(
        (1 << np.arange(8)).astype(np.uint8), one.image.size
    )
    _, (keys,) = keys_for(1)
    found = PrivDL.revealing().reveal(flips, [one.header] * len(flips), [one.residue] * len(flips), [keys] * len(flips))
    assert all(isinstance(image, Damaged) for image in found)
    for bit in range(8 * len(one.residue)):
        residue = bytearray(one.residue)
        residue[bit // 8] ^= 1 << bit % 8
        assert isinstance(restored([one.image], [replace(one, residue=bytes(residue))])[0], Damaged)
    for residue in (b"", one.residue[:-1], one.residue + b"\0"):
        assert isinstance(restored([one.image], [replace(one, residue=residue)])[0], Damaged)
    other = PrivDLPart(1 - one.header.params.order)  # type: ignore[attr-defined]
    for changes in ({"unit": 1}, {"index": 1}, {"params": other}, {"length": 7}, {"dataset_id": b"\0" * 8}):
        assert isinstance(restored([one.image], [replace(one, header=replace(one.header, **changes))])[0], Damaged)
    assert isinstance(restored([one.image], [one], Key(bytes(32)))[0], Damaged)
    assert np.array_equal(restored([one.image], [one])[0], crop(1, 6, 5))


def test_one_damaged_image_leaves_the_others():
    clean = np.stack([crop(number, 8, 8) for number in range(3)])
    hidden = protected(clean)
    images = [one.image for one in hidden]
    images[1] = images[1] ^ 1
    found = restored(images, hidden)
    assert isinstance(found[1], Damaged)
    assert np.array_equal(found[0], clean[0])
    assert np.array_equal(found[2], clean[2])


def test_headers_out_of_bounds():
    header = protected(crop(0, 4, 4)[None])[0].header.pack()
    for changed in (
        header[:-1] + b"\2",  # an order that is neither
        header[:26] + b"\1" + header[27:],  # a plane
        header[:26] + b"\x20" + header[27:],  # lossy
        header[:2] + b"\1" + header[3:],  # a version that had no such images
    ):
        with pytest.raises(BadHeader):
            Header.unpack(changed)


def test_the_shared_order_needs_the_keys_of_the_release():
    who, keys = keys_for(1)
    batch = Batch(crop(0)[None], np.zeros(1, np.int64), np.zeros(1, np.uint64), who, keys, [])
    with pytest.raises(ValueError, match="keys of the release"):
        PrivDL().protect(batch, Fitted(), Run())


@pytest.mark.parametrize("more", [(), ("--per-image",)], ids=["shared", "own"])
def test_a_folder(more, tmp_path):  # type: ignore[no-untyped-def]
    """Through the command line: checked, protected, inspected, verified, restored; spoiled, another key."""
    source, key, release = make_source(tmp_path / "source"), tmp_path / "k", tmp_path / "r"
    good("keygen", "--out", key)
    good("keygen", "--out", tmp_path / "other")
    made = good("protect", source, release, "--key-file", key, "--scheme", "privdl", "--workers", "1", *more)
    facts = good("inspect", release, "--key-file", key)
    assert (facts["scheme"], facts["parameters"]) == ("privdl", {"options": {"per_image": bool(more)}})
    found = good("verify", release, "--key-file", key, "--source", source, "--workers", "1")
    assert (found["ok"], found["equal_to_source"]) == (True, made["pictures"])
    assert good("restore", release, tmp_path / "back", "--key-file", key, "--workers", "1")["refused"] == []
    for path in source.rglob("*.png"):
        assert np.array_equal(read_image(tmp_path / "back" / path.relative_to(source)), read_image(path))
    refused(4, "restore", release, tmp_path / "no", "--key-file", tmp_path / "other")
    shutil.copy(release / "train/cup/1.png", release / "train/cup/0.png")
    code, said, _ = call("restore", release, tmp_path / "some", "--key-file", key, "--json")
    assert (code, [one["path"] for one in json.loads(said)["refused"]]) == (5, [str(release / "train/cup/0.png")])
    message = refused(2, "protect", source, tmp_path / "l", "--key-file", key, "--scheme", "privdl", "--lossy", *more)
    assert "privdl is exact" in message


def test_images_of_one_color_are_counted(tmp_path):  # type: ignore[no-untyped-def]
    """They are published as they are, and `check` and `protect` say so; other schemes change them."""
    KEY.write(tmp_path / "k")
    for number in range(4):
        place = tmp_path / "s" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png_bytes(crop(number) if number else np.full((32, 32, 3), (7, 8, 9), np.uint8)))
    line = "published unchanged: 1 image of one color"
    words = (tmp_path / "s", tmp_path / "r", "--key-file", tmp_path / "k", "--workers", "1")
    assert good("check", tmp_path / "s", "--scheme", "privdl")["unchanged"] == 1
    assert line in call("check", tmp_path / "s", "--scheme", "privdl")[1]
    assert line in call("protect", *words, "--scheme", "privdl")[1]
    assert (tmp_path / "r/a/0.png").read_bytes() == (tmp_path / "s/a/0.png").read_bytes()
    assert good("check", tmp_path / "s", "--scheme", "seal")["unchanged"] == 0
