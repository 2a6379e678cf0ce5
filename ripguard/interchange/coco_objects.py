"""Entries of COCO as samples and objects, and the ids of those that have other ids than their ranks."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ripguard.interchange.checks import bounds, default_area, inside, size_fits
from ripguard.interchange.extras import COCO_OWN
from ripguard.interchange.listing import Listing
from ripguard.interchange.model import Box, Object, Sample
from ripguard.interchange.parsing import number, numbers

if TYPE_CHECKING:
    from ripguard.interchange.coco_reading import Draft

Record = dict[str, Any]
OF_IMAGES = frozenset({"id", "file_name", "width", "height", "attributes"})
OF_OBJECTS = frozenset({"id", "image_id", "category_id", "bbox", "segmentation", "keypoints", "num_keypoints",
                        "iscrowd", "area", "attributes"})  # fmt: skip
POINTS = 6  # fewest coordinates of a ring


def is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def seen(keypoints: tuple[float, ...]) -> int:
    """Number of keypoints that are labelled."""
    return sum(value > 0 for value in keypoints[2::3])


def sample_of(
    listing: Listing, path: str, name: str, split: str, file: str, position: str, entry: Record
) -> Sample | None:
    """A sample from an entry of ``images``; None, and a rejection, if its image does not fit."""
    sample = listing.sample(path, name, split, file, position)
    if not sample or not size_fits(sample, entry.get("width"), entry.get("height"), listing.findings, file, position):
        return None
    attributes = entry.get("attributes", {})
    rest = {key: value for key, value in entry.items() if key not in OF_IMAGES | COCO_OWN}
    if isinstance(attributes, dict):
        attributes = _of_own_names(entry) | attributes
    if not isinstance(attributes, dict):
        attributes, rest = {}, rest | {"attributes": attributes}
    return dataclasses.replace(sample, attributes=attributes, extras={"coco": rest} if rest else {})


def add_object(
    listing: Listing, file: str, position: str, task: str, label: str, entry: Record, draft: Draft
) -> None:  # fmt: skip
    """Add an annotation to its sample: a label, or an object; or a rejection."""
    if not any(entry.get(key) for key in ("bbox", "segmentation", "keypoints")):
        rest = {key: value for key, value in entry.items() if key not in ("id", "image_id", "category_id")}
        draft.labels.append((entry.get("id"), label, rest))
        return
    found = _object(label, entry)
    if isinstance(found, str):
        listing.findings.add(file, position, "invalid value", found)
    elif found.box is None or inside(found.box, draft.sample, listing.findings, file, position):
        _merge(draft, task, entry.get("id"), found)


def _object(label: str, entry: Record) -> Object | str:
    """The object, or why it is none."""
    box = numbers(entry["bbox"]) if entry.get("bbox") else ()
    if box is None or len(box) not in (0, 4):
        return "bbox is not [x, y, width, height]"
    polygons, mask = _shape(entry.get("segmentation"))
    if polygons is None:
        return "segmentation is neither a list of polygons nor a mask"
    keypoints = numbers(entry.get("keypoints") or ())
    if keypoints is None or len(keypoints) % 3:
        return "keypoints are not [x, y, visibility, …]"
    whole = (box[0], box[1], box[2], box[3]) if box else bounds(polygons) if polygons else None
    attributes, extras = _attributes(entry, whole, keypoints)
    return Object(label, whole, polygons, mask, keypoints, attributes, {"coco": extras} if extras else {})


def _of_own_names(entry: Record) -> Record:
    """Fields of a stranger that are called as ripguard calls extras of its own: they become attributes."""
    return {key: value for key, value in entry.items() if key in COCO_OWN and key != "id"}


def _shape(value: Any) -> tuple[tuple[tuple[float, ...], ...] | None, Record | None]:
    """Polygons and mask; polygons are None if it is neither."""
    if not value:
        return (), None
    if isinstance(value, dict):
        return ((), value) if {"size", "counts"} <= value.keys() else (None, None)
    rings = [numbers(ring) for ring in value] if isinstance(value, list) else [None]
    fine = [ring for ring in rings if ring is not None and len(ring) >= POINTS and len(ring) % 2 == 0]
    return (tuple(fine) if len(fine) == len(rings) else None), None


def _attributes(entry: Record, box: Box | None, keypoints: tuple[float, ...]) -> tuple[Record, Record]:
    """Attributes and extras, without values that every writer of COCO gives."""
    own = entry.get("attributes", {})
    rest = {key: value for key, value in entry.items() if key not in OF_OBJECTS | COCO_OWN}
    if not isinstance(own, dict) or own.keys() & {"iscrowd", "area"}:
        own, rest = {}, rest | {"attributes": own}
    found = _of_own_names(entry) | own
    if entry.get("iscrowd", 0) != 0:
        found["iscrowd"] = entry["iscrowd"]
    if "area" in entry and not (box and number(entry["area"]) == default_area(box)):
        found["area"] = entry["area"]
    if entry.get("num_keypoints", seen(keypoints)) != seen(keypoints):
        rest["num_keypoints"] = entry["num_keypoints"]
    return found, rest


def _merge(draft: Draft, task: str, id: Any, new: Object) -> None:
    """Add an object. COCO repeats persons in the file of keypoints, under the id that they have among the instances."""
    at = draft.places.get(id)
    if id is not None and at is not None:
        tasks, _, old = draft.objects[at]
        if task not in tasks.split() and (old.label, old.box) == (new.label, new.box):
            draft.objects[at] = (f"{tasks} {task}", id, _both(old, new))
            return
    draft.places.setdefault(id, len(draft.objects))
    draft.objects.append((task, id, new))


def _both(old: Object, new: Object) -> Object:
    return dataclasses.replace(
        old, keypoints=old.keypoints or new.keypoints, polygons=old.polygons or new.polygons,
        mask=old.mask or new.mask, attributes={**old.attributes, **new.attributes},
        extras={**old.extras, **new.extras},
    )  # fmt: skip


def finished(drafts: list[Draft]) -> tuple[Sample, ...]:
    """Samples with what was added to them. Ids are kept where they are not the ranks that a writer gives."""
    by_split: dict[str, list[Draft]] = {}
    for draft in drafts:
        by_split.setdefault(draft.sample.split, []).append(draft)
    for group in by_split.values():
        group.sort(key=lambda one: one.sample.name)
        _keep(group, [[one.id] for one in group], "id", one_each=True)
        _keep(group, [[id for id, _ in one.captions] for one in group], "caption_ids")
        _keep(group, [[id for id, _, _ in one.labels] for one in group], "label_ids")
        _keep_labels(group)
        _keep_objects(group)
    return tuple(
        dataclasses.replace(
            draft.sample, labels=tuple(label for _, label, _ in draft.labels),
            objects=tuple(found for _, _, found in draft.objects), captions=tuple(text for _, text in draft.captions),
        )
        for draft in drafts
    )  # fmt: skip


def ranked(ids: Iterable[list[Any]]) -> bool:
    """Whether ids are 1, 2, … in this order, or all missing."""
    flat = [id for some in ids for id in some]
    return flat == list(range(1, len(flat) + 1)) or all(id is None for id in flat)


def _keep(group: list[Draft], ids: list[list[Any]], name: str, one_each: bool = False) -> None:
    if not ranked(ids):
        for draft, own in zip(group, ids):
            if own:
                draft.sample = _with(draft.sample, name, own[0] if one_each else own)


def _keep_labels(group: list[Draft]) -> None:
    for draft in group:
        rest = [_unusual(more) for _, _, more in draft.labels]
        if any(rest):
            draft.sample = _with(draft.sample, "labels", rest)


def _unusual(more: Any) -> Record:
    return {key: value for key, value in more.items() if value or key not in OF_OBJECTS}


def _keep_objects(group: list[Draft]) -> None:
    tasks = list(dict.fromkeys(task for draft in group for names, _, _ in draft.objects for task in names.split()))
    kept = {
        task for task in tasks
        if not ranked([[id for names, id, _ in draft.objects if task in names.split()] for draft in group])
    }  # fmt: skip
    for draft in group:
        for at, (names, id, found) in enumerate(draft.objects):
            own: Record = {} if names == "instances" else {"tasks": names.split()}
            if id is not None and kept & set(names.split()):
                own["id"] = id
            if own:
                extras = {**found.extras, "coco": {**found.extras.get("coco", {}), **own}}
                draft.objects[at] = (names, id, dataclasses.replace(found, extras=extras))


def _with(sample: Sample, name: str, value: Any) -> Sample:
    return dataclasses.replace(sample, extras={**sample.extras, "coco": {**sample.extras.get("coco", {}), name: value}})
