"""The wheel in bare environments: for restoring alone, for protecting, and in full.

``make test-wheels`` runs these; each installs packages from the package index. The environments, and the work that each
has to do, are those of ``experiments/installs.py``.
"""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

asked = pytest.mark.skipif("RIPGUARD_TEST_WHEELS" not in os.environ, reason="make test-wheels: needs a package index")
pytestmark = [pytest.mark.slow, asked]
ROOT = Path(__file__).resolve().parents[2]
PYTHONS = tuple(os.environ.get("RIPGUARD_TEST_PYTHONS", "python3.11 python3.12 python3.13").split())
LACKS = {  # verb and arguments → what the message advises, in an environment for restoring
    ("protect", "{source}", "{out}", "--key-file", "{key}"): "pip install scipy scikit-image; or",
    ("check", "photos"): "pip install scipy scikit-image; or",
    ("report", "{release}", "--source", "{source}"): "pip install scipy scikit-image; or",
    ("evaluate", "{release}", "--source", "{source}"): "pip install torch torchvision; or",
    ("audit", "{release}", "--key-file", "{key}", "--source", "{source}"): "pip install torch torchvision; or",
    ("train", "{release}", "--key-file", "{key}"): "pip install torch torchvision; or",
    ("completion", "bash"): "pip install argcomplete; or",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):  # type: ignore[no-untyped-def]
    """Releases that this checkout made, with their source and key."""
    from installs import Releases

    return Releases(tmp_path_factory.mktemp("made") / "here")


@pytest.fixture(params=PYTHONS)
def bare(request, tmp_path) -> Iterator[Any]:  # type: ignore[no-untyped-def]
    """An empty environment of each Python that is there; it takes gigabytes and is removed."""
    import _environments

    if not _environments.available((request.param,)):
        pytest.skip(f"{request.param} is not installed")
    yield _environments.environment(request.param, tmp_path / "environment")
    shutil.rmtree(tmp_path / "environment")


def test_restore(bare, built, made):  # type: ignore[no-untyped-def]
    """Without torch, SciPy and scikit-image everything comes back; what cannot run says what to install."""
    from _environments import install
    from installs import measured

    install(bare, "restore", built[1])
    names = {name.lower() for name in bare.packages()}
    assert names == {"ripguard", "numpy", "pillow", "pycryptodome", "tqdm", "constriction", "filelock"}
    row = measured(bare, "restore", made)
    assert row["restored_equal"] == row["images"] > 0
    release = made.published["mrit"]
    for words in (("inspect", release), ("gc", release), ("methods",), ("data", "list"), ("--version",)):
        bare.ripguard(*words)
    places = {"source": made.source, "key": made.key, "release": release, "out": bare.place / "no"}
    for words, advice in LACKS.items():
        done = bare.ripguard(*(word.format(**places) for word in words), check=False)
        assert (done.returncode, advice in done.stderr) == (13, True), (words, done.stderr)
        assert "Traceback" not in done.stderr
    assert not (bare.place / "no").exists()


def run_tests(bare: Any, sdist: Path, place: Path, *folders: str) -> None:
    """Run fast tests of the sdist in an environment, without the package that lies beside them."""
    from _environments import run

    bare.pip("install", "-q", "pytest", "hypothesis", "cryptography", "pillow-jxl-plugin")
    with tarfile.open(sdist) as opened:
        opened.extractall(place, filter="data")
    (tree,) = place.glob("ripguard-*")
    shutil.rmtree(tree / "ripguard")  # what is imported is the wheel
    options = ("-p", "no:cacheprovider", "--rootdir", tree, "-c", tree / "setup.cfg", "-m", "not slow")
    told = run(bare.programs / "pytest", *options, *(tree / "tests" / name for name in folders)).stdout
    assert re.search(r"^\d{3,} passed", told, re.M), told


def test_protect(bare, built, made, tmp_path):  # type: ignore[no-untyped-def]
    """With SciPy and scikit-image besides; then the tests of the format, without torch."""
    from _environments import install
    from installs import measured

    install(bare, "protect", built[1])
    assert "torch" not in bare.packages()
    row = measured(bare, "protect", made)
    assert row["restored_equal"] == row["images"] > 0
    run_tests(bare, built[0], tmp_path, "vectors")  # others need torch


@pytest.mark.skipif("RIPGUARD_TEST_FULL" not in os.environ, reason="RIPGUARD_TEST_FULL=1: torch for each Python")
def test_full(bare, built, made, tmp_path):  # type: ignore[no-untyped-def]
    """The whole chain and training; then tests of hiding as well."""
    from _environments import install
    from installs import measured

    install(bare, "full", built[1])
    row = measured(bare, "full", made)
    assert row["restored_equal"] == row["images"] > 0
    run_tests(bare, built[0], tmp_path, "vectors", "crypto", "hide")
