"""The format of ``release.json`` and ``manifest.jsonl``: names, versions, and checks.

``docs/reference/format.md`` specifies both.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

from ripguard.crypto.aead import TAG, length_prefixed
from ripguard.crypto.keys import ReleaseProver
from ripguard.errors import Damaged, InputRefused, NotProtected
from ripguard.images.limits import RAISE
from ripguard.store.atomic import storage
from ripguard.store.rows import Rows
from ripguard.store.schema import TooManyPixels, canonical, check_info, parsed
from ripguard.store.section import Section

__all__ = ["canonical", "checked_info", "checked_rows"]

ATTRIBUTES = ".gitattributes"  # of version 2: no conversion of line ends; nothing depends on it
CONTAINER = "release.ripguard"  # of version 2: one file in the root of the release
META = ".ripguard"  # of versions 0 and 1: a folder
READS = ("ripguard/v0", "ripguard/v1", "ripguard/v2")  # by version
VERSION = 2  # that is written
FORMAT = READS[VERSION]
CODEC = "png"  # of published images, unless release.json names another
SUFFIXES = {CODEC: ".png", "webp": ".webp"}  # of published images, by codec
RELEASE, MANIFEST, RESIDUE, MODEL = "release.json", "manifest.jsonl", "residue", "model.bin"
NAMES, PRIVATE, ORIGINALS = "names", "private", "originals"  # of version 2: sealed parts
MOST_MODEL = (1 << 22) + (1 << 16) + TAG  # bytes: the limit of the codec, and the overhead of zlib


def checked_info(raw: bytes, name: object, where: object) -> dict[str, Any]:
    """Parse and check the bytes of ``release.json``.

    Args:
        name, where: names of the release and of the file in messages.

    Raises:
        NotProtected: this version cannot read its format.
        Damaged: not valid JSON, or fields are missing or wrong.
    """
    try:
        info: dict[str, Any] = parsed(raw)
        if info["format"] not in READS:
            raise NotProtected(
                f"{name} has format {str(info['format'])[:40]!r}", f"this ripguard reads {', '.join(READS)}"
            )
        check_info(info, version_of(info))
        if info.get("codec", CODEC) not in SUFFIXES:
            raise NotProtected(
                f"{name} has images in {info['codec'][:40]!r}", f"this ripguard reads {', '.join(SUFFIXES)}"
            )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Damaged(f"{where} cannot be read", "get a fresh copy of it") from None
    return info


def suffix_of(info: dict[str, Any]) -> str:
    """Suffix of the published images of a release, from the checked content of its ``release.json``."""
    return SUFFIXES[info.get("codec", CODEC)]


def version_of(info: dict[str, Any]) -> int:
    """Version of the format of a release, from the checked content of its ``release.json``."""
    return READS.index(info["format"])


def checked_rows(manifest: Path | Section | bytes, info: dict[str, Any], where: object, where_info: object) -> Rows:
    """Parse a manifest and check it against ``release.json``.

    Args:
        manifest: the file, its section in a container, or its bytes.
        info: content of ``release.json``.
        where, where_info: names of the two files in messages.

    Raises:
        InputRefused: an image has more pixels than the limit.
        Damaged: not a manifest, or not the one that ``info`` was written for.
        StorageError: the file cannot be read.
    """
    try:
        with storage("cannot read"):
            rows = Rows(manifest, len(info["units"]), version_of(info))
    except TooManyPixels as error:
        raise InputRefused(f"{where} lists an image of {error}", RAISE) from None
    except (ValueError, RecursionError):
        raise Damaged(f"{where} cannot be read", "get a fresh copy of it") from None
    if info["manifest"] != rows.digest or info["pictures"] != len(rows):
        raise Damaged(f"{where} does not match {RELEASE}", "get a fresh copy of both")
    if any(rows.number(note["path"]) is not None for note in info["annotations"]):
        raise Damaged(f"{where_info} lists an image as an annotation", "get a fresh copy of it")
    return rows


def part_bound(version: int, dataset_id: bytes, *purpose: bytes) -> bytes:
    """Associated data of a sealed part: format, purpose and numbers, dataset id. The model of v1 has the same form."""
    return length_prefixed(READS[max(version, 1)].encode(), *purpose, dataset_id)


def clean_proof(prover: ReleaseProver, version: int, unit: int, index: int, digest: bytes) -> str:
    """The value ``clean`` of a row, hex.

    Args:
        unit, index: of the image. From version 2 on they are proven too, so that equal images have other values.
        digest: :func:`ripguard.crypto.aead.image_digest` of the clean image.
    """
    if version >= 2:
        digest = length_prefixed(struct.pack(">H", unit), struct.pack(">I", index), digest)
    return prover.proof(b"clean", digest).hex()


def signed_part(info: dict[str, Any]) -> bytes:
    """The bytes that proof and signature authenticate: ``release.json`` without these two fields, canonical."""
    return canonical({k: v for k, v in info.items() if k not in ("proof", "signature")})
