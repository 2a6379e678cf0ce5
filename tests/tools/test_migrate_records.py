"""Records of before there was a schema come over whole: the same multiset of numbers before and after."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from ripguard.benchmark.records import read

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "migrate_records.py"
BEFORE = "7796d1f"  # the last commit with old records that all figures are compared with
ROW = {
    "defence": "none",
    "model": "model",
    "images": 20,
    "digest": "aa",
    "test_digest": "bb",
    "epochs": 3,
    "commit": "1",
}
OLD: dict[str, Any] = {
    "name": "table1 x small mrit", "command": "c", "date": "2026-01-02", "commit": "1", "dataset": "x",
    "hardware": {"cpu": "some", "cores": 2, "gpu": None}, "versions": {"torch": "2"}, "protocol": "small",
    "scheme": "mrit", "recipe": {"name": "small", "source": "s"},
    "release": {"dataset_id": "00", "scheme": {"name": "mrit", "perturb": "marks", "method": "mrit", "eps": 0.064,
                                               "sink": True, "target": "opposite", "hide": {"pairing": "ranked"}}},
    "looks": {"pictures": 30, "restored_equal": 30, "psnr_to_clean": {"median": 26.5},
              "ssim_to_clean": {"median": 0.9}},
    "rows": [
        ROW | {"split": split, "seed": seed, "train_accuracy": 99.0, "test_accuracy": accuracy, "confusion": [[1, 2]],
               "classes": ["a", "b"], "test_images": 6, "seconds": 1.5, "date": "2026-01-02"}
        for split, seed, accuracy in (("clean", 0, 80.0), ("protected", 0, 10.0), ("protected", 1, 10.0))
    ],
}  # fmt: skip


def run(*arguments: str | Path) -> tuple[int, str]:
    done = subprocess.run([sys.executable, str(TOOL), *map(str, arguments)], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def put(folder: Path, name: str, record: dict[str, Any]) -> None:
    (folder / name / "logs").mkdir(parents=True)
    (folder / name / "record.json").write_text(json.dumps(record))
    (folder / name / "logs" / "protected-model-0.jsonl").write_text('{"epoch": 1, "loss": 2.5}\n')


def test_a_folder_is_added_once(tmp_path: Path):
    put(tmp_path / "old", "2026-01-02_x-small", OLD)
    code, out = run("--add", tmp_path / "old", "--results", tmp_path / "results")
    assert code == 0
    assert "22 numbers of 1 old records, 22 of their runs here: 0 lost, 0 not in the old ones" in out
    rows = read(tmp_path / "results")
    assert [(row.kind, row.training_set, row.seed) for row in rows] == [
        ("image-quality", None, None), ("victim", "clean", 0), ("victim", "protected", 0), ("victim", "protected", 1),
    ]  # fmt: skip
    assert rows[1].metrics["test_acc"] == 80.0
    assert rows[1].scheme["perturb"]["method"] == "marks"
    assert (tmp_path / "results" / "victims" / "logs" / "x-small.jsonl").exists()
    assert "here already" in run("--add", tmp_path / "old", "--results", tmp_path / "results")[1]
    assert read(tmp_path / "results") == rows


def test_a_lost_number_fails_the_proof(tmp_path: Path):
    put(tmp_path / "old", "2026-01-02_x-small", OLD)
    run("--add", tmp_path / "old", "--results", tmp_path / "results")
    path = tmp_path / "results" / "victims" / "x-small.jsonl"
    path.write_text(path.read_text().replace(', "seconds": 1.5', "", 1))
    code, out = run("--add", tmp_path / "old", "--results", tmp_path / "results")
    assert (code, "1 lost, 0 not in the old ones" in out) == (1, True)


def test_older_forms_and_what_is_replaced_go_into_the_archive(tmp_path: Path):
    newer = OLD | {"release": OLD["release"] | {"dataset_id": "11"}, "rows": OLD["rows"][1:2]}
    first = OLD | {"scheme": "mrit (first marks)", "name": "table1 x small mrit (first marks)"}
    for day, record in ((2, OLD), (3, newer), (1, first)):
        put(tmp_path / "old", f"2026-01-0{day}_{'first' if day == 1 else 'x'}", record)
    assert run("--add", tmp_path / "old", "--results", tmp_path / "results")[0] == 0
    rows, old = read(tmp_path / "results"), read(tmp_path / "results", archive=True)
    assert {row.scheme_name for row in rows} == {"mrit"}
    replaced = [row for row in old if row.place == "archive/x.jsonl"]
    assert [(row.training_set, row.seed) for row in replaced if row.kind == "victim"] == [("protected", 0)]
    assert any(row.scheme["form"] == "first marks" for row in old if "form" in (row.scheme or {}))


def test_the_repository_s_own_records():
    """The proof for all 118 records of the last commit that had old ones."""
    known = subprocess.run(["git", "-C", str(ROOT), "cat-file", "-e", BEFORE], capture_output=True)
    if known.returncode:
        pytest.skip("a clone without history")
    code, out = run("--check", BEFORE)
    assert code == 0, out
    assert ": 0 lost, 0 not in the old ones" in out


def test_no_record_is_refused(tmp_path: Path):
    (tmp_path / "record.json").write_text("[1]")
    code, out = run("--add", tmp_path, "--results", tmp_path / "results")
    assert (code, "is no record" in out) == (3, True)
