"""Writing COCO: one JSON file for each split and task, and the images of each split in a folder."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from ripguard.interchange.checks import default_area
from ripguard.interchange.coco_objects import seen
from ripguard.interchange.extras import COCO_OWN
from ripguard.interchange.model import Annotated, Object, Sample
from ripguard.interchange.output import Output, joined
from ripguard.interchange.parsing import plain

Record = dict[str, Any]


def save(dataset: Annotated, output: Output) -> None:
    """Write a fitted dataset."""
    output.samples(dataset, lambda sample: joined(dataset.folder(sample.split) or "images", sample.name))
    ids = dict(dataset.extras.get("coco", {}).get("category_ids", {}))
    if set(ids) != set(dataset.classes) or len(set(map(repr, ids.values()))) != len(ids):
        ids = {label: number for number, label in enumerate(dataset.classes, 1)}
    categories = [
        {"id": ids[label], "name": label, **dataset.about_classes.get(label, {}).get("coco", {})}
        for label in dataset.classes
    ]
    for split in dataset.splits or ("",):
        _save_split(dataset, split, ids, categories, output)


def _save_split(dataset: Annotated, split: str, ids: Record, categories: list[Record], output: Output) -> None:
    samples = list(dataset.of(split))
    numbers = _image_ids(samples)
    images = [_image(sample, numbers[sample.name]) for sample in samples]
    ranked = sorted(samples, key=lambda sample: sample.name)
    tops = dataset.extras.get("coco", {}).get("top", {}).get(split, {})
    tasks = {"instances": list[Record](), **{task: list[Record]() for task in tops}}
    for sample in ranked:
        for found in sample.objects:
            for task in found.extras.get("coco", {}).get("tasks", ["instances"]):
                entry = _entry(found, task) | {"image_id": numbers[sample.name], "category_id": ids[found.label]}
                tasks.setdefault(task, []).append(entry)
    for task, entries, own in _of_images(ranked, numbers, ids):
        if entries:
            tasks[task] = entries
            _number(entries, own)
    for task, entries in tasks.items():
        if task not in ("captions", "labels"):
            _number(entries, [entry.get("id") for entry in entries])
        name = "_".join(filter(None, (task, dataset.folder(split))))
        content = {**tops.get(task, {}), "images": images, "annotations": entries}
        content |= {} if task == "captions" else {"categories": categories}
        output.text(f"annotations/{name}.json", json.dumps(content, ensure_ascii=False))


def _of_images(samples: list[Sample], numbers: Record, ids: Record) -> Iterator[tuple[str, list[Record], list[Any]]]:
    """Task, entries and their own ids of what belongs to whole images."""
    captions = [{"image_id": numbers[one.name], "caption": text} for one in samples for text in one.captions]
    yield "captions", captions, [id for one in samples for id in one.extras.get("coco", {}).get("caption_ids", [])]
    labels = [
        {"image_id": numbers[one.name], "category_id": ids[label], **more}
        for one in samples for label, more in zip(one.labels, _label_extras(one))
    ]  # fmt: skip
    yield "labels", labels, [id for one in samples for id in one.extras.get("coco", {}).get("label_ids", [])]


def _image_ids(samples: list[Sample]) -> dict[str, Any]:
    """Id of each image: its own, or its rank by name."""
    own = {sample.name: sample.extras.get("coco", {}).get("id") for sample in samples}
    if None in own.values() or len(set(map(repr, own.values()))) != len(own):
        return {name: number for number, name in enumerate(sorted(own), 1)}
    return own


def _image(sample: Sample, number: Any) -> Record:
    rest = {key: value for key, value in sample.extras.get("coco", {}).items() if key not in COCO_OWN}
    own = {"attributes": dict(sample.attributes)} if sample.attributes else {}
    return {"id": number, "file_name": sample.name, "width": sample.width, "height": sample.height, **own, **rest}


def _label_extras(sample: Sample) -> list[Record]:
    found = sample.extras.get("coco", {}).get("labels", [])
    return found if len(found) == len(sample.labels) else [{} for _ in sample.labels]


def _entry(found: Object, task: str) -> Record:
    """An annotation without its numbers. Loaders expect area, iscrowd and segmentation, so these are always there."""
    extras, attributes = dict(found.extras.get("coco", {})), dict(found.attributes)
    entry: Record = {}
    if "id" in extras:
        entry["id"] = extras["id"]
    if found.box is not None:
        entry["bbox"] = [plain(value) for value in found.box]
        entry["area"] = plain(default_area(found.box))
    if "area" in attributes:
        entry["area"] = attributes.pop("area")
    entry["iscrowd"] = attributes.pop("iscrowd", 0)
    entry["segmentation"] = dict(found.mask) if found.mask else [[plain(v) for v in ring] for ring in found.polygons]
    repeated = task == "instances" and len(extras.get("tasks", ())) > 1
    if found.keypoints and not repeated:
        entry["keypoints"] = [plain(value) for value in found.keypoints]
        entry["num_keypoints"] = seen(found.keypoints)
    if attributes:
        entry["attributes"] = attributes
    return entry | {key: value for key, value in extras.items() if key not in COCO_OWN}


def _number(entries: list[Record], own: list[Any]) -> None:
    """Give ids: their own if every entry has another one, and ranks otherwise."""
    if len(own) != len(entries) or None in own or len(set(map(repr, own))) != len(own):
        own = list(range(1, len(entries) + 1))
    for entry, number in zip(entries, own):
        entry["id"] = number
