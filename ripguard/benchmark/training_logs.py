"""Training logs of recorded victims: ``results/victims/logs/<record>.jsonl``, one line a victim, a list a column.

::

    {"run": "…", "victim": "protected-resnet18-0", "columns": {"epoch": [1, 2, …], "loss": [2.3, 1.9, …], …}}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ripguard.store.atomic import write_file

PLACE = Path("victims") / "logs"


def add_logs(results: Path, run: str, folder: Path) -> int:
    """Add the logs ``folder/logs/*.jsonl`` of a run, those that are not there yet; returns their number."""
    name = run.partition("_")[2] or run
    return add_files(results, name, run, sorted((folder / "logs").glob("*.jsonl")))


def add_files(results: Path, record: str, run: str, paths: list[Path]) -> int:
    """Add log files, one line an epoch each, to those of a record."""
    target = results / PLACE / f"{record}.jsonl"
    lines = target.read_text("utf-8").splitlines() if target.exists() else []
    known = {(one["run"], one["victim"]) for one in map(json.loads, lines)}
    fresh = [path for path in paths if (run, path.stem) not in known]
    for path in fresh:
        lines.append(json.dumps({"run": run, "victim": path.stem, "columns": columns(read_log(path))}))
    if fresh:
        write_file(target, ("\n".join(lines) + "\n").encode())
    return len(fresh)


def columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """A log as lists of equal length; None where an epoch lacks a value."""
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: [row.get(name) for row in rows] for name in names}


def read_log(path: Path) -> list[dict[str, Any]]:
    """Lines of a training log, one an epoch; [] if there is none."""
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def read_logs(results: Path, record: str) -> dict[str, dict[str, list[Any]]]:
    """Columns of each victim of a record: by ``<training set>-<model>-<seed>[-<defence>]``."""
    path = results / PLACE / f"{record}.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {one["victim"]: one["columns"] for one in map(json.loads, lines)}
