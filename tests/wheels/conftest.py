"""The wheel and the sdist of this checkout, built once; ``experiments/_environments.py`` makes the environments."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "experiments"))


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Paths of the sdist and of the wheel that was built from it."""
    pytest.importorskip("build", reason="needs the extra dev")
    pytest.importorskip("setuptools")
    import _environments

    return _environments.built(tmp_path_factory.mktemp("built") / "here", isolated=False)
