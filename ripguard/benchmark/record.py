"""Records of ``results/``, and what every number in them carries: command, commit, hardware, versions, date."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import string
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ripguard.errors import UsageError
from ripguard.schemes.stored import options_of
from ripguard.store.atomic import write_file

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-image",
    "Pillow",
    "pycryptodome",
    "cryptography",
    "constriction",
    "kornia",
)


def environment() -> dict[str, Any]:
    """Date, commit, hardware and versions of this run."""
    return {
        "date": datetime.date.today().isoformat(),
        "commit": _commit(),
        "hardware": _hardware(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
    }


def write_record(folder: Path, record: dict[str, Any]) -> Path:
    """Write ``folder/record.json``, whole or not at all: a killed run goes on from it. Returns its path."""
    path = folder / "record.json"
    write_file(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    return path


def read_records(results: Path) -> list[tuple[str, dict[str, Any]]]:
    """(folder name, record) of all records in ``results/``, oldest first."""
    return [(path.parent.name, json.loads(path.read_text())) for path in sorted(results.glob("*/record.json"))]


def subject(record: dict[str, Any]) -> tuple[str, int]:
    """What a record is about: of several with one name and as many training images the newest counts."""
    images = record.get("pictures") or max((row.get("images", 0) for row in record["rows"]), default=0)
    return record["name"], images


def joined(found: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Of several records about one subject the newest alone, with the rows of its elders that it lacks.

    Rows are taken from records of other releases, where both say the same of how release and victims were made: such a
    release is protected alike, under another key. A record that took some has ``parts``: (folder, record) of its own
    and of each elder with what was taken of it, newest first.

    Args:
        found: (folder name, record), oldest first.
    """
    groups: dict[tuple[str, int], list[tuple[str, dict[str, Any]]]] = {}
    for folder, record in found:
        groups[subject(record)] = [*groups.pop(subject(record), []), (folder, record)]  # in the order of the newest
    return [_newest_of(group) for group in groups.values()]


def _newest_of(group: list[tuple[str, dict[str, Any]]]) -> tuple[str, dict[str, Any]]:
    folder, record = group[-1]
    parts = [(folder, record)]
    for place, elder in reversed(group[:-1]):
        releases = {release for _, part in parts for release in releases_of(part)}
        if not releases or not releases_of(elder) or releases & set(releases_of(elder)) or not _alike(record, elder):
            continue
        there = {_of_row(row) for _, part in parts for row in part["rows"]}
        if rows := [row for row in elder["rows"] if _of_row(row) not in there]:
            parts.append((place, elder | {"rows": rows}))
    if len(parts) == 1:
        return folder, record
    return folder, record | {"rows": [row for _, part in reversed(parts) for row in part["rows"]], "parts": parts}


def _alike(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether what both say of the release and of the protocol is equal: of a newer option the elder says nothing."""
    mine, theirs = (
        options_of(record.get("release", {}).get("scheme", {}))
        | {f"protocol {k}": v for k, v in record.get("recipe", {}).items()}
        for record in (one, other)
    )
    common = mine.keys() & theirs.keys() - {"protocol source"}  # a wording
    return "name" in common and all(mine[key] == theirs[key] for key in common)


def _of_row(row: dict[str, Any]) -> tuple[object, ...]:
    about = ("split", "trained_on", "model", "seed", "defence", "attack", "clean_pictures")
    return tuple(row.get(key) for key in about)


def parts_of(folder: str, record: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(folder name, record) of each record that rows of this one were measured for, newest first."""
    return record.get("parts", [(folder, record)])


def releases_of(record: dict[str, Any]) -> list[str]:
    """Identifiers of the releases that its rows are about; none where it does not say."""
    named = [part.get("release", {}).get("dataset_id") for _, part in parts_of("", record)]
    return [release for release in named if release]


def go_on_with(results: Path, name: str, fresh: dict[str, Any], same: Sequence[str]) -> tuple[Path, dict[str, Any]]:
    """Folder and record to add rows to: the newest ``*_<name>`` that equals ``fresh`` in ``same``, else a new one."""
    wanted = json.loads(json.dumps([fresh[key] for key in same]))  # as a file holds it
    for path in sorted(results.glob(f"*_{name}/record.json"), reverse=True):
        old = json.loads(path.read_text())
        if [old.get(key) for key in same] == wanted:
            return path.parent, old
    return new_folder(results, fresh["date"], name), fresh


def new_folder(results: Path, date: str, name: str) -> Path:
    """``<date>_<name>``, or ``<date>b_<name>`` and so on where that holds a record: nothing is overwritten.

    Raises:
        UsageError: all letters of the day are taken.
    """
    for letter in ("", *string.ascii_lowercase[1:]):  # these sort behind the underscore: the later the day, the further
        folder = results / f"{date}{letter}_{name}"
        if not (folder / "record.json").exists():
            return folder
    raise UsageError(f"{results} holds too many records {name} of {date}", "give this one another --record")


def add_row(folder: Path, record: dict[str, Any], row: dict[str, Any]) -> None:
    """Append a row and write the record, with the rows that another process added to the same record meanwhile."""
    path = folder / "record.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    same = known.get("name") == record["name"] and known.get("release") == record.get("release")
    rows = known["rows"] if same and len(known["rows"]) > len(record["rows"]) else record["rows"]
    record["rows"] = [*rows, row]
    write_record(folder, record)


def _commit() -> str:
    """Commit of the repository this code lies in, with ``+changes`` if the code differs from it."""
    root = Path(__file__).resolve().parents[2]
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        code = ["git", "status", "--porcelain", "--", "ripguard", "experiments"]
        changed = subprocess.run(code, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if changed.stdout.strip() else "")


def _hardware() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    found: dict[str, Any] = {"cpu": model, "cores": os.cpu_count(), "gpu": None}
    import torch

    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name(0)
    return found


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
