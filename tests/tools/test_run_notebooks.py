"""The notebooks run from top to bottom, on few images, and their kept outputs are without errors and small."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LONG = ("03", "05", "06")  # a minute and more: they train


@pytest.mark.parametrize(
    "path",
    [pytest.param(path, marks=[pytest.mark.slow] * (path.stem[:2] in LONG)) for path in BOOKS],
    ids=[path.stem[:2] for path in BOOKS],
)
def test_notebook_runs(path):  # type: ignore[no-untyped-def]
    """Every cell, on photos; nothing is written."""
    few = os.environ | {"DATASET": "photos", "COUNT": "600", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "tools" / "run_notebooks.py"), path.name, "--check"]
    before = path.read_bytes()
    done = subprocess.run(command, env=few, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr[-3000:]
    assert path.read_bytes() == before


def test_a_notebook_older_than_its_records_is_refused(tmp_path):  # type: ignore[no-untyped-def]
    """Without one of its records, the accuracy table differs from the one that is kept."""
    results = shutil.copytree(ROOT / "results", tmp_path / "results", ignore=shutil.ignore_patterns("*.png"))
    (results / "victims" / "tinyimagenet-paper.jsonl").unlink()
    command = [sys.executable, str(ROOT / "tools" / "run_notebooks.py"), "02", "--check"]
    done = subprocess.run(command, env=os.environ | {"RESULTS": str(results)}, capture_output=True, text=True)
    assert done.returncode == 1
    assert "older than the records" in done.stderr


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
