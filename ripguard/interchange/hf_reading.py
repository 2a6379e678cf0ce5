"""Reading Hugging Face image folders."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ripguard.bar import Bar
from ripguard.data.splits import are_splits
from ripguard.interchange.checks import inside
from ripguard.interchange.fitting import used_classes
from ripguard.interchange.hf_objects import filled
from ripguard.interchange.listing import Listing, folders_of, named_splits, normal
from ripguard.interchange.model import Annotated, Sample
from ripguard.interchange.parsing import MOST_JSON, Unreadable, csv_of, json_of

TABLES = ("metadata.jsonl", "metadata.csv")
AROUND = frozenset({"data", "dataset", "images"})  # folders that hold a whole dataset


@dataclass(frozen=True)
class Entry:
    """A row: its table and line, the path of the image, and that path from the folder of the table."""

    table: str
    position: str
    image: str
    given: str
    row: dict[str, Any]


def tables(listing: Listing) -> list[str]:
    """Paths of tables of metadata; ``metadata.csv`` only where there is no other one beside it."""
    found = [name for name in listing.files if posixpath.basename(name) in TABLES]
    folders = {posixpath.dirname(name) for name in found if name.endswith("jsonl")}
    return sorted(name for name in found if name.endswith("jsonl") or posixpath.dirname(name) not in folders)


def parse(listing: Listing) -> Annotated:
    """The dataset of a folder."""
    entries = [entry for path in tables(listing) for entry in _entries(listing, path)]
    places = _places(entries)
    splits = named_splits(sorted({folder for folder, _ in places}))
    names: dict[str, Any] = {}
    samples: dict[tuple[str, str], Sample] = {}
    for entry, (folder, name) in Bar(list(zip(entries, places)), stage="reading", unit="image"):
        if entry.image not in listing.files:
            listing.findings.add(entry.table, entry.position, "missing image", entry.image)
        elif (splits[folder], name) in samples:
            listing.findings.add(entry.table, entry.position, "duplicate id", f"{entry.image} is there twice")
        elif sample := listing.sample(entry.image, name, splits[folder], entry.table, entry.position):
            samples[sample.key] = _with_row(listing, sample, entry.row, names, entry.table, entry.position)
    found = Annotated((), tuple(samples.values()), folders_of(splits), source="hf-folder")
    names = {key: value for key, value in names.items() if value not in ("text", "names") or key == "text"}
    return dataclasses.replace(
        found, classes=used_classes(found), extras={"hf-folder": names} if names else {}, files=listing.rest()
    )


def _places(entries: list[Entry]) -> list[tuple[str, str]]:
    """Folder of the split and name of each entry: the folder of its table, or the first one of its path."""
    folders = {entry.table: posixpath.basename(posixpath.dirname(entry.table)) for entry in entries}
    if all(folder and folder not in AROUND for folder in folders.values()):
        alike = len(set(folders.values())) < len(folders)  # a/train and b/train
        return [(posixpath.dirname(one.table).replace("/", "_") if alike else folders[one.table], one.given)
                for one in entries]  # fmt: skip
    given = [one.given if len(folders) == 1 else one.image for one in entries]
    if not are_splits({name.partition("/")[0] if "/" in name else "" for name in given}):
        return [("", name) for name in given]
    return [(name.partition("/")[0], name.partition("/")[2]) for name in given]


def _with_row(
    listing: Listing, sample: Sample, row: dict[str, Any], names: dict[str, Any], table: str, position: str
) -> Sample:
    found = filled(
        sample, row, names, lambda kind, reason: listing.findings.add(table, position, kind, reason)
    )  # fmt: skip
    kept = tuple(
        one for at, one in enumerate(found.objects, 1)
        if one.box is None or inside(one.box, sample, listing.findings, table, f"{position}, object {at}")
    )  # fmt: skip
    return dataclasses.replace(found, objects=kept)


def _entries(listing: Listing, path: str) -> Iterator[Entry]:
    text = listing.text(path, MOST_JSON)
    rows = _csv_rows if path.endswith(".csv") else _json_rows
    try:
        for position, row in rows(text or ""):
            given = row.get("file_name")
            if not isinstance(given, str):
                listing.findings.add(path, position, "invalid value", "there is no file_name")
                continue
            name = normal(given)
            if name is None:
                listing.findings.add(path, position, "outside the dataset", given[:200])
                continue
            yield Entry(path, position, posixpath.join(posixpath.dirname(path), name), name, row)
    except Unreadable as error:
        listing.findings.add(path, "", "unreadable file", str(error))


def _csv_rows(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for at, row in csv_of(text):
        yield f"line {at}", dict(row)


def _json_rows(text: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for at, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                row = json_of(line)
            except Unreadable as error:
                raise Unreadable(f"line {at}: {error}") from None
            if not isinstance(row, dict):
                raise Unreadable(f"line {at}: expected an object")
            yield f"line {at}", row
