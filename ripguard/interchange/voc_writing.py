"""Writing Pascal VOC."""

from __future__ import annotations

import posixpath
from typing import Any
from xml.etree import ElementTree

from ripguard.interchange.fitting import used_classes
from ripguard.interchange.model import Annotated, Object, Sample
from ripguard.interchange.output import Output
from ripguard.interchange.voc_reading import CORNERS, DEFAULTS, FLAGS, LABELMAP, LISTS, WHOLE, exact_corners, value_text


def save(dataset: Annotated, output: Output) -> None:
    """Write a fitted dataset."""
    output.samples(dataset, lambda sample: f"JPEGImages/{sample.name}")
    for sample in dataset.samples:
        output.data(f"Annotations/{_id(sample)}.xml", _document(sample))
    for split in dataset.splits:
        if split:
            ids = [_id(sample) for sample in dataset.of(split)]
            output.text(f"{LISTS}{dataset.folder(split)}.txt", "".join(f"{id}\n" for id in ids))
    if dataset.classes != used_classes(dataset):
        lines = ["# label:color_rgb:parts:actions", *(f"{label}:::" for label in dataset.classes)]
        output.text(LABELMAP, "\n".join(lines) + "\n")


def _id(sample: Sample) -> str:
    return posixpath.splitext(sample.name)[0]


def _document(sample: Sample) -> bytes:
    extras = sample.extras.get("voc", {})
    root = ElementTree.Element("annotation")
    elements = extras.get("elements", [])
    if not any(one[0] == "folder" for one in elements):
        _add(root, "folder", DEFAULTS["folder"])
    _add(root, "filename", sample.name)
    size = _add(root, "size")
    sides = (("width", sample.width), ("height", sample.height), ("depth", extras.get("depth", DEFAULTS["depth"])))
    for name, value in sides:
        _add(size, name, str(value))
    if not any(one[0] == "segmented" for one in elements):
        _add(root, "segmented", DEFAULTS["segmented"])
    for one in elements:
        _add_node(root, one)
    for found in sample.objects:
        _add_object(root, found)
    ElementTree.indent(root, "\t")
    return ElementTree.tostring(root, encoding="utf-8") + b"\n"


def _add_object(root: ElementTree.Element, found: Object) -> None:
    element = _add(root, "object")
    _add(element, "name", found.label)
    attributes = dict(found.attributes)
    pose = attributes.get("pose")
    plain = isinstance(pose, str) and pose.isprintable() and pose == pose.strip() != ""
    _add(element, "pose", str(attributes.pop("pose")) if plain else "Unspecified")
    for flag in FLAGS:
        whole = type(attributes.get(flag)) is int and WHOLE.fullmatch(str(attributes[flag]))
        value = str(attributes.pop(flag)) if whole else "0"
        if flag != "occluded" or value != "0":
            _add(element, flag, value)
    box = _add(element, "bndbox")
    for corner, text in zip(CORNERS, exact_corners(found) or ()):
        _add(box, corner, text)
    if attributes:
        around = _add(element, "attributes")
        for name, value in attributes.items():
            one = _add(around, "attribute")
            _add(one, "name", name)
            _add(one, "value", value_text(value))
    for rest in found.extras.get("voc", {}).get("elements", []):
        _add_node(element, rest)


def _add(parent: ElementTree.Element, tag: str, text: str = "") -> ElementTree.Element:
    element = ElementTree.SubElement(parent, tag)
    element.text = text or None
    return element


def _add_node(parent: ElementTree.Element, node: list[Any]) -> None:
    tag, text, children, attributes = node
    element = _add(parent, tag, text)
    element.attrib.update(attributes)
    for child in children:
        _add_node(element, child)
