"""Images that carry their record reversibly: what the tests of `rdh` and `rit` share."""

from __future__ import annotations

import numpy as np
from hidden import DATASET, KEY, keys_for

from ripguard.crypto.keys import ImageKeys
from ripguard.data.image_set import load
from ripguard.data.registry import open_source
from ripguard.hide.base import Clean, Hidden, Hiding
from ripguard.hide.header import BadHeader
from ripguard.hide.methods import reveal
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.release.identify import read_header

KINDS = ("constant", "black", "white", "noise", "checkerboard", "nearly white", "nearly black", "gradient")


def draw_image(kind: str, height: int, width: int, channels: int, seed: int) -> np.ndarray:
    """An image of a kind that breaks codecs, uint8 ``[height, width, channels]``."""
    draw, shape = np.random.default_rng(seed), (height, width, channels)
    y, x, c = np.mgrid[:height, :width, :channels]
    return {
        "constant": np.full(shape, draw.integers(256)),
        "black": np.zeros(shape),
        "white": np.full(shape, 255),
        "noise": draw.integers(0, 256, shape),
        "checkerboard": (y + x) % 2 * 255,
        "nearly white": np.clip(draw.normal(252, 4, shape), 0, 255),
        "nearly black": np.clip(draw.normal(2, 3, shape), 0, 255),
        "gradient": (3 * y + 5 * x + c + draw.integers(256)) % 256,
    }[kind].astype(np.uint8)


def hidden_and_back(method: Hiding, clean: np.ndarray, carrier: np.ndarray) -> tuple[list[Hidden], list[Clean]]:
    """Hidden images, and what is restored from their files and residues; headers are read from the images."""
    ids, keys = keys_for(len(clean))
    hidden = method.hide(clean, carrier, ids, keys)
    published = np.stack([read_image(png_bytes(one.image)) for one in hidden])
    headers = [read_header(image) if one.header.planes else one.header for image, one in zip(published, hidden)]
    assert headers == [one.header for one in hidden]
    assert all(one.header.inline == (not one.residue) == bool(one.header.planes) for one in hidden)
    return hidden, reveal(published, headers, [one.residue for one in hidden], keys)


def exact(method: Hiding, clean: np.ndarray, carrier: np.ndarray) -> list[Hidden]:
    """Hidden images; all of them must come back bit for bit."""
    hidden, back = hidden_and_back(method, clean, carrier)
    for before, after in zip(clean, back):
        assert isinstance(after, np.ndarray), after
        np.testing.assert_array_equal(after, before)
    return hidden


def restores(image: np.ndarray, clean: np.ndarray, residue: bytes = b"") -> bool:
    """Whether an image restores by the header in its own bits. Anything but exact or refused is an error."""
    try:
        header = read_header(image)
    except BadHeader:
        return False
    if header.key_id != KEY.id or header.dataset_id != DATASET:
        return False
    keys: ImageKeys = KEY.dataset(DATASET).unit(header.unit).image(header.index)
    (after,) = reveal(image[None], [header], [residue], [keys])
    if isinstance(after, Exception):
        return False
    np.testing.assert_array_equal(after, clean)
    return True


def patched(clean: np.ndarray, reach: int = 18, side: int = 8, seed: int = 0) -> np.ndarray:
    """Carriers: patches of ``side`` pixels, moved up or down by ``reach`` gray levels."""
    count, height, width, channels = clean.shape
    rows, columns = -(-height // side), -(-width // side)
    moves = np.random.default_rng(seed).choice([-reach, reach], (count, rows, columns, channels))
    moves = moves.repeat(side, axis=1).repeat(side, axis=2)[:, :height, :width]
    return np.clip(clean.astype(int) + moves, 0, 255).astype(np.uint8)


def real_images(source: str, count: int) -> list[np.ndarray]:
    """Batches of real images, uint8 ``[batch, height, width, 3]``, evenly from a source."""
    items = open_source(source).items
    images = load(items[:: max(1, len(items) // count)][:count]).images
    assert len(images) == count
    return [images[i : i + 100] for i in range(0, count, 100)]
