"""The file of rows: parts of models of one size, and what may stand in one file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ripguard.benchmark.audit.ledger import NAME, Ledger, differences
from ripguard.benchmark.audit.result import Row
from ripguard.errors import OutputRefused

IDENTITY: dict[str, Any] = {
    "release": ["id", "digest"], "seed": 0, "device": "cpu", "versions": {"torch": "2.9", "kornia": None},
}  # fmt: skip


def row(name: str) -> Row:
    return Row(name, "defence", {"as trained": 50.0}, 10, 4)


def test_parts(tmp_path):  # type: ignore[no-untyped-def]
    """Rows stand below the facts that they share, in the file as in memory; a part without rows is dropped."""
    ledger = Ledger(tmp_path / "a", IDENTITY)
    assert (ledger.facts, ledger.rows, ledger.earlier) == (None, [], [])
    ledger.begin({"n": 0})
    ledger.begin({"n": 1})
    ledger.add(row("a"))
    ledger.begin({"n": 2})
    ledger.add(row("b"))
    ledger.add(row("c"))
    again = Ledger(tmp_path / "a", IDENTITY)
    assert again.parts == ledger.parts
    assert again.facts == {"n": 2}
    assert [one.attack for one in again.rows] == ["b", "c"]
    assert [(part.facts["n"], [one.attack for one in part.rows]) for part in again.earlier] == [(1, ["a"])]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"release": ["id", "other"]}, "of another release"),
        ({"seed": 1}, "it has seed 0, this one 1"),
        ({"device": "cuda, H"}, "it has device cpu, this one cuda, H"),
        ({"versions": {"torch": "2.10", "kornia": None}}, "it was made with torch 2.9, here is 2.10"),
        ({"images": 5}, "it has images not given, this one 5"),
    ],
)
def test_others_do_not_join(tmp_path, changed, words):  # type: ignore[no-untyped-def]
    """Another release, option, device or version is refused in words, and the file stays."""
    ledger = Ledger(tmp_path / "a", IDENTITY)
    ledger.begin({})
    before = (tmp_path / "a" / NAME).read_bytes()
    with pytest.raises(OutputRefused, match=words):
        Ledger(tmp_path / "a", IDENTITY | changed)
    assert (tmp_path / "a" / NAME).read_bytes() == before


def test_a_library_that_was_missing_may_come(tmp_path):  # type: ignore[no-untyped-def]
    """No row hangs on it; from then on its version counts, also while it is missing again."""
    ledger = Ledger(tmp_path / "a", IDENTITY)
    ledger.begin({})
    there = IDENTITY | {"versions": {"torch": "2.9", "kornia": "1"}}
    Ledger(tmp_path / "a", there).add(row("a"))
    Ledger(tmp_path / "a", IDENTITY).add(row("b"))
    with pytest.raises(OutputRefused, match="kornia 1, here is 2"):
        Ledger(tmp_path / "a", IDENTITY | {"versions": {"torch": "2.9", "kornia": "2"}})
    assert not differences(there, IDENTITY)


@pytest.mark.parametrize("text", ["[]", "{}", '{"identity": {}}\n{"attack": 1}', '{"identity": []}', "\0"])
def test_other_files(tmp_path, text):  # type: ignore[no-untyped-def]
    (tmp_path / NAME).write_text(text)
    with pytest.raises(OutputRefused, match="no rows of an audit"):
        Ledger(tmp_path, IDENTITY)


def test_the_first_line_names_no_key(tmp_path):  # type: ignore[no-untyped-def]
    ledger = Ledger(tmp_path / "a", IDENTITY)
    ledger.begin({})
    assert json.loads((tmp_path / "a" / NAME).read_text().splitlines()[0]) == {"identity": IDENTITY}
