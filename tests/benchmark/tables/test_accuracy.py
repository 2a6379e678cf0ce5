"""Published poisons beside their published figures, with the readings and removal attacks that were measured."""

from __future__ import annotations

from measurements import peer

from ripguard.benchmark.entry import peers_of
from ripguard.benchmark.records import Measurement
from ripguard.benchmark.tables.accuracy import peers

OLD = [
    peer("clean", "none", 86.0), peer("clean", "blur", 60.0, defended=80.0),
    peer("weak", "none", 70.0, published=13.0), peer("weak", "blur", 71.0, defended=75.0, published=13.0),
]  # fmt: skip
ALONE = {"standardized_acc": 40.0, "permuted_acc": 50.0, "permuted_acc_defended": 55.0, "renamed_acc": 45.0}


def lines_of(rows: list[Measurement]) -> list[dict[str, str]]:
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in peers(rows, "../")]
    return [dict(zip(cells[0], line)) for line in cells[2:]]


def test_rows_without_readings():
    """They are shown as before: no column for readings and removal attacks that nobody measured."""
    plain, blurred = lines_of(OLD)
    assert not {"removal", "standardized", "relabelled", "permuted, 100 clean", "head, 100 clean"} & plain.keys()
    assert plain["published, undefended"] == "13.00"
    assert (blurred["test accuracy (inputs defended too)"], blurred["published, undefended"]) == (
        "**71.00 (75.00)**",
        "",
    )
    assert [one["clean, treated alike"] for one in (plain, blurred)] == ["86.00", "60.00 (80.00)"]


def test_readings_and_removal_attacks():
    """A removal has a line of its own, beside clean images after the same one; it is none of the controls' rows."""
    new = peer("aimed", "none", 20.0, published=13.0, attack="class-means")
    new.metrics.update(ALONE)
    rows = [*OLD, new, peer("clean", "none", 83.0, attack="class-means")]
    line = next(one for one in lines_of(rows) if one["poison"] == "`aimed`")
    assert (line["removal"], line["clean, treated alike"]) == ("class-means", "83.00")
    assert (line["standardized"], line["relabelled"], line["permuted, 100 clean"]) == (
        "40.00",
        "45.00",
        "50.00 (55.00)",
    )
    assert line.get("published, undefended", "") == ""
    assert peers_of(rows) == OLD
