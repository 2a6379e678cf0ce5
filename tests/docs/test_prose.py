"""Words, length and numbers of README and docs/."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)
WORDS = re.compile(r"\b(told|asked|said|pictures?|data sets?|grey)\b|\bwho (fears|knows|takes|makes)\b", re.I)
NUMBER = re.compile(r"(?<![\w.,/])\d+\.\d{2}(?![\w.]*\d)")
MOST_WORDS = 1200  # of README
# parameters, versions, and figures that others published
OF_OTHERS = {"0.07", "0.97", "0.35", "0.80", "14.69", "36.55", "0.01", "3.11"}


def written(page: Path) -> str:
    """What somebody wrote: without generated blocks, code, and targets of links."""
    text = re.sub(r"<!-- ([\w-]+):start -->.*?<!-- \1:end -->", "", page.read_text(), flags=re.S)
    text = re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)
    return re.sub(r"\]\([^)]*\)", "]", re.sub(r"`[^`]*`", "", text))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_words(page):  # type: ignore[no-untyped-def]
    assert [found[0] for found in WORDS.finditer(written(page))] == []


def test_readme_is_short():  # type: ignore[no-untyped-def]
    lines = [line for line in written(ROOT / "README.md").splitlines() if not line.lstrip().startswith("|")]
    assert len(re.findall(r"\w[\w'’-]*", "\n".join(lines))) <= MOST_WORDS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_numbers_of_the_prose_are_recorded(page):  # type: ignore[no-untyped-def]
    """A measured number that somebody typed stands in a generated page as well."""
    generated = [place.read_text() for place in (ROOT / "results").rglob("*.md")]
    generated += [
        found[0]
        for one in PAGES
        for found in re.finditer(r"<!-- ([\w-]+):start -->.*?<!-- \1:end -->", one.read_text(), re.S)
    ]
    known = set(NUMBER.findall("\n".join(generated))) | OF_OTHERS
    assert [number for number in NUMBER.findall(written(page)) if number not in known] == []
