"""The documentation builds without a warning: links, anchors, public names, options, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_the_site_builds_without_a_warning(tmp_path):  # type: ignore[no-untyped-def]
    pytest.importorskip("myst_parser")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html", "docs", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    methods = (tmp_path / "site" / "reference" / "methods.html").read_text()
    assert "--patch-cells" in methods
    assert "ripguard.protect" in (tmp_path / "site" / "reference" / "python-api.html").read_text()
