"""The notebooks run from top to bottom, on few pictures, and their kept outputs are without errors and small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem[:2])
def test_notebook_runs(path):  # type: ignore[no-untyped-def]
    """Every cell, on photos; nothing is written."""
    few = os.environ | {"DATASET": "photos", "COUNT": "600", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "experiments" / "notebooks.py"), path.name, "--check"]
    before = path.read_bytes()
    done = subprocess.run(command, env=few, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert path.read_bytes() == before


@pytest.mark.parametrize("path", BOOKS, ids=lambda path: path.stem[:2])
def test_kept_outputs(path):  # type: ignore[no-untyped-def]
    """Executed in order, no errors, no paths of the machine, under 600 KiB."""
    import nbformat

    book = nbformat.read(path, 4)
    code = [cell for cell in book.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    outputs = [output for cell in code for output in cell.outputs]
    assert outputs
    assert not [output for output in outputs if output.output_type == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert str(ROOT) not in path.read_text()
    assert path.stat().st_size < 600 << 10
