"""The images of the documentation can be made again."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]
MOST = 150 * 1024  # bytes
NAMES = {f"platform-{name}.png" for name in ("sign-in", "owner", "restore", "phone", "dark")}


@pytest.mark.slow
def test_images_of_the_pages(tmp_path):  # type: ignore[no-untyped-def]
    pytest.importorskip("playwright.sync_api", reason="no Playwright here: pip install playwright")
    if shutil.which("chromium") is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    command = [sys.executable, ROOT / "tools/platform_screenshots.py", "--out", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {one.name for one in tmp_path.iterdir()} == NAMES
    for one in tmp_path.iterdir():
        with Image.open(one) as image:
            assert image.width in (720, 1000)
        assert len(set(Image.open(one).convert("L").getdata())) > 20  # something is drawn


@pytest.mark.parametrize("name", sorted(NAMES))
def test_those_of_the_documentation_are_small(name):  # type: ignore[no-untyped-def]
    assert (ROOT / "docs" / name).stat().st_size <= MOST
