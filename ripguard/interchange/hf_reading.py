"""Reading Hugging Face image folders."""

from __future__ import annotations

import dataclasses
import posixpath
from collections.abc import Iterator
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
Entry = tuple[str, str, str, dict[str, Any]]  # table, position, path of the image, row


def tables(listing: Listing) -> list[str]:
    """Paths of tables of metadata; ``metadata.csv`` only where there is no other one beside it."""
    found = [name for name in listing.files if posixpath.basename(name) in TABLES]
    folders = {posixpath.dirname(name) for name in found if name.endswith("jsonl")}
    return sorted(name for name in found if name.endswith("jsonl") or posixpath.dirname(name) not in folders)


def parse(listing: Listing) -> Annotated:
    """The dataset of a folder."""
    entries = [entry for path in tables(listing) for entry in _entries(listing, path)]
    tops = {image.partition("/")[0] if "/" in image else "" for _, _, image, _ in entries}
    split_at = are_splits(tops)
    splits = named_splits(sorted(tops) if split_at else [""])
    names: dict[str, Any] = {}
    samples: dict[tuple[str, str], Sample] = {}
    for table, position, image, row in Bar(entries, stage="reading", unit="image"):
        folder, _, name = image.partition("/") if split_at else ("", "", image)
        if image not in listing.files:
            listing.findings.add(table, position, "missing image", image)
        elif (splits[folder], name) in samples:
            listing.findings.add(table, position, "duplicate id", f"{image} is there twice")
        elif sample := listing.sample(image, name, splits[folder], table, position):
            samples[sample.key] = _with_row(listing, sample, row, names, table, position)
    found = Annotated((), tuple(samples.values()), folders_of(splits), source="hf-folder")
    names = {key: value for key, value in names.items() if value not in ("text", "names") or key == "text"}
    return dataclasses.replace(
        found, classes=used_classes(found), extras={"hf-folder": names} if names else {}, files=listing.rest()
    )


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
            yield path, position, posixpath.join(posixpath.dirname(path), name), row
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
