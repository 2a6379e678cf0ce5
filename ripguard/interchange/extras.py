"""Extras of strangers: what a file gives as ``extras`` of a format must have the form that the format's writer expects.

Readers of ``hf-folder`` and ``parquet`` take extras of any format from a file. A writer would take file names and
fields from them, so each known format has its checks here. Extras of formats that are not listed pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ripguard.interchange.parsing import decimal_number

Check = Callable[[Mapping[str, Any]], bool]
TASKS = frozenset({"instances", "person_keypoints", "keypoints", "captions", "labels", "image_info"})  # of COCO
COCO_OWN = frozenset({"id", "tasks", "caption_ids", "label_ids", "labels"})  # extras that are no fields of an entry
_OF_IMAGES = frozenset({"file_name", "width", "height"})
_OF_OBJECTS = frozenset({"image_id", "category_id", "bbox", "segmentation", "keypoints", "iscrowd", "area"})
_TAG = re.compile(r"(?:\{[^{}<>\"&\s]*\})?[^\W\d][\w.-]*")
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def sound(level: str, extras: Any) -> bool:
    """Whether extras have the form that writers expect.

    Args:
        level: ``sample``, ``object``, ``class`` or ``dataset``.
        extras: format → table, as read from a file.
    """
    if not isinstance(extras, dict):
        return False
    return all(
        isinstance(own, dict) and _CHECKS.get((format, level), lambda _: True)(own) for format, own in extras.items()
    )


def _is_id(value: Any) -> bool:
    return isinstance(value, int | str) and not isinstance(value, bool)


def _ids(value: Any) -> bool:
    return isinstance(value, list) and all(one is None or _is_id(one) for one in value)


def _coco_sample(own: Mapping[str, Any]) -> bool:
    labels = own.get("labels", [])
    if not isinstance(labels, list) or not all(isinstance(one, dict) for one in labels):
        return False
    if any(one.keys() & {"id", "image_id", "category_id"} for one in labels):
        return False
    fine = _is_id(own.get("id", 0)) and _ids(own.get("caption_ids", [])) and _ids(own.get("label_ids", []))
    return fine and not own.keys() & _OF_IMAGES


def _coco_object(own: Mapping[str, Any]) -> bool:
    tasks = own.get("tasks", ["instances"])
    named = isinstance(tasks, list) and all(isinstance(one, str) and one in TASKS for one in tasks)
    return named and _is_id(own.get("id", 0)) and not own.keys() & _OF_OBJECTS


def _coco_dataset(own: Mapping[str, Any]) -> bool:
    top, ids = own.get("top", {}), own.get("category_ids", {})
    if not isinstance(top, dict) or not all(isinstance(tasks, dict) for tasks in top.values()):
        return False
    parts = [(task, content) for tasks in top.values() for task, content in tasks.items()]
    named = all(task in TASKS and isinstance(content, dict) for task, content in parts)
    return named and isinstance(ids, dict) and all(map(_is_id, ids.values()))


def _voc_sample(own: Mapping[str, Any]) -> bool:
    elements = own.get("elements", [])
    return _is_text(own.get("depth", "")) and _nodes(elements) and not any(_doubled(one) for one in elements)


def _doubled(node: list[Any]) -> bool:
    """Whether an element would give again what the writer gives: the image's file, its size, an object with a box."""
    return node[0] in ("filename", "size") or (node[0] == "object" and any(one[0] == "bndbox" for one in node[2]))


def _voc_object(own: Mapping[str, Any]) -> bool:
    corners = own.get("bndbox", ["0"] * 4)
    numbers = isinstance(corners, list) and all(isinstance(one, str) for one in corners)
    numbers = numbers and len(corners) == 4 and all(decimal_number(one) is not None for one in corners)
    return numbers and _nodes(own.get("elements", []))


def _nodes(value: Any) -> bool:
    """Whether a value is a list of elements as JSON: ``[tag, text, children, attributes]``."""
    return isinstance(value, list) and all(map(_node, value))


def _node(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 4:
        return False
    tag, text, children, attributes = value
    if not isinstance(attributes, dict) or not all(_is_tag(key) and _is_text(one) for key, one in attributes.items()):
        return False
    return _is_tag(tag) and _is_text(text) and _nodes(children)


def _is_tag(value: Any) -> bool:
    return isinstance(value, str) and _TAG.fullmatch(value) is not None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and not _NO_XML.search(value)


def _hf_dataset(own: Mapping[str, Any]) -> bool:
    columns = own.get("text", "text") in ("text", "caption") and own.get("categories", "category") == "category"
    return columns and all(isinstance(one, str) for one in own.values())


_CHECKS: dict[tuple[str, str], Check] = {
    ("coco", "sample"): _coco_sample,
    ("coco", "object"): _coco_object,
    ("coco", "class"): lambda own: not own.keys() & {"id", "name"},
    ("coco", "dataset"): _coco_dataset,
    ("voc", "sample"): _voc_sample,
    ("voc", "object"): _voc_object,
    ("hf-folder", "dataset"): _hf_dataset,
}
