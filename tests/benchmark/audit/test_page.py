"""The page: for any result, one file that loads nothing, with every bar inside of its track."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ripguard.benchmark.audit.page import VERDICTS, bars, write
from ripguard.benchmark.audit.result import Audit, Earlier, Planned, Row
from ripguard.benchmark.audit.words import HINDERS, HOLDS, LOOKERS, NOBODY

PLAIN = Row("plain", "plain", {"as trained": 10.0, "standardized": 12.0, "renamed": 30.0, "head, 100": 40.0}, 50, 4)
ROWS = [
    Row("clean", "clean", {"as trained": 70.0}, 50, 4),
    PLAIN,
    Row("alone-100", "alone", {"as trained": 20.0, "head, 100": 28.0}, 100, 4),
    Row("jpeg-10", "defence", {"as trained": 100.0, "standardized": 99.0, "permutation, 100": 50.0}, 50, 4),
]
FOUND = Audit(
    release="mine", scheme="mrit", protocol="small", model="m", seed=0, images=50, epochs=4, steps=100, why="w",
    classes=10, test_images=100, held_out=True, chance=10.0, labels=[100], budget=10, rows=ROWS, sentence="A sentence.",
)  # fmt: skip


def elements(found: Audit, place: Path) -> ET.Element:
    text = write(found, place / "audit.html").read_text("utf-8")
    assert not re.search(r"https?:|<script|@import|url\(", text)
    return ET.fromstring(text.removeprefix("<!doctype html>"))


def test_bars():
    """The best first; clean training is a line, and the plain model stands for two attackers."""
    drawn = bars(FOUND)
    assert [(one.name, one.value) for one in drawn] == [
        ("jpeg-10", 100.0), ("100 clean images: jpeg-10, permutation", 50.0), ("plain, renamed", 30.0),
        ("100 clean images alone", 28.0), ("plain, standardized", 12.0),
    ]  # fmt: skip
    assert len({one.kind for one in drawn}) == 4


def test_widths(tmp_path):  # type: ignore[no-untyped-def]
    tree = elements(FOUND, tmp_path)
    styles = [one.get("style", "") for one in tree.iter() if one.get("style")]
    shares = [float(share) for style in styles for share in re.findall(r"(?:width|left): ([\d.]+)%", style)]
    assert len(shares) == 3 * len(bars(FOUND))
    assert all(0 <= share <= 100 for share in shares)


@pytest.mark.parametrize("rows", [[], ROWS[:1], ROWS[1:2], ROWS[2:]], ids=len)
def test_of_few_models(tmp_path, rows):  # type: ignore[no-untyped-def]
    """Also of none, as after an early interruption."""
    found = dataclasses.replace(FOUND, rows=rows, stopped="interrupted")
    words = " ".join(elements(found, tmp_path).itertext())
    assert "Unfinished: the audit was interrupted." in words
    assert FOUND.sentence in words


def test_what_was_not_tried_and_smaller_models(tmp_path):  # type: ignore[no-untyped-def]
    """Reasons once each, those that time can help apart; smaller models in a table of their own."""
    left = [Planned(name, "defence", "", None, "the budget was spent") for name in ("a-1", "b-2")]
    left.append(Planned("c-3", "removal", "", None, "no perturbation", possible=False))
    found = dataclasses.replace(FOUND, not_tried=left, earlier=[Earlier(20, 2, 50, ROWS[:1])])
    words = " ".join(" ".join(elements(found, tmp_path).itertext()).split())
    assert words.count("the budget was spent") == 1
    assert words.index("Not tried yet") < words.index("a-1, b-2") < words.index("Cannot be tried") < words.index("c-3")
    assert "20 training images, 2 epochs, 50 test images" in words


def test_names_are_text(tmp_path):  # type: ignore[no-untyped-def]
    found = dataclasses.replace(FOUND, release="<script>\udcff", scheme="a & b")
    assert "<script>?" in "".join(elements(found, tmp_path).itertext())


def test_every_verdict_has_a_color():
    assert VERDICTS.keys() == {HOLDS, HINDERS, LOOKERS, NOBODY}
    sheet = Path(__file__).resolve().parents[3] / "ripguard/benchmark/audit/page.html.j2"
    assert all(f".{name}" in sheet.read_text() for name in VERDICTS.values())
