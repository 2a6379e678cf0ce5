"""Files about the project: versions, names and commands in them are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import ripguard
from ripguard.benchmark.tables.installs import WANTED

yaml = pytest.importorskip("yaml", reason="comes with the extra docs")
ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ["3.11", "3.12", "3.13"]
MAKEFILE = (ROOT / "Makefile").read_text()


def read(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text())


def pinned(name: str) -> str:
    return re.search(rf"^{name}==(\S+)$", (ROOT / "constraints.txt").read_text(), re.M)[1]  # type: ignore[index]


def test_pre_commit_runs_the_pinned_ruff():
    (repository,) = read(".pre-commit-config.yaml")["repos"]
    assert repository["rev"] == f"v{pinned('ruff')}"
    assert [hook["id"] for hook in repository["hooks"]] == ["ruff-check", "ruff-format"]


def test_the_citation_has_the_version():
    facts = read("CITATION.cff")
    assert str(facts["version"]) == ripguard.__version__
    assert "arXiv:2109.07921" in str(facts["references"])


def test_public_checks_call_targets_of_the_makefile():
    """On every version of Python that the package names."""
    job = read(".github/workflows/ci.yml")["jobs"]["checks"]
    called = [step["run"].split() for step in job["steps"] if "run" in step]
    assert {words[0] for words in called} == {"make"}
    assert {words[1] for words in called} == {"venv", "lint", "test", "docs", "test-wheels"}
    assert all(f"\n{words[1]}: " in MAKEFILE for words in called)
    assert job["strategy"]["matrix"]["python"] == PYTHONS
    assert re.findall(r"Python :: (3\.\d+)", (ROOT / "setup.cfg").read_text()) == PYTHONS


def test_forms_are_complete():
    for path in (ROOT / ".github" / "ISSUE_TEMPLATE").glob("[!c]*.yml"):
        form = yaml.safe_load(path.read_text())
        assert {"name", "description", "body"} <= form.keys(), path
        ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
        assert len(set(ids)) == len(ids) > 0


def test_the_containerfile_copies_what_exists_and_the_context_has_it():
    text, ignored = (ROOT / "Containerfile").read_text(), (ROOT / ".dockerignore").read_text().splitlines()
    copied = [name for line in re.findall(r"^COPY (.*)$", text, re.M) for name in line.split()[:-1]]
    assert copied
    assert all((ROOT / name).exists() and f"!{name}" in ignored for name in copied)
    assert {line[1:] for line in ignored if line.startswith("!")} == set(copied)
    assert ignored.index("**/*.key") > max(i for i, line in enumerate(ignored) if line.startswith("!"))
    for name in re.findall(r"requirements/\w+\.txt", text):
        assert (ROOT / name).exists()


def test_the_page_has_the_commands_of_the_table():
    page = (ROOT / "docs" / "how-to" / "install.md").read_text()
    for _, commands in WANTED.values():
        for command in re.findall("`([^`]+)`", commands):
            assert f"\n{command}\n" in page
