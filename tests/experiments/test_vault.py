"""The experiment on vaults runs from top to bottom on a few images, and its record can be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from vaults import small_source

from ripguard.benchmark.records import read

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_few_images(tmp_path):  # type: ignore[no-untyped-def]
    source, results = small_source(tmp_path / "s"), tmp_path / "results"
    command = ["vault.py", str(source), "--seconds", "0.1", "--record", "vault", "--results", str(results)]
    subprocess.run([sys.executable, str(ROOT / "experiments" / command[0]), *command[1:]], check=True, cwd=ROOT)
    rows = read(results)
    assert len(rows) == 21
    assert {row.kind for row in rows} == {"bench"}
