"""Reading Pascal VOC: one XML file an image, lists of splits, and a list of classes if there is one."""

from __future__ import annotations

import dataclasses
import json
import posixpath
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ripguard.bar import Bar
from ripguard.data.splits import split_of
from ripguard.interchange.checks import inside, size_fits
from ripguard.interchange.fitting import used_classes
from ripguard.interchange.listing import Listing, folders_of, named_splits, normal
from ripguard.interchange.model import Annotated, Box, Object, Sample
from ripguard.interchange.parsing import Unreadable, decimal_number, json_of, name_of, xml_of

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CORNERS = ("xmin", "ymin", "xmax", "ymax")
FLAGS = ("difficult", "truncated", "occluded")
SAMPLE_KNOWN = frozenset({"filename", "size", "object"})
OBJECT_KNOWN = frozenset({"name", "bndbox", "pose", "attributes", *FLAGS})
DEFAULTS = {"folder": "JPEGImages", "segmented": "0", "depth": "3"}
LISTS, LABELMAP, BACKGROUND = "ImageSets/Main/", "labelmap.txt", "background"
WHOLE = re.compile(r"-?\d{1,9}", re.ASCII)
OF_CLASS = re.compile(r"\s-?[01]$")
Node = list[Any]  # [tag, text, children, attributes]: an element as JSON


def xml_files(listing: Listing) -> list[str]:
    """XML files in a folder ``Annotations``."""
    return [name for name in listing.named(".xml") if "Annotations" in name.split("/")[:-1]]


def parse(listing: Listing) -> Annotated:
    """The dataset of a folder, or of the one folder in it that holds everything (``VOC2012/``)."""
    paths = xml_files(listing)
    base = paths[0].partition("Annotations/")[0] if paths else ""
    stems = _stems(listing, base)
    splits, folders = _splits(listing, base, stems)
    samples = []
    for path in Bar(paths, stage="reading Annotations", unit="file"):
        id = posixpath.splitext(path.removeprefix(f"{base}Annotations/"))[0]
        if sample := _sample(listing, path, id, base, splits.get(id, ""), stems):
            samples.append(sample)
    samples += _without_annotations(listing, base, splits, stems, {_id(one.name) for one in samples}, paths)
    found = Annotated((), tuple(samples), folders, source="voc")
    used = used_classes(found)
    named = [label for label in _labelmap(listing, base) if label != BACKGROUND or label in used]
    classes = tuple(named) or used
    return _listed(listing, dataclasses.replace(found, classes=classes), base)


def _listed(listing: Listing, found: Annotated, base: str) -> Annotated:
    """The dataset with its classes checked, and further files at their paths below the base."""
    unknown = set(used_classes(found)) - set(found.classes)
    for label in sorted(unknown):
        listing.findings.add(f"{base}{LABELMAP}", "", "class not listed", f"{label} of some object")
    samples = tuple(
        dataclasses.replace(one, objects=tuple(each for each in one.objects if each.label not in unknown))
        for one in found.samples
    )
    files = {name.removeprefix(base): media for name, media in listing.rest().items()}
    return dataclasses.replace(found, samples=samples, files=files)


def _id(name: str) -> str:
    return posixpath.splitext(name)[0]


def _stems(listing: Listing, base: str) -> dict[str, str]:
    """Image by its id."""
    start = f"{base}JPEGImages/"
    return {_id(name.removeprefix(start)): name for name in listing.images(start.rstrip("/"))}


def _splits(listing: Listing, base: str, stems: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Split of each id, and the folders of splits. Lists that repeat ids of others are kept as files."""
    found: dict[str, str] = {}
    lists = _lists(listing, base, stems)
    for name in sorted(lists, key=lambda one: (one == "trainval", not split_of(one), one)):
        path, derived = f"{base}{LISTS}{name}.txt", name == "trainval" or not split_of(name)
        if derived and all(id in found for id in lists[name]):
            continue
        listing.used.add(path)
        for id in lists[name]:
            if found.setdefault(id, name) != name and not derived:
                listing.findings.add(path, id[:200], "duplicate id", f"the split {found[id]} has it, too")
    splits = named_splits(sorted(set(found.values())))
    return {id: splits[name] for id, name in found.items()}, folders_of(splits)


def _lists(listing: Listing, base: str, stems: dict[str, str]) -> dict[str, list[str]]:
    """Ids of each list, without the lists of single classes (``cat_train.txt``)."""
    lists: dict[str, list[str]] = {}
    for path in sorted(name for name in listing.files if name.startswith(f"{base}{LISTS}") and name.endswith(".txt")):
        name = _id(path.removeprefix(f"{base}{LISTS}"))
        lines = [line for line in (listing.text(path) or "").splitlines() if line.strip()]
        ids = [line if line in stems else line.strip() for line in lines]
        listing.used.discard(path)
        if "/" not in name and not any(OF_CLASS.search(id) and id not in stems for id in ids):
            lists[name] = ids
    return lists


def _sample(
    listing: Listing, path: str, id: str, base: str, split: str, stems: dict[str, str]
) -> Sample | None:  # fmt: skip
    text = listing.text(path)
    if text is None:
        return None
    try:
        root = xml_of(text)
    except Unreadable as error:
        listing.findings.add(path, "", "unreadable file", str(error))
        return None
    image = _image_of(listing, root, id, base, stems)
    if image is None:
        listing.findings.add(path, "filename", "missing image", (root.findtext("filename") or id)[:200])
        return None
    sample = listing.sample(image, id + posixpath.splitext(image)[1], split, path, "filename")
    if sample is None:
        return None
    size = {key: decimal_number((root.findtext(f"size/{key}") or "").strip()) for key in ("width", "height")}
    if not size_fits(sample, size["width"], size["height"], listing.findings, path, "size"):
        return None
    objects = [
        _object(listing, each, sample, path, f"object {at}") for at, each in enumerate(root.findall("object"), 1)
        if each.find("bndbox") is not None
    ]  # fmt: skip
    extras = _sample_extras(root)
    return dataclasses.replace(
        sample, objects=tuple(one for one in objects if one), labels=labels_of(extras),
        extras={"voc": extras} if extras else {},
    )  # fmt: skip


def labels_of(extras: Mapping[str, Any]) -> tuple[str, ...]:
    """Labels of an image: the names of objects without a box, which are kept as elements."""
    names = [
        name_of(child[1]) for tag, _, children, _ in extras.get("elements", []) if tag == "object"
        for child in children if child[0] == "name"
    ]  # fmt: skip
    return tuple(name for name in names if name)


def _image_of(listing: Listing, root: Element, id: str, base: str, stems: dict[str, str]) -> str | None:
    """Path of the image: the file that the annotation names, or the one of the same id."""
    given = normal((root.findtext("filename") or "").strip() or ".")
    named = f"{base}JPEGImages/{given}"
    if given and named in listing.files and _id(given) == id:
        return named
    return stems.get(id) or (named if given and named in listing.files else None)


def _sample_extras(root: Element) -> dict[str, Any]:
    """What the model does not have, without what a writer gives by itself."""
    extras: dict[str, Any] = {}
    for child in root:
        text = (child.text or "").strip()
        bare = child.tag == "object" and child.find("bndbox") is None
        if (child.tag in SAMPLE_KNOWN and not bare) or (DEFAULTS.get(child.tag) == text and not len(child)):
            continue
        extras.setdefault("elements", []).append(node(child))
    depth = (root.findtext("size/depth") or "").strip()
    if depth and depth != DEFAULTS["depth"]:
        extras["depth"] = depth
    return extras


def _object(listing: Listing, element: Element, sample: Sample, path: str, position: str) -> Object | None:
    label = name_of((element.findtext("name") or "").strip())
    if label is None:
        listing.findings.add(path, position, "class not listed", "the object has no name")
        return None
    texts = [(element.findtext(f"bndbox/{corner}") or "").strip() for corner in CORNERS]
    values = [decimal_number(text) for text in texts]
    box = box_of(values)
    if box is None:
        listing.findings.add(path, position, "invalid value", f"bndbox of {', '.join(texts)[:80] or 'nothing'}")
        return None
    if not inside(box, sample, listing.findings, path, position):
        return None
    extras: dict[str, Any] = {}
    if not all(WHOLE.fullmatch(text) for text in texts):
        extras["bndbox"] = texts
    rest = [node(child) for child in element if child.tag not in OBJECT_KNOWN]
    if rest:
        extras["elements"] = rest
    return Object(label, box, attributes=_attributes(element), extras={"voc": extras} if extras else {})


def box_of(corners: list[float | None]) -> Box | None:
    """``(x, y, width, height)`` of four corners; None if one is missing."""
    if None in corners or len(corners) != 4:
        return None
    left, top, right, bottom = (value for value in corners if value is not None)
    return left, top, right - left, bottom - top


def exact_corners(found: Object) -> list[str] | None:
    """The corners of an object as VOC writes them exactly: integers, or those of the file it was read from."""
    box = found.box or (0.5,) * 4
    texts = [str(round(value)) for value in (box[0], box[1], box[0] + box[2], box[1] + box[3])]
    given = found.extras.get("voc", {}).get("bndbox", texts)
    for corners in (given, texts):
        if box_of([decimal_number(text) for text in corners]) == found.box:
            return list(corners)
    return None


def _attributes(element: Element) -> dict[str, Any]:
    """Pose and flags, and the attributes of CVAT, whose values are JSON or else text."""
    found: dict[str, Any] = {}
    if pose := (element.findtext("pose") or "").strip():
        found["pose"] = pose
    for flag in FLAGS:
        if text := (element.findtext(flag) or "").strip():
            found[flag] = int(text) if WHOLE.fullmatch(text) else text
    for one in element.findall("attributes/attribute"):
        if name := one.findtext("name"):
            found[name.strip()] = _value((one.findtext("value") or "").strip())
    return found


def _value(text: str) -> Any:
    try:
        return json_of(text)
    except Unreadable:
        return text


def value_text(value: Any) -> str:
    """Inverse of :func:`_value`: text stays as it is, unless it reads as another value, or XML would change it."""
    if isinstance(value, str) and value.isprintable() and value == value.strip() and _value(value) is value:
        return value
    return json.dumps(value)


def node(element: Element) -> Node:
    """An element with all that is in it as JSON."""
    return [
        element.tag, (element.text or "").strip(), [node(child) for child in element], dict(element.attrib),
    ]  # fmt: skip


def _without_annotations(
    listing: Listing, base: str, splits: dict[str, str], stems: dict[str, str], known: set[str], paths: list[str]
) -> list[Sample]:
    """Images of a split's list that have no XML file; names in a list that are no images are rejected."""
    found = []
    annotated = {_id(path.removeprefix(f"{base}Annotations/")) for path in paths}
    for id, split in splits.items():
        if id in known or id in annotated:
            continue
        if id not in stems:
            listing.findings.add(f"{base}{LISTS}", id[:200], "missing image", f"no image of the id {id[:200]}")
        elif sample := listing.sample(stems[id], id + posixpath.splitext(stems[id])[1], split):
            found.append(sample)
    return found


def _labelmap(listing: Listing, base: str) -> tuple[str, ...]:
    """Classes of ``labelmap.txt`` (``name:color:parts:actions``)."""
    path = f"{base}{LABELMAP}"
    if path not in listing.files:
        return ()
    lines = [line for line in (listing.text(path) or "").splitlines() if line.strip()]
    lines = lines[1:] if lines and lines[0].startswith("# label") else lines
    names = [line.rsplit(":", 3)[0] if line.count(":") >= 3 else line for line in lines]
    return tuple(dict.fromkeys(names))
