"""Every measured number of the repository, and which of them an older commit has and this tree has not.

    python tools/numbers.py                    # one line for each number
    python tools/numbers.py --against REV      # lost, changed, new; exit 1 if any was lost or changed

Two kinds. A `record` number stands in a record anywhere under `results/`: accuracies, decibels, seconds, bytes, counts,
whole confusion matrices. A record is a file of measurements of `{"schema": 1}`, one a line, or, before there was a
schema, a `record.json`. What a number is about follows from the fields beside it, never from its folder or its place
among the rows, so records may be moved, joined and split. Several numbers about the same are a multiset. A `page`
number is a string with a decimal point in a table of README.md, docs/ or results/*.md. These are made from the records,
so only whether each still stands somewhere is compared: text may be moved, and new ones are fine. Outputs of notebooks,
and images, are made from the records as well, and are not read.

A measurement that was brought into schema 1 has its numbers under the names that it had before.
"""

from __future__ import annotations

import sys

# a file of this name beside a program stands in for the standard library's `numbers`, which others import
sys.path[:] = [place for place in sys.path if place != __file__.rpartition("/")[0]]

import argparse  # noqa: E402
import json  # noqa: E402
import re  # noqa: E402
import subprocess  # noqa: E402
from collections import Counter, defaultdict  # noqa: E402
from collections.abc import Callable, Iterable, Iterator  # noqa: E402
from dataclasses import dataclass  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

from ripguard.benchmark import old_records, records  # noqa: E402
from ripguard.errors import UsageError, refusals_printed  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
RECORD = re.compile(r"results/(.+/)?record\.json|results/[^/]+/[^/]+\.jsonl|results/runs\.json")
PAGE = re.compile(r"README\.md|(docs|results)/(.+/)?[^/]+\.md")
ROOTS = ("README.md", "docs", "results")  # where these are looked for
DECIMAL = re.compile(r"(?<![\w.,])[-−+]?\d[\d,]*\.\d+(?!\.?\d)")

# Whole numbers and reals of a row that were chosen, not measured: they identify the others. All other numbers
# are measured, also those of fields that nobody has thought of here.
CHOSEN = frozenset(
    {"seed", "clean_pictures", "epochs", "size", "side", "cores", "workers", "megapixels", "stride", "change"}
)
CHOSEN_IN = {"planes": {"bits_a_sample"}, "bench": {"pictures"}, "interruption": {"pictures"}}  # in records of a kind
# Who measured it, when and where, and remarks: no part of what a number is about.
PROVENANCE = frozenset(
    {"command", "date", "commit", "hardware", "versions", "release", "recipe", "device", "threads"}
    | {"digest", "test_digest", "classes", "note"}
)
OF_RECORD = ("dataset", "protocol", "scheme", "eps", "steps", "surrogate_epochs")  # of a record, for all its numbers
SAME = {"images": "n_train", "split": "training_set", "trained_on": "training_set"}  # fields of two names

Value = int | float | str | bool


@dataclass(frozen=True)
class Number:
    """One measured value.

    Attributes:
        about: (field, value) of everything that identifies what was measured, sorted by field.
        metric: its name; of one in a list or dictionary with the way there: ``psnr_to_clean.median``.
        value: as it is written.
    """

    about: tuple[tuple[str, str], ...]
    metric: str
    value: Value

    @property
    def identity(self) -> str:
        return ", ".join(f"{name} {value}" for name, value in self.about) + f": {self.metric}"


def numbers_of(record: dict[str, Any]) -> Iterator[Number]:
    """All numbers of a record, whatever its form.

    Raises:
        UsageError: a form that this program does not know.
    """
    form = record.get("schema", 0)
    if form not in READERS:
        raise UsageError(f"a record of schema {form}, expected one of {', '.join(map(str, READERS))}")
    yield from READERS[form](record)


def without_schema(record: dict[str, Any]) -> Iterator[Number]:
    """Of a record of before there was a schema: a dictionary with rows, and numbers beside them."""
    kind = kind_of(record)
    about = {name: record[name] for name in OF_RECORD if name in record} | {"kind": kind}
    if victims := record.get("victims") or record.get("recipe", {}).get("name"):
        about["victims"] = victims
    images = record.get("pictures") or max((row.get("images", 0) for row in record["rows"]), default=0)
    whole = about | ({"n_train": images} if images else {})
    for name, value in record.items():
        if name not in {*OF_RECORD, *PROVENANCE, "name", "victims", "pictures", "rows"}:
            yield from _listed(_sorted(whole), name, value)
    for row in record["rows"]:
        own = about | ({"n_train": record["pictures"]} if "pictures" in record else {})
        found: dict[str, Any] = {}
        for name, value in row.items():
            if name in PROVENANCE:
                continue
            if isinstance(value, str) or name in SAME or name in CHOSEN | CHOSEN_IN.get(kind, set()):
                own[SAME.get(name, name)] = value
            else:
                found[name] = value
        for name, value in found.items():
            yield from _listed(_sorted(own), name, value)


def schema_1(line: dict[str, Any]) -> Iterator[Number]:
    """Of one measurement; ``runs`` beside its fields are those of its repository."""
    own = {name: value for name, value in line.items() if name != "runs"}
    about, metrics = old_records.as_before(records.parse(own, "a measurement", line["runs"]))
    for name, value in metrics.items():
        yield from _listed(_sorted(about), name, value)


READERS: dict[int, Callable[[dict[str, Any]], Iterator[Number]]] = {0: without_schema, 1: schema_1}


def kind_of(record: dict[str, Any]) -> str:
    """The experiment: a record's name without the values of its other fields."""
    name = record["name"]
    victims = record.get("victims") or record.get("recipe", {}).get("name")
    for part in (record["scheme"], victims, record["protocol"], record["dataset"]):
        name = name.removesuffix(f" {part}")
    return name


def _sorted(about: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    written = {k: v if isinstance(v, str) else json.dumps(v, sort_keys=True) for k, v in about.items()}
    return tuple(sorted(written.items()))


def _listed(about: tuple[tuple[str, str], ...], metric: str, value: Any) -> Iterator[Number]:
    """The numbers in a value of a field; text inside lists is none, and None is nothing measured."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _listed(about, f"{metric}.{name}", inner)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _listed(about, f"{metric}.{place}", inner)
    elif isinstance(value, bool | int | float):
        yield Number(about, metric, value)


def decimals(text: str) -> set[str]:
    """Numbers with a decimal point in the tables of a Markdown text."""
    rows = (line for line in text.splitlines() if line.lstrip().startswith("|"))
    return {found for row in rows for found in DECIMAL.findall(row)}


def tree(root: Path) -> dict[str, bytes]:
    """Name → content of the records and pages that lie in a folder."""
    found = [path for top in ROOTS for path in (root / top, *(root / top).rglob("*")) if path.is_file()]
    named = {path.relative_to(root).as_posix(): path for path in found}
    return {name: path.read_bytes() for name, path in sorted(named.items()) if _is_read(name)}


def commit(root: Path, revision: str) -> dict[str, bytes]:
    """The same of a commit; nothing is checked out.

    Raises:
        UsageError: there is no git, the folder is no repository, or it has no such commit.
    """
    name = _git(root, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    lines = _git(root, "ls-tree", "-r", "-z", "--full-tree", name).decode(errors="surrogateescape").split("\0")
    blobs = {path: head.split()[2] for head, path in (line.split("\t", 1) for line in lines if line)}
    blobs = {path: blob for path, blob in blobs.items() if _is_read(path)}
    data, start, found = _git(root, "cat-file", "--batch", given="\n".join(blobs.values()).encode()), 0, {}
    for path in blobs:  # "<object> blob <bytes>\n<content>\n" for each
        stop = data.index(b"\n", start)
        start, size = stop + 1, int(data[start:stop].split()[2])
        found[path] = data[start : start + size]
        start += size + 1
    return found


def _is_read(name: str) -> bool:
    return bool(RECORD.fullmatch(name) or PAGE.fullmatch(name))


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], input=given, capture_output=True)
    except FileNotFoundError:
        raise UsageError("an older commit can only be read with git, and there is none here") from None
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise UsageError(lines[-1] if lines else f"{root} has no commit {arguments[-1].removesuffix('^{commit}')!r}")
    return done.stdout


def read(files: dict[str, bytes]) -> tuple[list[Number], set[str]]:
    """Numbers of all records, and strings of all pages.

    Raises:
        UsageError: a record that cannot be read.
    """
    numbers: list[Number] = []
    pages: set[str] = set()
    runs = json.loads(files["results/runs.json"])["runs"] if "results/runs.json" in files else {}
    for name, data in files.items():
        if name == "results/runs.json":
            continue
        if PAGE.fullmatch(name):
            pages |= decimals(data.decode(errors="replace"))
            continue
        try:
            lines = data.decode().splitlines() if name.endswith(".jsonl") else [data]
            more = {"runs": runs} if name.endswith(".jsonl") else {}
            numbers += [number for line in lines for number in numbers_of(json.loads(line) | more)]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(f"{name} is no record: {type(error).__name__}: {error}") from None
    return numbers, pages


@dataclass(frozen=True)
class Difference:
    """What became of one number: ``before`` is None for a new one, ``after`` for a lost one."""

    what: str
    identity: str
    before: Value | None
    after: Value | None

    def line(self) -> str:
        values = [json.dumps(value, ensure_ascii=False) for value in (self.before, self.after) if value is not None]
        return f"{self.what}  {self.identity}  {' → '.join(values)}"


def differences(before: Iterable[Number], after: Iterable[Number]) -> list[Difference]:
    """Lost, changed and new numbers. Of several about the same, those that are equal are set aside first."""
    sides: dict[str, tuple[Counter[Value], Counter[Value]]] = defaultdict(lambda: (Counter(), Counter()))
    for side, numbers in enumerate((before, after)):
        for one in numbers:
            sides[one.identity][side][one.value] += 1
    found = []
    for identity, (old, new) in sides.items():
        gone, come = (sorted((a - b).elements(), key=str) for a, b in ((old, new), (new, old)))
        pairs = min(len(gone), len(come))
        found += [Difference("changed", identity, a, b) for a, b in zip(gone[:pairs], come[:pairs])]
        found += [Difference("lost", identity, value, None) for value in gone[pairs:]]
        found += [Difference("new", identity, None, value) for value in come[pairs:]]
    order = ("lost", "changed", "new")
    return sorted(found, key=lambda one: (order.index(one.what), one.identity))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", metavar="REV", help="a commit to compare with")
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR", help="repository, by default this one")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(arguments)
    numbers, pages = read(tree(options.root))
    if not options.against:
        _list(numbers, pages, options.json)
        return 0
    old, old_pages = read(commit(options.root, options.against))
    found = differences(old, numbers)
    found += [Difference("lost", "page", text, None) for text in sorted(old_pages - pages)]
    counts = {what: sum(one.what == what for one in found) for what in ("lost", "changed", "new")}
    if options.json:
        rows = [{"what": d.what, "number": d.identity, "before": d.before, "after": d.after} for d in found]
        print(json.dumps(counts | {"differences": rows}, ensure_ascii=False, indent=1))
    else:
        summary = ", ".join(f"{count:,} {what}" for what, count in counts.items())
        summary = f"{len(numbers):,} numbers and {len(pages):,} on pages; against {options.against}: {summary}"
        print("\n".join([*(one.line() for one in found), summary]))
    return int(bool(counts["lost"] or counts["changed"]))


def _list(numbers: list[Number], pages: set[str], as_json: bool) -> None:
    if as_json:
        rows: list[dict[str, Any]] = [
            {"source": "record", "about": dict(one.about), "metric": one.metric, "value": one.value} for one in numbers
        ]
        rows += [{"source": "page", "value": text} for text in sorted(pages)]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return
    lines = [f"record  {one.identity}  {json.dumps(one.value)}" for one in numbers]
    print("\n".join([*sorted(lines), *(f"page  {text}" for text in sorted(pages))]))


if __name__ == "__main__":
    with refusals_printed():
        code = main()
    sys.exit(code)
