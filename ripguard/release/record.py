"""The format of ``.ripguard/release.json`` and ``manifest.jsonl``: file names, canonical JSON, and checks.

``docs/reference/format.md`` specifies both files.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ripguard.crypto.aead import FORMATS, TAG, length_prefixed
from ripguard.errors import Damaged, NotProtected
from ripguard.store.atomic import storage
from ripguard.store.rows import Rows
from ripguard.store.schema import check_info, parsed

META = ".ripguard"
READS = tuple(name.decode() for name in FORMATS)
RELEASE, MANIFEST, RESIDUE, MODEL = "release.json", "manifest.jsonl", "residue", "model.bin"
MOST_MODEL = (1 << 22) + (1 << 16) + TAG  # bytes: the limit of the codec, and the overhead of zlib


def canonical(value: Any) -> bytes:
    """Canonical JSON: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


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
                f"{name} has format {str(info['format'])[:40]!r}", f"this ripguard reads {' and '.join(READS)}"
            )
        check_info(info)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Damaged(f"{where} cannot be read", "get a fresh copy of it") from None
    return info


def checked_rows(manifest: Path | bytes, info: dict[str, Any], where: object, where_info: object) -> Rows:
    """Parse a manifest and check it against ``release.json``.

    Args:
        manifest: path of the file, or its bytes.
        info: content of ``release.json``.
        where, where_info: names of the two files in messages.

    Raises:
        Damaged: not a manifest, or not the one that ``info`` was written for.
        StorageError: the file cannot be read.
    """
    try:
        with storage("cannot read"):
            rows = Rows(manifest, len(info["units"]))
    except (ValueError, RecursionError):
        raise Damaged(f"{where} cannot be read", "get a fresh copy of it") from None
    if info["manifest"] != rows.digest or info["pictures"] != len(rows):
        raise Damaged(f"{where} does not match {RELEASE}", "get a fresh copy of both")
    if any(rows.number(note["path"]) is not None for note in info["annotations"]):
        raise Damaged(f"{where_info} lists an image as an annotation", "get a fresh copy of it")
    return rows


def model_bound(dataset_id: bytes) -> bytes:
    """Associated data of the encrypted codec model."""
    return length_prefixed(FORMATS[1], b"model", dataset_id)


def signed_part(info: dict[str, Any]) -> bytes:
    """The bytes that proof and signature authenticate: ``release.json`` without these two fields, canonical."""
    return canonical({k: v for k, v in info.items() if k not in ("proof", "signature")})
