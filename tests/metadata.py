"""The metadata of a release as tests read and spoil them: of format v2 (one file), and of older ones (a folder)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ripguard.release.record import ATTRIBUTES, CONTAINER, META, RESIDUE, canonical
from ripguard.store.container import Part, pieces, slices

Change = bytes | None | Callable[[bytes], bytes]


def contained(root: Path) -> bool:
    """Whether the release keeps its metadata in one file."""
    return (root / CONTAINER).exists()


def parts(root: Path) -> dict[str, bytes]:
    """All parts by name."""
    if contained(root):
        return {name: bytes(view) for name, view in slices((root / CONTAINER).read_bytes()).items()}
    meta = root / META
    return {path.relative_to(meta).as_posix(): path.read_bytes() for path in sorted(meta.rglob("*")) if path.is_file()}


def part(root: Path, name: str) -> bytes:
    """The bytes of one part."""
    return parts(root)[name]


def rebuilt(root: Path, content: Mapping[str, bytes]) -> None:
    """Write a container of these parts, whatever they are."""
    (root / CONTAINER).write_bytes(b"".join(pieces([Part.of(name, data) for name, data in content.items()])))


def put(root: Path, name: str, change: Change) -> None:
    """Write a part, or the change of what is there; None removes it. Other parts stay as they are."""
    if contained(root):
        found = parts(root)
        data = change(found[name]) if callable(change) else change
        if data is None:
            found.pop(name, None)
        else:
            found[name] = data
        rebuilt(root, found)
        return
    path = root / META / name
    data = change(path.read_bytes()) if callable(change) else change
    if data is None:
        path.unlink()
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def info_of(root: Path) -> dict[str, Any]:
    return json.loads(part(root, "release.json"))


def write_info(root: Path, info: dict[str, Any]) -> None:
    put(root, "release.json", canonical(info))


def rows_of(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in part(root, "manifest.jsonl").splitlines()]


def residue_names(root: Path) -> list[str]:
    """Names of the residue parts, the largest first."""
    found = {name: data for name, data in parts(root).items() if name.startswith(f"{RESIDUE}/")}
    return sorted(found, key=lambda name: -len(found[name]))


def is_metadata(path: Path) -> bool:
    return META in path.parts or path.name in (CONTAINER, ATTRIBUTES)
