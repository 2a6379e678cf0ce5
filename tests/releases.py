"""The golden releases of the vectors: small, of every kind, all under one known key; on disk and as bytes."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from metadata import contained, info_of, is_metadata, parts, write_info
from vector_cases import VECTORS

from ripguard.crypto.keys import Key
from ripguard.crypto.signing import SigningKey, fingerprint
from ripguard.release.index import MemoryIndex
from ripguard.release.record import signed_part

RELEASES = sorted(path.stem for path in (VECTORS / "releases").glob("*.clean"))
KEY, OTHER = Key(bytes(range(32))), Key(bytes(range(1, 33)))
SIGNER = SigningKey(bytes(range(40, 72)))
FINGERPRINT = fingerprint(SIGNER.public)


def golden(name: str, place: Path) -> Path:
    """A copy to spoil."""
    return Path(shutil.copytree(VECTORS / "releases" / name, place / name))


def sign(root: Path, signer: SigningKey = SIGNER) -> Path:
    """Let somebody sign a release."""
    info = info_of(root)
    value = signer.sign(signed_part(info)).hex()
    own = {"public": signer.public.hex(), "value": value, "signer": fingerprint(signer.public)}
    write_info(root, info | {"signature": own})
    return root


def in_memory(root: Path, ranges: bool = False) -> MemoryIndex:
    """A release whose files are read now, and none later.

    Args:
        ranges: give its residue by a function that reads parts.
    """
    found = parts(root)
    shards = {name.removeprefix("residue/"): found.pop(name) for name in list(found) if name.startswith("residue/")}
    info, manifest = (found.pop(name, b"") for name in ("release.json", "manifest.jsonl"))
    residue = reader(shards) if ranges else shards
    model = found.pop("model.bin", None)
    return MemoryIndex(info, manifest, residue, model, str(root), found if contained(root) else None)


def reader(shards: dict[str, bytes]) -> Callable[[str, int, int], bytes]:
    """What reads a part of a residue file, as an object store does."""

    def part(name: str, offset: int, length: int) -> bytes:
        if name not in shards:
            raise FileNotFoundError(name)
        return shards[name][offset : offset + length]

    return part


def files_of(root: Path) -> dict[str, bytes]:
    """Bytes of all files but the metadata and the card, by their places."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and not is_metadata(path) and path != root / "README.md"
    }
