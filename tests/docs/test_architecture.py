"""The walk of one `protect` call, as the page on the architecture has it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from helpers import good, make_source

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "explanation" / "architecture.md"
MOST = 15  # modules


def walked(*command: Any) -> list[str]:
    """Modules of the package in the order in which a call of the command line first runs a function of theirs."""
    found: dict[str, None] = {}

    def follow(frame: FrameType, event: str, _: object) -> None:
        place = Path(frame.f_code.co_filename)
        if event == "call" and place.is_relative_to(ROOT / "ripguard"):
            found.setdefault(place.relative_to(ROOT).as_posix())

    sys.setprofile(follow)
    try:
        good(*command)
    finally:
        sys.setprofile(None)
    return list(found)


def test_the_walk_is_that_of_a_real_call(tmp_path):  # type: ignore[no-untyped-def]
    source, key = make_source(tmp_path / "source"), tmp_path / "my.key"
    good("keygen", "--out", key)
    command = ["--key-file", key, "--workers", "1"]
    good("protect", source, tmp_path / "first", *command)  # imports run code of modules too
    section = PAGE.read_text().split("## The walk of one protect call")[1].split("\n## ")[0]
    listed = re.findall(r"^\| `(ripguard/[\w/]+\.py)` \|", section, re.M)
    real = walked("protect", source, tmp_path / "second", *command)
    assert listed == [path for path in real if path in listed]
    assert len(set(listed)) == len(listed) <= MOST
