"""Generated pages: blocks are filled by name wherever they stand, with links from that page."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from measurements import victim

from ripguard.benchmark.records import read
from ripguard.benchmark.tables.accuracy import targets
from ripguard.benchmark.tables.pages import BLOCKS, filled, index, pages
from ripguard.errors import InputRefused

ROOT = Path(__file__).resolve().parents[3]
TOOL = ROOT / "tools" / "make_tables.py"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records of this repository, and one page for each block."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "results", root / "results")
    (root / "README.md").write_text("<!-- timing:start -->\nold\n<!-- timing:end -->\n")
    for place, name in ((root / "docs" / "deep" / f"{name}.md", name) for name in BLOCKS):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"before\n<!-- {name}:start -->\n<!-- {name}:end -->\nafter\n")
    return root


def run(root: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, str(TOOL), "--root", str(root), *arguments], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def test_every_block_is_filled(repository: Path):
    """Its links lead from its page to files that exist; no column is empty; the short tables are narrow."""
    for path, text in pages(repository).items():
        lines = text.splitlines()
        assert "old" not in lines
        if path.parent.name == "deep":
            assert (lines[0], lines[-1]) == ("before", "after")
            assert len(lines) > 5, path
        for link in text.split("](")[1:]:
            target = link.partition(")")[0].partition("#")[0]
            if not target.startswith("http"):
                assert (path.parent / target).exists(), (path, target)
        for part in text.split("\n\n"):
            rows = [line.split("|")[1:-1] for line in part.splitlines() if line.startswith("| ")]
            body = rows[2:]
            assert all(any(cell.strip() for cell in column) for column in zip(*body, strict=True)), (path, rows[:1])
            if path.stem.endswith("-short") and rows:
                assert len(rows[0]) <= 6


def test_a_page_older_than_its_records_is_found(repository: Path):
    assert run(repository, "--check")[0] == 1
    assert run(repository)[0] == 0
    assert run(repository, "--check") == (0, "")
    path = repository / "results" / "victims" / "cifar10-fast.jsonl"
    path.write_text(path.read_text().replace('"test_acc": 10.04', '"test_acc": 10.05'))
    code, out = run(repository, "--check")
    assert code == 1
    assert "out of date, run make results: " in out
    assert "results/victims/README.md" in out


def test_an_unknown_block_is_refused(tmp_path: Path):
    with pytest.raises(InputRefused, match="no block is called nosuch"):
        filled("<!-- nosuch:start -->\n<!-- nosuch:end -->\n", tmp_path, [], "")
    with pytest.raises(InputRefused, match="the block marks has no end"):
        filled("<!-- marks:start -->\n", tmp_path, [], "")
    assert filled("no block\n", tmp_path, [], "") == "no block\n"


def test_the_index_is_one_page():
    text = index(read(ROOT / "results"))
    assert len(text.splitlines()) < 60
    for folder in ("victims", "attacks", "exactness", "ablations", "robustness", "performance", "archive"):
        assert f"]({folder}/README.md)" in text


def test_targets_find_the_measured_rows():
    """A row without a defence counts for its dataset, protocol, scheme and training set; the rest is not measured."""
    about = {"dataset": "cifar10", "protocol": "fast"}
    rows = [
        victim("protected", 0, 10.0, **about), victim("protected", 1, 12.0, **about),
        victim("protected", 0, 99.0, "blur", **about), victim("clean", 0, 80.0, **about),
    ]  # fmt: skip
    found = {}
    for line in targets(rows, "results/")[2:]:
        about_what, images, _, measured, verdict = (cell.strip() for cell in line.split("|")[1:-1])
        found[about_what, images] = measured.partition(",")[0], verdict
    assert found.pop(("cifar10, `fast`, `mrit`", "protected")) == ("11.00 ± 1.41 (n = 2", "reached")
    assert found.pop(("cifar10, `fast`, `mrit`", "clean")) == ("80.00 (n = 1", "**missed**")
    assert set(found.values()) == {("", "not measured")}
