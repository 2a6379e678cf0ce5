"""How the cases of ``tests/vectors`` are read, and arranged on the disk."""

from __future__ import annotations

import base64
import shutil
from pathlib import Path

VECTORS = Path(__file__).parent / "vectors"
CASES = sorted((VECTORS / "cases").glob("*.txt"))


def fields(case: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in case.read_text().splitlines():
        name, _, value = line.partition(": ")
        found.setdefault(name, []).append(value)
    return found


def arrange(case: dict[str, list[str]], place: Path) -> tuple[Path, Path]:
    """Build what the case describes; returns the image that is asked for and the key file."""
    root = place / "release"
    loose = "loose" in case
    if loose:
        root.mkdir()
    else:
        shutil.copytree(VECTORS / "releases" / case["release"][0], root)
    for path in case.get("remove", []):
        (root / path).unlink()
    for line in case.get("put", []):
        path, _, data = line.partition(" ")
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(base64.b64decode(data))
    keys = dict(line.split() for line in (VECTORS / "keys.txt").read_text().splitlines())
    key = place / "key"
    key.write_text(keys[case["key"][0]] + "\n")
    key.chmod(0o600)
    return root / case["loose" if loose else "picture"][0], key
