"""Rows of ``metadata.jsonl`` as samples and back. Objects are parallel lists, as Hugging Face has them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

from ripguard.interchange.extras import sound
from ripguard.interchange.model import Object, Sample
from ripguard.interchange.parsing import name_of, numbers, plain

Row = dict[str, Any]
Names = dict[str, Any]  # what a source calls a column, and whether its classes are numbers
COLUMNS = frozenset(
    {"file_name", "label", "labels", "text", "caption", "captions", "objects", "extras", "attributes"}
)  # fmt: skip
CATEGORIES = ("categories", "category")
LISTS = frozenset({"bbox", "segmentation", "mask", "keypoints", "attributes", "extras", *CATEGORIES})
Reject = Callable[[str, str], None]  # kind, reason


def row_of(sample: Sample, names: Names) -> Row:
    """The row of a sample."""
    row: Row = {"file_name": sample.name}
    labels = _as_written(sample.labels, names.get("label") == "number")
    if labels:
        row |= {"label": labels[0]} if len(labels) == 1 else {"labels": labels}
    if sample.captions:
        one = len(sample.captions) == 1
        row |= {names.get("text", "text"): sample.captions[0]} if one else {"captions": list(sample.captions)}
    if sample.objects:
        row["objects"] = _lists_of(sample.objects, names)
    plain_ones = {key for key, value in sample.attributes.items() if key not in COLUMNS and value is not None}
    row |= {key: sample.attributes[key] for key in sample.attributes if key in plain_ones}
    if inner := {key: value for key, value in sample.attributes.items() if key not in plain_ones}:
        row["attributes"] = inner
    if sample.extras:
        row["extras"] = {format: dict(extras) for format, extras in sample.extras.items()}
    return row


def _as_written(labels: Sequence[str], as_numbers: bool) -> list[Any]:
    """Classes as the source has them: numbers, where all are."""
    digits = all(label.isascii() and label.isdigit() and len(label) < 20 for label in labels)
    return [int(label) for label in labels] if as_numbers and digits else list(labels)


def _lists_of(objects: tuple[Object, ...], names: Names) -> Row:
    as_numbers = names.get("categories_are") == "numbers"
    lists: Row = {
        "bbox": [found.box and [plain(value) for value in found.box] for found in objects],
        names.get("categories", CATEGORIES[0]): _as_written([one.label for one in objects], as_numbers),
    }
    each: dict[str, list[Any]] = {
        "segmentation": [[list(ring) for ring in found.polygons] or None for found in objects],
        "mask": [dict(found.mask) if found.mask else None for found in objects],
        "keypoints": [list(found.keypoints) or None for found in objects],
        "attributes": [dict(found.attributes) or None for found in objects],
        "extras": [{key: dict(value) for key, value in found.extras.items()} or None for found in objects],
    }
    return lists | {name: values for name, values in each.items() if any(values)}


def filled(sample: Sample, row: Row, names: Names, reject: Reject) -> Sample:
    """A sample with what its row has. ``names`` receives what the source calls its columns."""
    row = {key: value for key, value in row.items() if value is not None and key != "file_name"}
    labels = _labels(row, names)
    captions = _captions(row, names)
    objects = _objects(row, names, reject)
    extras = row.pop("extras", {})
    inner = row.pop("attributes", {})
    attributes = {**row, **inner} if isinstance(inner, dict) else {**row, "attributes": inner}
    if not isinstance(extras, dict) or not all(isinstance(one, dict) for one in extras.values()):
        attributes, extras = {**attributes, "extras": extras}, {}
    elif not sound("sample", extras):
        reject("invalid value", "the extras have another form than their formats give them")
        extras = {}
    return dataclasses.replace(
        sample, labels=labels, captions=captions, objects=objects, attributes=attributes, extras=extras
    )


def _labels(row: Row, names: Names) -> tuple[str, ...]:
    """Labels, taken out of the row; other values stay there, as attributes."""
    for column in ("label", "labels"):
        value = row.get(column)
        values = value if isinstance(value, list) else [value]
        if column in row and (found := _classes(values, names, "label", "number")):
            del row[column]
            return found
    return ()


def _classes(values: list[Any], names: Names, key: str, word: str) -> tuple[str, ...]:
    """Names of classes; numbers are names, and noted; () if one is neither."""
    if values and all(isinstance(one, int) and not isinstance(one, bool) and 0 <= one < 1 << 31 for one in values):
        names.setdefault(key, word)
        return tuple(str(one) for one in values)
    found = [name_of(one) for one in values]
    if None in found:
        return ()
    names[key] = "text" if key == "label" else "names"
    return tuple(one for one in found if one is not None)


def _captions(row: Row, names: Names) -> tuple[str, ...]:
    for column in ("text", "caption"):
        if isinstance(row.get(column), str):
            if column != "text":
                names["text"] = column
            return (row.pop(column),)
    value = row.get("captions")
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return tuple(row.pop("captions"))
    return ()


def _objects(row: Row, names: Names, reject: Reject) -> tuple[Object, ...]:
    """Objects, taken out of the row; a column of another shape stays there."""
    lists = row.get("objects")
    column = next((name for name in CATEGORIES if isinstance(lists, dict) and name in lists), None)
    if not isinstance(lists, dict) or column is None or not isinstance(lists.get("bbox"), list):
        return ()
    del row["objects"]
    count = len(lists["bbox"])
    if any(not isinstance(values, list) or len(values) != count for values in lists.values()):
        reject("invalid value", "the lists of objects have different lengths")
        return ()
    labels = _classes(lists[column], names, "categories_are", "numbers")
    if len(labels) != count:
        reject("class not listed", f"{column} has values that are neither names nor numbers of classes")
        return ()
    if column != CATEGORIES[0]:
        names["categories"] = column
    found = []
    for at, label in enumerate(labels):
        entry = {name: values[at] for name, values in lists.items() if values[at] is not None and name != column}
        if (one := object_of(label, entry)) is None:
            reject("invalid value", f"object {at + 1} has a bbox, polygon, keypoints or extras of another form")
        else:
            found.append(one)
    return tuple(found)


def object_of(label: str, entry: Row) -> Object | None:
    """One object of its values; None if they are not of the expected kinds."""
    box = numbers(entry["bbox"]) if entry.get("bbox") else ()
    rings = entry.get("segmentation", [])
    polygons = [numbers(ring) for ring in rings] if isinstance(rings, list) else [None]
    keypoints = numbers(entry.get("keypoints", []))
    mask, attributes, extras = (entry.get(name) or {} for name in ("mask", "attributes", "extras"))
    tables = all(isinstance(one, dict) for one in (mask, attributes, extras))
    if box is None or len(box) not in (0, 4) or None in polygons or keypoints is None or not tables:
        return None
    if len(keypoints) % 3 or any(len(ring or ()) < 6 or len(ring or ()) % 2 for ring in polygons):
        return None
    if not sound("object", extras):
        return None
    rest = {name: value for name, value in entry.items() if name not in LISTS}
    whole = (box[0], box[1], box[2], box[3]) if box else None
    rings = tuple(ring for ring in polygons if ring)
    return Object(label, whole, rings, mask or None, keypoints, {**rest, **attributes}, extras)
