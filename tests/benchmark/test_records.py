"""One schema: what is written is read again, and what is none is refused with file, line and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ripguard.benchmark.records import FOLDERS, Measurement, add, newest, parse, read, read_runs, resolved, scheme_name
from ripguard.errors import InputRefused

RUN = {"command": "c", "date": "2026-01-02", "commit": "0" * 40, "hardware": {}, "versions": {}}
ONE = Measurement(
    "victim", "x", {"test_acc": 10.5, "confusion": [[1, 2], [3, 4]]}, "r", n_train=20, protocol="small",
    scheme={"name": "mrit"}, training_set="protected", defence="none", model="model", seed=0, setting={"epochs": 3},
    digests={"train": "ff"},
)  # fmt: skip


def test_what_is_written_is_read(tmp_path: Path):
    add(tmp_path, "victims/a.jsonl", RUN, [ONE])
    (found,) = read(tmp_path)
    assert found == ONE
    assert (found.place, found.provenance) == ("victims/a.jsonl", {"run": "r"} | RUN)
    line = json.loads((tmp_path / "victims" / "a.jsonl").read_text())
    assert line["schema"] == 1
    assert list(line)[:4] == ["schema", "kind", "dataset", "n_train"]
    assert "attack" not in line


def test_a_part_of_a_run_has_what_it_does_not_state_itself(tmp_path: Path):
    add(tmp_path, "victims/a.jsonl", RUN, [ONE])
    later = {"of": "r", "date": "2026-01-03"}
    add(tmp_path, "victims/a.jsonl", later, [Measurement(**(vars(ONE) | {"run": "r.2", "seed": 1}))])
    assert resolved(read_runs(tmp_path), "r.2") == {"run": "r"} | RUN | {"date": "2026-01-03"}
    assert [row.provenance["date"] for row in read(tmp_path)] == ["2026-01-02", "2026-01-03"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 2}, "expected a record of schema 1"),
        ({"kind": "victims"}, "kind: expected one of victim, "),
        ({"training_set": "other"}, "training_set: expected one of"),
        ({"seed": "0"}, "seed: expected int, got 0"),
        ({"seed": True}, "seed: expected int, got True"),
        ({"color": 3}, "color: expected no field, got 3"),
        ({"run": "other"}, "runs.json has no run 'other'"),
        ({"metrics": None}, "metrics: expected dict"),
    ],
)
def test_what_is_no_measurement_is_refused(change: dict[str, Any], message: str):
    with pytest.raises(InputRefused, match=message):
        parse(ONE.to_json() | change, "here", {"r": RUN})


def test_a_damaged_file_is_refused(tmp_path: Path):
    add(tmp_path, "victims/a.jsonl", RUN, [ONE])
    path = tmp_path / "victims" / "a.jsonl"
    path.write_text(path.read_text() + "{\n")
    with pytest.raises(InputRefused, match=r"a\.jsonl, line 2 is no JSON"):
        read(tmp_path)
    (tmp_path / "runs.json").write_text('{"schema": 7}')
    with pytest.raises(InputRefused, match="no file of runs of schema 1"):
        read_runs(tmp_path)


def test_nothing_is_written_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(InputRefused):
        add(tmp_path, "victims/a.jsonl", RUN, [Measurement(**(vars(ONE) | {"kind": "nosuch"}))])
    assert not list(tmp_path.iterdir())


def test_the_newest_of_the_same_counts():
    """Another accuracy of the same is newer; another seed, and another setting, are measurements of their own."""
    old, new = ({"date": f"2026-01-0{day}"} for day in (2, 3))
    rows = [
        Measurement(**(vars(ONE) | {"metrics": {"test_acc": accuracy}, "provenance": date} | more))
        for accuracy, date, more in (
            (1.0, new, {}), (2.0, old, {}), (3.0, old, {"seed": 1}), (4.0, old, {"setting": {"epochs": 4}}),
        )
    ]  # fmt: skip
    assert [row.metrics["test_acc"] for row in newest(rows)] == [1.0, 3.0, 4.0]


def test_a_scheme_is_called_by_its_parameters():
    nested = {"name": "mrit", "perturb": {"method": "marks"}, "hide": {"method": "mrit"}}
    assert scheme_name(nested | {"form": "first marks"}).endswith(" (first marks)")
    assert scheme_name(nested | {"lossy": True}).endswith(", lossy")
    assert (scheme_name(None), scheme_name({"name": "seal"})) == ("", "seal")


def test_the_repository_s_records():
    """All of them can be read, each in the folder of its kind; the archive has what is replaced or gone."""
    results = Path(__file__).resolve().parents[2] / "results"
    rows, old = read(results), read(results, archive=True)
    assert {row.place.partition("/")[0] for row in old} == {"archive"}
    assert all(row.place.startswith(FOLDERS[row.kind] + "/") for row in rows)
    assert not any("form" in (row.scheme or {}) for row in rows)
    assert len([*results.iterdir()]) + 1 <= 14
    assert sum(path.stat().st_size for path in results.rglob("*")) < 5 << 20
