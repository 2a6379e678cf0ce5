"""Bring records of before there was a schema (folders with `record.json`) into the files of `results/`.

    python tools/migrate_records.py --add FOLDER          # add the records below a folder, such as a queue's
    python tools/migrate_records.py --check REV           # prove that the records of a commit are all here

Each is added once: what is here already is left alone. The proof compares two multisets, whose sizes it prints:
(dataset, training images, protocol, scheme, training set, defence, attack, model, seed, setting, metric, value) of
every number of the old records, and the same of the new ones. Exit code 1: they differ.
"""

from __future__ import annotations

import sys

# `numbers.py` beside this program stands in for the standard library's, which others import
sys.path[:] = [place for place in sys.path if place != __file__.rpartition("/")[0]]

import argparse  # noqa: E402
import io  # noqa: E402
import json  # noqa: E402
import subprocess  # noqa: E402
import tarfile  # noqa: E402
import tempfile  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from ripguard.benchmark import old_records, records  # noqa: E402
from ripguard.benchmark import rows as rows_  # noqa: E402
from ripguard.benchmark.records import Measurement  # noqa: E402
from ripguard.benchmark.training_logs import add_logs  # noqa: E402
from ripguard.errors import UsageError, refusals_printed  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
Fact = tuple[str, ...]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=Path, default=ROOT / "results", metavar="DIR", help="default: results/")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--add", type=Path, metavar="FOLDER", help="with old records in it, at any depth")
    what.add_argument("--check", metavar="REV", help="a commit with old records in results/")
    options = parser.parse_args(arguments)
    if options.add:
        return add(options.add, options.results)
    with tempfile.TemporaryDirectory() as place:
        checkout(options.check, Path(place))
        return check(old_records.read_old(Path(place)), options.results)


def add(folder: Path, results: Path) -> int:
    found = old_records.read_old(folder)
    if not found:
        raise UsageError(f"{folder} has no record.json at any depth", "name the folder of a record, or one above it")
    kept, known = old_records.kept(found), set(records.read_runs(results))
    for name, record in found:
        runs, rows = old_records.measurements(name, record)
        fresh = [row for row in rows if row.run not in known]
        if not fresh:
            print(f"{name}: here already")
            continue
        first = len(rows) - len(record["rows"])  # image quality and the like stand before the rows
        alive = set(kept[name])
        replaced = {i for i in range(len(rows)) if (i - first not in alive if i >= first else not alive)}
        files: dict[str, list[Measurement]] = {}
        for number, row in enumerate(rows):
            files.setdefault(old_records.place_of(name, row, number in replaced), []).append(row)
        for run, provenance in runs.items():
            for place, own in files.items():
                part = [row for row in own if row.run == run]
                if part:
                    records.add(results, place, provenance, part, {name: runs[name]})
        add_logs(results, name, next(path.parent for path in folder.rglob("record.json") if path.parent.name == name))
        print(f"{name}: {len(rows)} measurements, {', '.join(files)}")
    return check(found, results)


def check(found: list[tuple[str, dict[str, Any]]], results: Path) -> int:
    """Print the proof; 1 where a number of the old records is not in the new ones."""
    runs = {name for name, _ in found}
    old = Counter(fact for name, record in found for fact in facts_of_old(record))
    newest = max(record["date"] for _, record in found)  # rows that were added to an old record later are no copies
    here = [
        one
        for archive in (False, True)
        for one in everything(results, archive)
        if one.provenance["run"] in runs and one.provenance["date"] <= newest
    ]
    new = Counter(fact for one in here for fact in facts(one))
    lost, more = old - new, new - old
    print(f"{sum(old.values()):,} numbers of {len(found)} old records, {sum(new.values()):,} of their runs here: "
          f"{sum(lost.values())} lost, {sum(more.values())} not in the old ones")  # fmt: skip
    for fact in [*sorted(lost)[:5], *sorted(more)[:5]]:
        print(" ", *fact)
    return int(bool(lost or more))


def everything(results: Path, archive: bool) -> list[Measurement]:
    """Each measurement, the replaced ones too."""
    runs = records.read_runs(results)
    folders = [records.ARCHIVE] if archive else list(dict.fromkeys(records.FOLDERS.values()))
    paths = [path for folder in folders for path in sorted((results / folder).glob("*.jsonl"))]
    return [one for path in paths for one in records.read_file(path, results, runs)]


def facts(one: Measurement) -> Iterator[Fact]:
    """Of a measurement, under the names of the old records: (everything that it is about, metric, value)."""
    about, metrics = old_records.as_before(one)
    where = json.dumps(about, sort_keys=True, ensure_ascii=False)
    yield from ((where, name, value) for name, value in leaves(metrics))


def facts_of_old(record: dict[str, Any]) -> Iterator[Fact]:
    """The same of an old record, read without the conversion that is to be proved."""
    kind = old_records.kind_of(record)
    names = ("dataset", "protocol", "scheme", *old_records.OF_RECORD)
    about = {name: record[name] for name in names if name in record} | {"kind": kind}
    if victims := record.get("victims") or record.get("recipe", {}).get("name"):
        about["victims"] = victims
    images = record.get("pictures") or max((row.get("images", 0) for row in record["rows"]), default=0)
    chosen = rows_.CHOSEN | rows_.CHOSEN_IN.get(old_records.new_kind(record), set())
    parts: list[tuple[dict[str, Any], dict[str, Any]]] = []
    if "looks" in record:
        parts.append((about | ({"n_train": images} if images else {}), {"looks": record["looks"]}))
    if "model_bytes" in record:
        parts.append((about, {"model_bytes": record["model_bytes"]}))
    for row in record["rows"]:
        own = about | ({"n_train": record["pictures"]} if "pictures" in record else {})
        values: dict[str, Any] = {}
        for name, value in row.items():
            if name in (*rows_.OF_ROW, *rows_.DIGESTS, "note"):
                continue
            renamed = {"images": "n_train", "split": "training_set", "trained_on": "training_set"}.get(name, name)
            (own if isinstance(value, str) or renamed != name or name in chosen else values)[renamed] = value
        parts.append((own, values))
    for own, values in parts:
        where = json.dumps(own, sort_keys=True, ensure_ascii=False)
        yield from ((where, name, value) for name, value in leaves(values))


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """(way there, as JSON) of everything in a value but empty lists and dictionaries."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, f"{name}.{key}" if name else str(key))
    elif name.rpartition(".")[2] != "note":
        yield name, json.dumps(value, ensure_ascii=False)


def checkout(revision: str, place: Path) -> None:
    """The old records of a commit; raises UsageError where there is none."""
    call = ["git", "archive", "--format=tar", revision, "results"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True)
    if done.returncode:
        raise UsageError(f"--check: {done.stderr.decode(errors='replace').strip()}")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        members = [one for one in archive if one.name.endswith("record.json")]
        archive.extractall(place, members, filter="data")


if __name__ == "__main__":
    with refusals_printed():
        code = main()
    sys.exit(code)
