"""Records of releases that differ in the key are about the same; what one lacks the other may have."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ripguard.benchmark.record import add_row, go_on_with, joined, read_records, releases_of, write_record
from ripguard.errors import UsageError


def row(seed: int, accuracy: float) -> dict[str, Any]:
    return {"split": "protected", "model": "net", "seed": seed, "defence": "none", "test_accuracy": accuracy}


def record(release: str, *rows: dict[str, Any], **options: object) -> dict[str, Any]:
    about = {"dataset_id": release, "scheme": {"name": "mrit", "eps": 0.064} | options}
    return {"name": "table1 x small mrit", "pictures": 20, "release": about, "rows": list(rows)}


def test_another_key_adds_its_rows():
    """The newest counts where both have a row; three in a row are one."""
    first, second = record("a", row(0, 20.0), row(1, 21.0)), record("b", row(1, 31.0), row(2, 32.0), cells=16)
    third = record("c", row(3, 43.0))
    before = copy.deepcopy([first, second, third])
    ((folder, found),) = joined([("1_x", first), ("2_x", second), ("3_x", third)])
    assert (folder, releases_of(found)) == ("3_x", ["c", "b", "a"])
    assert [(place, len(part["rows"])) for place, part in found["parts"]] == [("3_x", 1), ("2_x", 2), ("1_x", 1)]
    assert {one["seed"]: one["test_accuracy"] for one in found["rows"]} == {0: 20.0, 1: 31.0, 2: 32.0, 3: 43.0}
    assert [first, second, third] == before


def test_other_options_and_the_same_release_add_nothing():
    """A release that was read anew, or made with other options, or that is not named, is left behind whole."""
    elder = record("a", row(0, 20.0), row(1, 21.0))
    unnamed = record("b", row(0, 30.0))
    del unnamed["release"]["dataset_id"]
    for newer in (record("a", row(0, 30.0)), record("b", row(0, 30.0), eps=0.07), unnamed):
        assert joined([("1_x", elder), ("2_x", newer)]) == [("2_x", newer)]
    last = record("c", row(2, 30.0))
    assert joined([("1_x", unnamed), ("2_x", last)]) == [("2_x", last)]


def test_other_protocols_add_nothing():
    """Another model or another length; a reworded protocol, or one that has got a new setting, is the same."""
    elder = record("a", row(1, 21.0)) | {"recipe": {"name": "small", "source": "a paper", "model": "net", "epochs": 12}}
    for change in ({"model": "vgg"}, {"epochs": 24}):
        newer = record("b", row(0, 30.0)) | {"recipe": elder["recipe"] | change}
        assert joined([("1_x", elder), ("2_x", newer)]) == [("2_x", newer)]
    newer = record("b", row(0, 30.0)) | {"recipe": elder["recipe"] | {"source": "that paper", "zoom": 1.0}}
    assert len(joined([("1_x", elder), ("2_x", newer)])[0][1]["rows"]) == 2


def test_what_lies_between_takes_nothing_away():
    """The newest takes from every elder that fits, whatever stands between them."""
    first, other, again = record("a", row(0, 20.0)), record("b", row(1, 21.0)), record("a", row(0, 30.0))
    ((_, found),) = joined([("1_x", first), ("2_x", other), ("3_x", again)])
    assert {one["seed"]: one["test_accuracy"] for one in found["rows"]} == {0: 30.0, 1: 21.0}
    ((_, found),) = joined([("1_x", first), ("2_x", record("c", row(2, 1.0), eps=0.07)), ("3_x", other)])
    assert {one["seed"]: one["test_accuracy"] for one in found["rows"]} == {0: 20.0, 1: 21.0}


def test_other_subjects_stand_apart():
    one, other = record("a", row(0, 20.0)), record("b", row(1, 20.0)) | {"pictures": 30}
    assert joined([("1_x", one), ("2_x", other)]) == [("1_x", one), ("2_x", other)]


def test_nothing_is_overwritten(tmp_path):  # type: ignore[no-untyped-def]
    """A record is gone on with where it is about the same; where it is not, the new one has a letter with its date."""
    fresh = record("a") | {"date": "2026-01-02"}
    folder, opened = go_on_with(tmp_path, "x", fresh, ("name", "release"))
    assert (folder.name, opened) == ("2026-01-02_x", fresh)
    add_row(folder, opened, row(0, 20.0))
    tomorrow = record("a") | {"date": "2026-01-03"}
    assert go_on_with(tmp_path, "x", tomorrow, ("name", "release")) == (folder, fresh | {"rows": [row(0, 20.0)]})
    other = record("b") | {"date": "2026-01-02"}
    second, opened = go_on_with(tmp_path, "x", other, ("name", "release"))
    assert second.name == "2026-01-02b_x"
    add_row(second, opened, row(0, 30.0))
    assert [folder for folder, _ in read_records(tmp_path)] == ["2026-01-02_x", "2026-01-02b_x"]
    assert go_on_with(tmp_path, "x", other, ("name", "release"))[0] == second
    tomorrow = other | {"date": "2026-01-03"}
    assert go_on_with(tmp_path, "x", tomorrow, ("name", "release"))[0] == second
    for letter in "cdefghijklmnopqrstuvwxyz":
        write_record(tmp_path / f"2026-01-02{letter}_x", record("b"))
    with pytest.raises(UsageError, match="too many records x of 2026-01-02"):
        go_on_with(tmp_path, "x", record("d") | {"date": "2026-01-02"}, ("name", "release"))
