"""Every test that the page of promises names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "promises.md"
NAMED = re.compile(r"`(…|(?:\w+/)*\w+\.py)(?:::(\w+)(?:\[[^]`]*\])?)?`")


def test_named_tests_exist():
    missing = []
    for line in PAGE.read_text().splitlines():
        place = ROOT
        for path, name in NAMED.findall(line):
            place = (
                place if path == "…" else next((p for p in (ROOT / "tests" / path, ROOT / path) if p.exists()), ROOT)
            )
            if not place.is_file() or (name and not re.search(rf"^(?:def|class) {name}\b", place.read_text(), re.M)):
                missing.append(f"{path}::{name}")
    assert missing == []
