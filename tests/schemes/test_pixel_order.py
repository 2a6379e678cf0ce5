"""Keyed orders: as the page of the format describes them, and exact inverses for every shape and type."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import numpy as np
import pytest
from hidden import DATASET, KEY, keys_for

from ripguard.schemes.pixel_order import (
    image_order_key,
    layer_order_key,
    pixel_order,
    release_order_key,
    scrambled,
    unscrambled,
)

OWN = bytes(range(32))


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 7), (32, 32), (3, 50)])
def test_as_the_format_describes_it(height, width):  # type: ignore[no-untyped-def]
    """Written down again, from the page alone."""
    fields = [b"privdl", OWN, height.to_bytes(4, "big") + width.to_bytes(4, "big")]
    text = (3).to_bytes(4, "big") + b"".join(len(one).to_bytes(4, "big") + one for one in fields)
    stream = hashlib.shake_256(text).digest(8 * height * width)
    draws = [int.from_bytes(stream[8 * i : 8 * i + 8], "big") for i in range(height * width)]
    assert pixel_order(OWN, height, width).tolist() == sorted(range(len(draws)), key=draws.__getitem__)


def test_the_example_of_the_page():
    page = (Path(__file__).resolve().parents[2] / "docs" / "reference" / "format.md").read_text()
    found = re.search(r"gives\s+`([\d, ]+)` for an image of 2×4 pixels", page)
    assert found
    assert found[1] == ", ".join(map(str, pixel_order(OWN, 2, 4)))


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 3, 3), (2, 7, 1, 3), (4, 9, 8, 1)])
@pytest.mark.parametrize("kind", [np.uint8, np.float64])
def test_back_and_forth(shape, kind):  # type: ignore[no-untyped-def]
    images = np.random.default_rng(0).integers(0, 256, shape).astype(kind)
    order = pixel_order(OWN, *shape[-3:-1])
    moved = scrambled(images, order)
    assert (moved.shape, moved.dtype) == (images.shape, images.dtype)
    assert np.array_equal(unscrambled(moved, order), images)
    flat = images.reshape(*shape[:-3], -1, shape[-1])
    assert np.array_equal(moved.reshape(flat.shape)[..., 0, :], flat[..., order[0], :])


def test_keys_are_all_different():
    """Of releases, images, layers, and of the owner; and the order of no size begins that of another."""
    _, (one, other) = keys_for(2)
    release = release_order_key(KEY.dataset(DATASET))
    found = [
        release, release_order_key(KEY.dataset(b"another!")), image_order_key(one), image_order_key(other),
        layer_order_key(release, "conv1"), layer_order_key(release, "conv2"), KEY.secret, one.place,
    ]  # fmt: skip
    assert len(set(found)) == len(found)
    assert {len(key) for key in found} == {32}
    assert not np.array_equal(pixel_order(release, 6, 4), pixel_order(release, 4, 6))


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        pixel_order(OWN[:16], 2, 2)
