"""Keyed orders of pixels: an image whose pixels change places, and back.

An order of ``n`` positions is an int64 permutation ``[n]``: position ``p`` of the scrambled image has the pixel that
was at ``order[p]``. Positions count in raster order; all channels of a pixel move together. As in Perez, Lopez and
Arguello ("Privacy-Preserving Deep Learning Using Deformable Operators for Secure Task Learning", ICASSP 2024) it is the
argsort of uniform draws; here a key gives these, by SHAKE-256, the same ones on every machine.
"""

from __future__ import annotations

import hashlib
import struct

import numpy as np

from ripguard.crypto.aead import length_prefixed
from ripguard.crypto.backend import hkdf
from ripguard.crypto.keys import FORMAT_SALT, ImageKeys, ReleaseProver
from ripguard.errors import expected

KEY_BYTES = 32
LABEL = b"privdl"


def release_order_key(keys: ReleaseProver) -> bytes:
    """32 bytes: the key of the order that all images of a release share."""
    return keys.part(LABEL)[:KEY_BYTES]


def image_order_key(keys: ImageKeys) -> bytes:
    """32 bytes: the key of an order that belongs to one image."""
    return hkdf(keys.place, FORMAT_SALT, LABEL, KEY_BYTES)


def layer_order_key(key: bytes, layer: str) -> bytes:
    """32 bytes: the key of the order of a feature map.

    Args:
        key: 32 bytes, of the images' order.
        layer: name of the layer that the map comes from.
    """
    return hkdf(key, FORMAT_SALT, length_prefixed(b"privdl layer", layer.encode()), KEY_BYTES)


def pixel_order(key: bytes, height: int, width: int) -> np.ndarray:
    """The order of the pixels of images of one size: int64 ``[height·width]``.

    It takes 24 bytes of memory for each pixel, while it is made.

    Raises:
        ValueError: the key has not 32 bytes.
    """
    if len(key) != KEY_BYTES:
        raise ValueError(expected("key of an order", f"{KEY_BYTES} bytes", len(key)))
    text = length_prefixed(LABEL, key, struct.pack(">II", height, width))
    draws = np.frombuffer(hashlib.shake_256(text).digest(8 * height * width), ">u8").astype(np.uint64)
    return np.argsort(draws, kind="stable")  # stable: equal draws have one order everywhere


def scrambled(images: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Images ``[…, height, width, channels]`` with their pixels in another order; same shape and type."""
    shape = images.shape
    return images.reshape(*shape[:-3], -1, shape[-1])[..., order, :].reshape(shape)


def unscrambled(images: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Inverse of :func:`scrambled`."""
    result = np.empty_like(images, order="C")
    flat = images.reshape(*images.shape[:-3], -1, images.shape[-1])
    result.reshape(flat.shape)[..., order, :] = flat
    return result
