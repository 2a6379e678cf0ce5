"""What the wheel and the sdist hold, and whether a package index would take them."""

from __future__ import annotations

import email
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import ripguard

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SECRET = re.compile(r"\.key(\.sign)?$|\.pem$|(^|/)\.git/|__pycache__|\.venv")


def files_of(place: Path) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in place.rglob("*") if path.is_file()}


def tracked() -> set[str]:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    return set(filter(None, subprocess.run(command, cwd=ROOT, capture_output=True, text=True).stdout.split("\0")))


def test_an_index_would_take_them(built):  # type: ignore[no-untyped-def]
    """The metadata and the long description."""
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, built)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_wheel_holds_the_package(built):  # type: ignore[no-untyped-def]
    """All of it, with templates, tables and the mark of typed code; and nothing else."""
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
        texts = {name.rpartition("/")[2]: wheel.read(name).decode() for name in wheel.namelist() if "METADATA" in name}
    own = {name for name in tracked() if name.startswith("ripguard/")}
    assert names == own
    assert {"ripguard/py.typed", "ripguard/benchmark/page.html.j2", "ripguard/benchmark/old_names.json"} <= names
    facts = email.message_from_string(texts["METADATA"])
    assert (facts["Name"], facts["Version"], facts["Requires-Python"]) == ("ripguard", ripguard.__version__, ">=3.11")
    assert facts["Author"] == "the ripguard authors"
    assert "Typing :: Typed" in facts.get_all("Classifier", [])
    assert any(line.startswith("torch") for line in facts.get_all("Requires-Dist", []))


def test_the_sdist_holds_the_checkout(built):  # type: ignore[no-untyped-def]
    """All of it, so that its tests run; no key."""
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert tracked() - names == set()
    assert "tests/vectors/test_vectors.py" in names
    assert [name for name in names if SECRET.search(name)] == []
