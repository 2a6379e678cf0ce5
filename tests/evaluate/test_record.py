"""Records of releases that differ in the key are about the same; what one lacks the other may have."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from ripguard.errors import UsageError
from ripguard.evaluate.record import add_row, go_on_with, joined


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
    assert (folder, found["elders"], found["releases"]) == ("3_x", ["1_x", "2_x"], ["a", "b", "c"])
    assert {one["seed"]: one["test_accuracy"] for one in found["rows"]} == {0: 20.0, 1: 31.0, 2: 32.0, 3: 43.0}
    assert [first, second, third] == before


def test_other_options_and_the_same_release_add_nothing():
    """A release that was read anew, or made with other options, or that is not named, is left behind whole."""
    elder = record("a", row(0, 20.0), row(1, 21.0))
    unnamed = record("b", row(0, 30.0))
    del unnamed["release"]["dataset_id"]
    for newer in (record("a", row(0, 30.0)), record("b", row(0, 30.0), eps=0.07), unnamed):
        assert joined([("1_x", elder), ("2_x", newer)]) == [("2_x", newer)]


def test_other_subjects_stand_apart():
    one, other = record("a", row(0, 20.0)), record("b", row(1, 20.0)) | {"pictures": 30}
    assert joined([("1_x", one), ("2_x", other)]) == [("1_x", one), ("2_x", other)]


def test_nothing_is_overwritten(tmp_path):  # type: ignore[no-untyped-def]
    """A record is gone on with where it is about the same; where it is not, its name is taken for the day."""
    fresh = record("a") | {"date": "2026-01-02"}
    folder, opened = go_on_with(tmp_path, "x", fresh, ("name", "release"))
    assert (folder.name, opened) == ("2026-01-02_x", fresh)
    add_row(folder, opened, row(0, 20.0))
    tomorrow = record("a") | {"date": "2026-01-03"}
    assert go_on_with(tmp_path, "x", tomorrow, ("name", "release")) == (folder, fresh | {"rows": [row(0, 20.0)]})
    other = record("b") | {"date": "2026-01-02"}
    with pytest.raises(UsageError, match="2026-01-02_x is a record of table1 x small mrit with other settings"):
        go_on_with(tmp_path, "x", other, ("name", "release"))
    assert go_on_with(tmp_path, "x", other | {"date": "2026-01-03"}, ("name",))[1]["release"] == fresh["release"]
