"""Every command and Python block of README, the tutorials and the how-to guides runs.

The blocks of a page run one after the other in one folder, with the real command line on real photographs. A command
that takes minutes or changes the machine is checked instead: `make` targets by `make -n`, extras of `pip install`,
options of scripts in experiments/. A `text` block after a command is its exact output.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs" / "tutorials").glob("*.md")),
    *sorted((ROOT / "docs" / "how-to").glob("*.md")),
]
SLOW = ("audit", "evaluate", "train")  # verbs that train models; make test-all runs them
BLOCK = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.M | re.S)


@pytest.fixture(scope="module")
def environment(tmp_path_factory) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """`ripguard` of this checkout, and a cache of its own."""
    place = tmp_path_factory.mktemp("bin")
    (place / "ripguard").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ripguard "$@"\n')
    (place / "ripguard").chmod(0o755)
    own = {name: value for name, value in os.environ.items() if not name.startswith("RIPGUARD_KEY")}
    return own | {
        "PATH": f"{place}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "RIPGUARD_CACHE": str(tmp_path_factory.mktemp("cache")),
        "MPLBACKEND": "Agg",
    }


def checked(line: str) -> bool:
    """Whether a command is one that is not run but checked; then it is checked."""
    words = line.partition("#")[0].split()
    if words[0] == "make":
        subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=True, capture_output=True)
    elif words[:2] == ["pip", "install"]:
        extras = re.findall(r"\[([\w,]+)\]", line)
        assert all(f"\n{extra} =\n" in (ROOT / "setup.cfg").read_text() for some in extras for extra in some.split(","))
    elif words[0] == "python":
        assert (ROOT / words[1]).is_file(), line
        code = "".join(one.read_text() for place in ("experiments", "ripguard") for one in (ROOT / place).rglob("*.py"))
        assert all(f'"{word}"' in code for word in words if word.startswith("--")), line
    else:
        return words[0] == "source"
    return True


def commands(block: str) -> Iterator[str]:
    for line in block.replace("\\\n", " ").splitlines():
        if line.strip() and not line.startswith("#"):
            yield line


def trains(line: str) -> bool:
    return bool(re.match(rf"ripguard ({'|'.join(SLOW)}) ", line))


def end_servers(folder: Path) -> None:
    """End what a page started in the background, where it does not come to do so itself."""
    for file in folder.glob("*.pid"):
        with contextlib.suppress(ProcessLookupError, ValueError):
            os.kill(int(file.read_text()), signal.SIGTERM)


def run_page(page: Path, folder: Path, environment: dict[str, str], slow: bool) -> None:
    output, shell = "", ["set -eu"]
    for kind, block in BLOCK.findall(page.read_text()):
        if kind == "text":
            assert output.strip() == block.strip()
            continue
        if kind == "python":
            command = [sys.executable, "-c", block]
        else:
            lines = [line for line in commands(block) if not checked(line)]
            lines = [line for line in lines if slow or not trains(line)]
            exports = [line for line in lines if line.startswith(("export ", "umask "))]
            command = ["bash", "-c", "\n".join([*shell, *lines])]
            shell += exports
        done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
        if done.returncode:
            end_servers(folder)
        assert done.returncode == 0, f"{page.name}:\n{block}\n{done.stdout}\n{done.stderr}"
        output = done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_blocks(page, tmp_path, environment):  # type: ignore[no-untyped-def]
    run_page(page, tmp_path, environment, slow=False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if re.search(f"ripguard ({'|'.join(SLOW)}) ", page.read_text())],
    ids=lambda page: page.stem,
)
def test_blocks_that_train(page, tmp_path, environment):  # type: ignore[no-untyped-def]
    run_page(page, tmp_path, environment, slow=True)
