"""Sealed parts of a release: canonical JSON or a text, deflated, padded, and encrypted with a key of the release.

They hold what only key holders may know: the names of the source files, the recipe, the texts of the source.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING, Any

from ripguard.crypto.aead import Forged, open_sealed, seal
from ripguard.crypto.padding import BadPadding, pad, unpad
from ripguard.errors import Damaged, InputRefused
from ripguard.release.record import NAMES, ORIGINALS, PRIVATE, VERSION, canonical, part_bound
from ripguard.store.schema import path, text

if TYPE_CHECKING:
    from ripguard.release.plan import Plan

MOST_PRIVATE = 1 << 20  # bytes of JSON
MOST_NAMES = 1 << 28  # bytes of JSON, of one unit
MOST_ORIGINAL = 1 << 30  # bytes of a text
FRESH = "get a fresh copy of it"


def names_bound(dataset_id: bytes, unit: int) -> bytes:
    """Associated data of the part ``names/<unit>``."""
    return part_bound(VERSION, dataset_id, NAMES.encode(), struct.pack(">H", unit))


def private_bound(dataset_id: bytes) -> bytes:
    """Associated data of the part ``private``."""
    return part_bound(VERSION, dataset_id, PRIVATE.encode())


def original_bound(dataset_id: bytes, number: int) -> bytes:
    """Associated data of the part ``originals/<number>``."""
    return part_bound(VERSION, dataset_id, ORIGINALS.encode(), struct.pack(">I", number))


def seal_part(key: bytes, bound: bytes, data: bytes) -> bytes:
    """Deflate, pad and encrypt: ``tag(16) ‖ ciphertext``."""
    return seal(key, bound, pad(zlib.compress(data, 9)))


def open_part(key: bytes, bound: bytes, sealed: bytes, at_most: int, where: str) -> bytes:
    """The inverse of :func:`seal_part`.

    Args:
        at_most: bytes of the content; more are refused before they cost memory.
        where: name of the part in messages.

    Raises:
        Damaged: it was changed, or its author did not follow the format.
    """
    try:
        return _inflated(unpad(open_sealed(key, bound, sealed)), at_most)
    except (Forged, BadPadding, zlib.error, ValueError):
        raise Damaged(f"{where} is damaged", FRESH) from None


def _inflated(stream: bytes, at_most: int) -> bytes:
    """The content of a zlib stream. Raises :class:`ValueError` if it is too long, incomplete, or something follows."""
    machine = zlib.decompressobj()
    data = machine.decompress(stream, at_most + 1)
    if len(data) > at_most or not machine.eof or machine.unused_data:
        raise ValueError("length")
    return data


def seal_json(key: bytes, bound: bytes, value: Any) -> bytes:
    """Seal a value as canonical JSON."""
    return seal_part(key, bound, canonical(value))


def checked_names(value: Any) -> dict[int, str]:
    """Source path by number of the image. Raises :class:`ValueError` for another value."""
    if not isinstance(value, dict) or not all(key.isdecimal() and path(name) for key, name in value.items()):
        raise ValueError("names")
    return {int(key): name for key, name in value.items()}


def checked_private(value: Any) -> dict[str, Any]:
    """``source`` and ``scheme`` of a release. Raises :class:`ValueError` for another value."""
    if not isinstance(value, dict) or not text(value.get("source")):
        raise ValueError("source")
    if not isinstance(value.get("scheme"), dict) or not text(value["scheme"].get("name")):
        raise ValueError("scheme")
    return value


def refuse_long_names(plan: Plan) -> None:
    """Raise :class:`InputRefused` if the names of one unit do not fit into their part."""
    sizes = [0] * len(plan.units)
    for image in plan.images:
        if image.name != image.out:
            sizes[image.unit] += 6 * len(image.name) + 20  # at most six characters of JSON for each
    if max(sizes, default=0) > MOST_NAMES:
        split, label = plan.units[sizes.index(max(sizes))]
        raise InputRefused(f"{split}/{label} has too many images for one class", "divide it, or make several releases")
