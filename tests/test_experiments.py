"""The experiments run from top to bottom on a small folder, and the tables follow the records."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from helpers import make_source

ROOT = Path(__file__).resolve().parents[1]


def experiment(name: str, *arguments: str | Path) -> str:
    """Standard output of one experiment."""
    command = [sys.executable, str(ROOT / "experiments" / name), *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def test_chain(tmp_path):  # type: ignore[no-untyped-def]
    """What `make protect DATASET=folder` does: all pictures back, a record, a grid."""
    source, out = make_source(tmp_path / "source"), tmp_path / "out"
    printed = experiment("chain.py", source, "--out", out, "--", "--perturb", "none")
    assert "30 / 30 pictures restored bit for bit" in printed
    record = json.loads((out / "record.json").read_text())
    assert {"name", "date", "command", "commit", "hardware", "versions", "dataset", "protocol", "scheme"} <= set(record)
    assert record["rows"][0]["restored_equal"] == 30
    assert (out / "grid.png").stat().st_size > 10_000


def test_tables_follow_the_records():
    """README and results/README.md hold what the records say."""
    experiment("tables.py", "--check")
