"""Where a test stands: beside the module that it tests, or in one of the folders below.

``tests/PLACE/test_NAME.py``, or ``test_NAME_more.py``, tests ``ripguard/PLACE/NAME.py`` or the package of that name.
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ELSEWHERE = {
    "attacks": "hostile strangers, users and key holders",
    "chain": "from the command to the files on the disk, through all modules",
    "contract": "what every method of a kind promises, third parties' too",
    "ecosystem": "what common loaders find in a source, its release, and what is restored",
    "docs": "README and docs/",
    "vectors": "the format, for any implementation",
    "wheels": "the built wheel and sdist, and bare environments that they are installed into",
}
BESIDE = {"experiments": "experiments", "tools": "tools"}  # folders of tests, and of the programs that they test
TESTS = sorted(path.relative_to(ROOT / "tests") for path in (ROOT / "tests").rglob("test_*.py"))


def candidates(path: Path) -> list[Path]:
    """Modules and packages that a test at ``path`` below ``tests/`` may be about, the likeliest first."""
    top = path.parts[0]
    place = ROOT / BESIDE[top] / Path(*path.parts[1:-1]) if top in BESIDE else ROOT / "ripguard" / path.parent
    words = path.stem.removeprefix("test_").split("_")
    names = ["_".join(words[:count]) for count in range(len(words), 0, -1)]
    return [place / f"{mark}{name}{end}" for name in names for mark in ("", "_") for end in (".py", "")]


@pytest.mark.parametrize("path", [path for path in TESTS if path.parts[0] not in ELSEWHERE], ids=str)
def test_stands_beside_its_module(path):  # type: ignore[no-untyped-def]
    assert path == Path("test_mirror.py") or any(place.exists() for place in candidates(path))


def test_no_folder_of_tests_is_of_its_own():
    """Every folder of tests is one of the package, or listed above; what is listed above exists."""
    folders = {path.parts[0] for path in TESTS if len(path.parts) > 1}
    assert {name for name in folders - {*ELSEWHERE, *BESIDE} if not (ROOT / "ripguard" / name).is_dir()} == set()
    assert {*ELSEWHERE, *BESIDE} <= folders
