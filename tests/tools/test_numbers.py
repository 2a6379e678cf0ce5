"""`tools/numbers.py`: what is measured is listed; what is lost or changed is told, where it stands is not."""

from __future__ import annotations

import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "numbers.py"

RECORD: dict[str, Any] = {
    "name": "table1 photos small strong",
    "command": "python experiments/table1.py photos",
    "date": "2026-01-02",
    "commit": "1234",
    "hardware": {"cpu": "some", "cores": 2},
    "versions": {"numpy": "2.0"},
    "dataset": "photos",
    "protocol": "small",
    "scheme": "strong",
    "release": {"dataset_id": "00", "scheme": {"eps": 0.1}},
    "recipe": {"name": "small", "epochs": 12},
    "looks": {"pictures": 50, "psnr_to_clean": {"median": 26.5, "p5": 25.0}},
    "model_bytes": 4000,
    "rows": [
        {
            "split": "protected", "defence": "none", "model": "net", "seed": seed, "images": 50, "epochs": 12,
            "test_accuracy": 20.5 + seed, "train_accuracy": 100.0, "seconds": 1.5, "commit": "1234", "digest": "ff",
            "classes": ["a", "b"], "confusion": [[9, 1], [8, 2]], "treated_accuracy": None,
        }
        for seed in (0, 1)
    ],
}  # fmt: skip
PAGE = "# Results\n\nText 1.5 and\n\n| scheme | accuracy |\n| --- | --- |\n| strong 2 | **20.50 ± 0.71** |\n"


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One record and one page, committed."""
    put(tmp_path / "results" / "2026-01-02_small", RECORD)
    (tmp_path / "README.md").write_text(PAGE)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "first")
    return tmp_path


def put(folder: Path, record: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "record.json").write_text(json.dumps(record))


def changed(**changes: Any) -> dict[str, Any]:
    """The record with other values in its first row."""
    first, *others = RECORD["rows"]
    return RECORD | {"rows": [first | changes, *others]}


def run(root: Path, *arguments: str) -> tuple[int, str, str]:
    command = [sys.executable, str(TOOL), "--root", str(root), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    return done.returncode, done.stdout, done.stderr


def against(root: Path) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and differences from the last commit."""
    code, out, err = run(root, "--against", "HEAD", "--json")
    assert err == ""
    return code, json.loads(out)["differences"]


def test_every_number_is_listed(repository: Path):
    """Of rows and of the record, in lists and dictionaries; not its settings, nor who measured it when and where."""
    code, out, _ = run(repository, "--json")
    assert code == 0
    listed = json.loads(out)
    records = [one for one in listed if one["source"] == "record"]
    assert {one["value"] for one in listed if one["source"] == "page"} == {"20.50", "0.71"}
    found = sorted((one["about"].get("seed", ""), one["metric"], one["value"]) for one in records)
    own = [(f"confusion.{i}.{j}", value) for i, row in enumerate(((9, 1), (8, 2))) for j, value in enumerate(row)]
    wanted = [
        ("", "looks.pictures", 50),
        ("", "looks.psnr_to_clean.median", 26.5),
        ("", "looks.psnr_to_clean.p5", 25.0),
    ]
    wanted += [("", "model_bytes", 4000)]
    for seed in (0, 1):
        rest = [("seconds", 1.5), ("test_accuracy", 20.5 + seed), ("train_accuracy", 100.0)]
        wanted += [(str(seed), *one) for one in (*own, *rest)]
    assert found == wanted
    assert records[-1]["about"] == {
        "kind": "table1", "dataset": "photos", "protocol": "small", "victims": "small", "scheme": "strong",
        "training_set": "protected", "defence": "none", "model": "net", "n_train": "50", "epochs": "12", "seed": "1",
    }  # fmt: skip
    code, out, _ = run(repository)
    assert (code, len(out.splitlines())) == (0, len(listed))
    assert "kind table1, model net, n_train 50" in out


def test_nothing_has_changed(repository: Path):
    code, out, _ = run(repository, "--against", "HEAD")
    assert (code, out) == (0, "18 numbers and 2 on pages; against HEAD: 0 lost, 0 changed, 0 new\n")


def test_a_lost_number(repository: Path):
    row = {name: value for name, value in RECORD["rows"][0].items() if name != "seconds"}
    put(repository / "results" / "2026-01-02_small", RECORD | {"rows": [row, RECORD["rows"][1]]})
    code, (found,) = against(repository)
    assert (code, found["what"], found["before"], found["after"]) == (1, "lost", 1.5, None)
    assert found["number"].endswith("seed 0, training_set protected, victims small: seconds")


def test_a_changed_number(repository: Path):
    put(repository / "results" / "2026-01-02_small", changed(confusion=[[9, 1], [7, 3]], test_accuracy=20.4))
    code, found = against(repository)
    assert code == 1
    assert [(d["what"], d["number"].split(": ")[-1], d["before"], d["after"]) for d in found] == [
        ("changed", "confusion.1.0", 8, 7),
        ("changed", "confusion.1.1", 2, 3),
        ("changed", "test_accuracy", 20.5, 20.4),
    ]
    _, out, _ = run(repository, "--against", "HEAD")
    assert "test_accuracy  20.5 → 20.4" in out


def test_a_number_of_a_record_and_one_on_a_page(repository: Path):
    put(repository / "results" / "2026-01-02_small", RECORD | {"looks": {}, "model_bytes": 4001})
    (repository / "README.md").write_text(PAGE.replace("0.71", "0.72"))
    code, found = against(repository)
    told = [(d["what"], d["number"].split(": ")[-1], d["before"]) for d in found]
    lost = [("looks.pictures", 50), ("looks.psnr_to_clean.median", 26.5), ("looks.psnr_to_clean.p5", 25.0)]
    assert code == 1
    assert told == [*(("lost", *one) for one in lost), ("changed", "model_bytes", 4000), ("lost", "page", "0.71")]


def test_a_record_may_be_moved_and_split(repository: Path):
    """Its folder, its rows' order, and who measured it when, are no part of a number; nor is the place of text."""
    shutil.rmtree(repository / "results" / "2026-01-02_small")
    rows = RECORD["rows"]
    put(repository / "results" / "archive" / "old", RECORD | {"rows": rows[1:], "date": "2026-05-05", "command": "x"})
    rest = {name: value for name, value in RECORD.items() if name not in ("looks", "model_bytes")}
    put(repository / "results" / "victims" / "b", rest | {"rows": rows[:1]})
    (repository / "README.md").write_text("no table\n")
    (repository / "docs" / "deep").mkdir(parents=True)
    (repository / "docs" / "deep" / "page.md").write_text(PAGE)
    assert against(repository) == (0, [])


def test_a_renamed_record(repository: Path):
    """It is about something else: all of its numbers are lost, and as many are new."""
    put(repository / "results" / "2026-01-02_small", RECORD | {"name": "table2 photos small strong"})
    code, found = against(repository)
    assert code == 1
    assert [d["what"] for d in found] == ["lost"] * 18 + ["new"] * 18
    assert all("kind table2" in d["number"] for d in found[18:])


def test_more_numbers_are_fine(repository: Path):
    """A second measurement of the same stands beside the first, whichever of the two is which."""
    put(repository / "results" / "2026-01-03_small", changed(test_accuracy=19.0) | {"looks": {"pictures": 50}})
    code, found = against(repository)
    assert code == 0
    assert {d["what"] for d in found} == {"new"}
    assert ("test_accuracy", 19.0) in [(d["number"].split(": ")[-1], d["after"]) for d in found]
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "second")
    folders = [repository / "results" / f"2026-01-0{day}_small" for day in (2, 3)]
    texts = [(folder / "record.json").read_text() for folder in folders]
    for folder, text in zip(folders, reversed(texts)):
        (folder / "record.json").write_text(text)
    assert against(repository) == (0, [])


def test_the_reader_of_records_is_chosen_by_their_schema(repository: Path):
    put(repository / "results" / "2026-01-02_small", RECORD | {"schema": 99})
    assert run(repository) == (2, "", "error: a record of schema 99, expected one of 0, 1\n")


@pytest.mark.parametrize("revision", ["nosuch", "HEAD~7", "HEAD:README.md", "--output=x"])
def test_no_such_commit(repository: Path, revision: str):
    code, out, err = run(repository, f"--against={revision}")
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("error: ")


def test_no_repository_and_no_record(repository: Path, tmp_path_factory: pytest.TempPathFactory):
    place = tmp_path_factory.mktemp("elsewhere")
    code, _, err = run(place, "--against", "HEAD")
    assert (code, len(err.splitlines())) == (2, 1)
    assert "not a git repository" in err
    (repository / "results" / "2026-01-02_small" / "record.json").write_text("[1]")
    code, _, err = run(repository)
    assert code == 2
    assert err.startswith("error: results/2026-01-02_small/record.json is no record: ")


def test_no_git(repository: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(repository))
    code, _, err = run(repository, "--against", "HEAD")
    assert (code, err) == (2, "error: an older commit can only be read with git, and there is none here\n")


def test_this_repository_s_records_can_be_read():
    """Each of them; and within one run no two numbers are about the same: what a row is about is all there."""
    code, out, _ = run(ROOT, "--json")
    assert code == 0
    assert len(json.loads(out)) > 1000
    tool = runpy.run_path(str(TOOL))
    runs = json.loads((ROOT / "results" / "runs.json").read_text())["runs"]
    of_runs: dict[tuple[Path, str], list[str]] = {}
    for path in (ROOT / "results").glob("*/*.jsonl"):
        for line in map(json.loads, path.read_text().splitlines()):
            own = of_runs.setdefault((path, runs[line["run"]].get("of", line["run"])), [])
            own += [one.identity for one in tool["numbers_of"](line | {"runs": runs})]
    for place, found in of_runs.items():
        assert len(set(found)) == len(found), place
