"""A row of a Parquet file as a sample."""

from __future__ import annotations

import dataclasses
from typing import Any

from ripguard.interchange.checks import inside
from ripguard.interchange.extras import sound
from ripguard.interchange.hf_objects import object_of
from ripguard.interchange.listing import Listing
from ripguard.interchange.model import Object, Sample
from ripguard.interchange.parsing import Unreadable, json_of, name_of

Row = dict[str, Any]
Names = dict[str, tuple[str, ...]]  # column → names of classes
TYPED = ("label", "labels", "text", "captions", "objects", "more")


def annotated(
    listing: Listing, path: str, position: str, sample: Sample, row: Row, classes: Names, own: bool
) -> Sample:
    """The sample with its annotations; rejections for those that cannot be read.

    Args:
        classes: names of classes by column.
        own: whether ripguard wrote the file, so that the column ``more`` is its own.
    """
    more = _more(listing, path, position, row.pop("more", None)) if own else {}
    labels = _labels(listing, path, position, row, classes)
    texts = _captions(row)
    objects = _objects(listing, path, position, sample, row, classes, more.get("objects") or [])
    attributes, extras = more.get("attributes", {}), more.get("extras", {})
    if not isinstance(attributes, dict) or not sound("sample", extras):
        listing.findings.add(path, position, "invalid value", "the column more has another form")
        attributes, extras = {}, {}
    rest = {
        name: _named(value, classes.get(name)) for name, value in row.items() if value is not None and value == value
    }
    return dataclasses.replace(
        sample, labels=labels, captions=texts, objects=objects, attributes={**rest, **attributes}, extras=extras
    )


def _more(listing: Listing, path: str, position: str, text: Any) -> Row:
    try:
        value = json_of(text) if isinstance(text, str) else {}
    except Unreadable as error:
        listing.findings.add(path, position, "invalid value", f"the column more is {error}")
        return {}
    return value if isinstance(value, dict) else {}


def _named(value: Any, names: tuple[str, ...] | None) -> Any:
    return names[value] if names and type(value) is int and 0 <= value < len(names) else value


def _labels(listing: Listing, path: str, position: str, row: Row, classes: Names) -> tuple[str, ...]:
    others = [name for name in classes if name not in TYPED and name in row]
    column = next((name for name in ("label", "labels") if name in row), others[0] if len(others) == 1 else None)
    if column is None:
        return ()
    value = row.pop(column)
    values = value if isinstance(value, list) else [] if value is None else [value]
    found = [_class(one, classes.get(column)) for one in values]
    if None in found:
        listing.findings.add(path, position, "class not listed", f"{column} {value!r:.60}")
    return tuple(label for label in found if label is not None)


def _class(value: Any, names: tuple[str, ...] | None) -> str | None:
    """Name of a class: of its number where there are names, which is ``-1`` for none."""
    if isinstance(value, str):
        return name_of(value)
    if type(value) is not int or value < 0:
        return None
    if names is None:
        return str(value)
    return names[value] if value < len(names) else None


def _captions(row: Row) -> tuple[str, ...]:
    if isinstance(row.get("captions"), list) and all(isinstance(one, str) for one in row["captions"]):
        return tuple(row.pop("captions"))
    text = row.pop("text", None) if isinstance(row.get("text"), str | None) else None
    return () if text is None else (text,)


def _objects(
    listing: Listing, path: str, position: str, sample: Sample, row: Row, classes: Names, more: Any
) -> tuple[Object, ...]:
    lists = row.get("objects")
    column = next((name for name in ("category", "categories") if isinstance(lists, dict) and name in lists), None)
    if not isinstance(lists, dict) or column is None or "bbox" not in lists:
        return ()
    del row["objects"]
    lists = {name: values or [] for name, values in lists.items()}
    count, found = len(lists["bbox"]), list[Object]()
    if any(not isinstance(one, list) or len(one) != count for one in lists.values()):
        listing.findings.add(path, position, "invalid value", "the lists of objects have different lengths")
        return ()
    for at in range(count):
        where = f"{position}, object {at + 1}"
        label = _class(lists[column][at], classes.get("objects"))
        entry = {name: values[at] for name, values in lists.items() if name != column and values[at] is not None}
        rest = more[at] if isinstance(more, list) and len(more) == count and isinstance(more[at], dict) else {}
        one = object_of(label or "", entry | rest)
        if label is None:
            listing.findings.add(path, where, "class not listed", f"{column} {lists[column][at]!r:.60}")
        elif one is None:
            listing.findings.add(path, where, "invalid value", "a box, polygon, keypoints or extras have another form")
        elif one.box is None or inside(one.box, sample, listing.findings, path, where):
            found.append(one)
    return tuple(found)
