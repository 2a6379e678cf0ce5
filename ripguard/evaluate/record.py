"""Records of ``results/``, and what every number in them carries: command, commit, hardware, versions, date."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ripguard.errors import UsageError
from ripguard.release.atomic import write_file

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
    """What a record is about: of several with one name and as many training pictures the newest counts."""
    pictures = record.get("pictures") or max((row.get("images", 0) for row in record["rows"]), default=0)
    return record["name"], pictures


def joined(found: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
    """Of several records about one subject the newest alone, with the rows of its elders that it lacks.

    Rows are taken from records of other releases that were made with the same options: such a release is protected
    alike, under another key. ``elders`` of a record that took some are their folders, ``releases`` the identifiers of
    all.

    Args:
        found: (folder name, record), oldest first.
    """
    kept: dict[tuple[str, int], tuple[str, dict[str, Any]]] = {}
    for folder, record in found:
        elder = kept.pop(subject(record), None)
        kept[subject(record)] = folder, _with_rows_of(*elder, record) if elder else record
    return list(kept.values())


def _with_rows_of(folder: str, elder: dict[str, Any], record: dict[str, Any]) -> dict[str, Any]:
    own, other = (one.get("release", {}).get("scheme", {}) for one in (record, elder))
    common = own.keys() & other.keys()  # an option that one of them is older than is as it was: else their names differ
    if set(releases_of(record)) & set(releases_of(elder)) or not common or any(own[k] != other[k] for k in common):
        return record
    there = {_of_row(row) for row in record["rows"]}
    rows = [row for row in elder["rows"] if _of_row(row) not in there]
    if not rows or not releases_of(record):
        return record
    return record | {
        "rows": [*rows, *record["rows"]],
        "elders": [*elder.get("elders", []), folder],
        "releases": [*releases_of(elder), *releases_of(record)],
    }


def _of_row(row: dict[str, Any]) -> tuple[object, ...]:
    about = ("split", "trained_on", "model", "seed", "defence", "attack", "clean_pictures")
    return tuple(row.get(key) for key in about)


def releases_of(record: dict[str, Any]) -> list[str]:
    """Identifiers of the releases that its rows are about; none where it does not say."""
    own = record.get("release", {}).get("dataset_id")
    return record.get("releases") or ([own] if own else [])


def go_on_with(results: Path, name: str, fresh: dict[str, Any], same: Sequence[str]) -> tuple[Path, dict[str, Any]]:
    """Folder and record to add rows to: the newest ``*_<name>`` that equals ``fresh`` in ``same``, else today's.

    Raises:
        UsageError: today's is there, and differs.
    """
    wanted = json.loads(json.dumps([fresh[key] for key in same]))  # as a file holds it
    for path in sorted(results.glob(f"*_{name}/record.json"), reverse=True):
        old = json.loads(path.read_text())
        if [old.get(key) for key in same] == wanted:
            return path.parent, old
    return unwritten(results / f"{fresh['date']}_{name}"), fresh


def unwritten(folder: Path) -> Path:
    """The folder, which a new record goes to; raises UsageError where it holds one: rows are not overwritten."""
    path = folder / "record.json"
    if path.exists():
        told = f"{folder} is a record of {json.loads(path.read_text())['name']} with other settings or another release"
        raise UsageError(told, "give this one another --record")
    return folder


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
