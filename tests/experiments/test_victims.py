"""The queue of accuracy rows: order, refusals, a killed run that goes on, the lock, what `--list` tells."""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers import crop

from ripguard.benchmark.queue import read_queue
from ripguard.benchmark.records import Measurement, read_file, read_runs
from ripguard.benchmark.training_logs import read_logs
from ripguard.images.encoding import png_bytes
from ripguard.store.atomic import lock

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "experiments" / "victims.py"
HOUR = 3600  # seconds: what takes longer hangs, on the slowest machine too
QUICK = "--perturb none --workers 1"
KILLED = """
import os, runpy, signal, sys
from ripguard.train import loop
save = loop.save_whole
def killed(state, path, private):
    if (state["epoch"], state["cut"].get("steps")) == (1, 2):
        path.with_name(f".{path.name}.0.partial").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    save(state, path, private)
loop.save_whole = killed
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.fixture(scope="module")
def source(tmp_path_factory):  # type: ignore[no-untyped-def]
    """390 small images of two classes to train on, three batches of `smoke`, and ten to test with."""
    root = tmp_path_factory.mktemp("crops")
    for index in range(400):
        split = "train" if index < 390 else "test"
        place = root / split / ("cat", "cup")[index % 2] / f"{index}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(png_bytes(crop(index % 2 + 3 * index, 16, 16)))
    return root


def queue(folder: Path, *rows: str) -> Path:
    path = folder / "rows.txt"
    path.write_text("\n".join(rows) + "\n")
    return path


def line(source: Path, split: str, record: str = "one", more: str = "", protect: str = QUICK) -> str:
    about = f"dataset={shlex.quote(str(source))} protocol=smoke epochs=2 split={split} record={record}"
    return f"{about} protect={shlex.quote(protect)} {more}"


def run(queue: Path, *more: str, first: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    folder = queue.parent
    command = [sys.executable, *first, str(SCRIPT), "--queue", str(queue), "--work", str(folder / "work")]
    command += ["--results", str(folder / "results"), *more]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=HOUR)


def states(queue: Path) -> list[dict[str, object]]:
    return json.loads(run(queue, "--list", "--json").stdout)


def record(folder: Path, name: str) -> list[Measurement]:
    results = folder / "results"
    return read_file(results / "victims" / f"{name}.jsonl", results, read_runs(results))


def victims(rows: list[Measurement]) -> list[Measurement]:
    return [row for row in rows if row.kind == "victim"]


def only_what_is_computed(row: Measurement) -> dict:
    metrics = {name: value for name, value in row.metrics.items() if name != "seconds"}
    return row.to_json() | {"metrics": metrics, "run": ""}


@pytest.mark.numeric
def test_a_queue(source, tmp_path):  # type: ignore[no-untyped-def]
    """In order, the refused row noted and passed over, one release for rows that ask for the same. Killed in the middle
    of an epoch, another run of the same queue ends with the same rows. Called again, nothing is done again."""
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    rows = [
        line(source, "protected"),
        line("nosuch", "clean"),  # type: ignore[arg-type]
        line(source, "restored", more="seed=1", protect="--workers 2 --perturb none"),
        line(source, "clean"),
    ]
    for folder in (whole, cut):
        folder.mkdir()
        queue(folder, *rows)
    assert [one["state"] for one in states(whole / "rows.txt")] == ["waiting"] * 4
    done = run(whole / "rows.txt")
    assert done.returncode == 1, done.stderr
    assert "line 2: nosuch is not a folder\nhint: " in done.stderr
    told = [json.loads(text) for text in done.stdout.splitlines()]
    assert [one["split"] for one in told] == ["protected", "restored", "clean"]
    (release,) = (whole / "work" / "releases").iterdir()
    rows_found = record(whole, "one")
    found = victims(rows_found)
    about = [(row.training_set, row.seed) for row in found]
    assert about == [("protected", 0), ("restored", 1001), ("clean", 0)]
    assert found[1].digests["train"] == found[2].digests["train"] != found[0].digests["train"]
    (quality,) = (row.metrics for row in rows_found if row.kind == "image-quality")
    assert quality["restored_equal"] == quality["images"] == 400
    assert found[0].provenance["command"].startswith("python experiments/victims.py --queue rows.txt")
    assert {row.provenance["threads"] for row in found} == {1}
    assert len(read_logs(whole / "results", "one")) == 3
    assert (whole / "work" / "figures" / "one" / "curves.png").exists()
    tells = states(whole / "rows.txt")
    assert [one["state"] for one in tells] == ["done", "refused", "done", "done"]
    assert tells[0]["recorded"] == "victims/one.jsonl"
    assert tells[1]["message"] == "nosuch is not a folder"

    shutil.copytree(release, cut / "work" / "releases" / release.name)  # one made anew has another key
    killed = run(cut / "rows.txt", "--save-every", "1e-9", first=("-c", KILLED))
    assert killed.returncode == -9, killed.stderr
    (folder,) = (cut / "work" / "rows").iterdir()
    (kept,) = (folder / "victim").glob("[!.]*.pt")
    stored = torch.load(kept, weights_only=True)
    assert (stored["epoch"], stored["cut"]["steps"]) == (1, 1)
    assert not (cut / "results").exists()
    assert [one["state"] for one in states(cut / "rows.txt")] == ["begun", *["waiting"] * 3]
    assert "begun: epoch 1 of 2" in run(cut / "rows.txt", "--list").stdout
    assert run(cut / "rows.txt").returncode == 1
    again = record(cut, "one")
    assert [*map(only_what_is_computed, victims(again))] == [*map(only_what_is_computed, found)]
    assert [path.name for path in (folder / "victim").iterdir()] == [kept.name]

    queue(cut, *rows[:1], *rows[2:])
    last = run(cut / "rows.txt")
    assert (last.returncode, last.stdout) == (0, "")
    assert record(cut, "one") == again


@pytest.mark.numeric
def test_a_lossy_release(source, tmp_path):  # type: ignore[no-untyped-def]
    """The paper's recovery: restored images are not the clean ones, and the record is none of exact restoration."""
    lossy = "--scheme mrit --eps 0.1 --lossy"
    rows = queue(tmp_path, line(source, "restored", "lossy", "", lossy), line(source, "clean", "lossy", "", lossy))
    done = run(rows)
    assert done.returncode == 0, done.stderr
    found = record(tmp_path, "lossy")
    assert {row.scheme_name for row in found} == {"mrit, ε 0.1, lossy"}
    (quality,) = (row.metrics for row in found if row.kind == "image-quality")
    assert quality["restored_equal"] < quality["images"]
    first, second = victims(found)
    assert first.digests["train"] != second.digests["train"]


def test_one_at_a_time(source, tmp_path):  # type: ignore[no-untyped-def]
    """A second runner is refused, and `--list` says which row the first is at."""
    rows = queue(tmp_path, line(source, "clean"), line(source, "protected"))
    work = tmp_path / "work"
    with lock(work / "lock"):
        (work / "now.json").write_text(json.dumps({"row": read_queue(rows)[1].slug}))
        second = run(rows)
        assert second.returncode == 8
        assert f"another ripguard is writing to {work}" in second.stderr
        assert [one["state"] for one in states(rows)] == ["waiting", "running"]
    assert [one["state"] for one in states(rows)] == ["waiting", "waiting"]


def test_time_is_up(source, tmp_path):  # type: ignore[no-untyped-def]
    """Exit code 75, while a victim is trained and while a release is made; nothing is recorded."""
    for split in ("clean", "protected"):
        done = run(queue(tmp_path, line(source, split)), "--seconds", "0.01")
        assert done.returncode == 75, done.stderr
        assert done.stderr == "time was up: call the same command again\n"
    assert not (tmp_path / "results").exists()
    assert not list((tmp_path / "work" / "releases").glob("*/protected"))


@pytest.mark.parametrize(
    ("protect", "message"),
    [
        ("--schem paper", "protect: "),
        ("--scheme papers", "protect: --scheme: expected one of "),
        ("--limit none", "protect: "),
        (
            "--limit 60",
            "protect: --limit selects a part of the images, split=clean trains on all\nhint: set split=restored",
        ),
    ],
)
def test_options_that_no_release_can_be_made_with(protect, message, source, tmp_path):  # type: ignore[no-untyped-def]
    """By line and field, before anything is done."""
    done = run(queue(tmp_path, "# first", line(source, "clean", protect=protect)))
    assert done.returncode == 2
    assert f"error: {tmp_path}/rows.txt, line 2, {message}" in done.stderr
    assert not (tmp_path / "work").exists()


def test_the_queue_of_table_1():
    """Every row can be read, and none is there twice."""
    path = ROOT / "experiments" / "queues" / "table1.txt"
    done = subprocess.run([sys.executable, SCRIPT, "--queue", path, "--list"], capture_output=True, text=True, cwd=ROOT)
    assert len(done.stdout.splitlines()) == len(read_queue(path)), done.stderr
