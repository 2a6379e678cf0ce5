"""Reading COCO: parts (one JSON file each) are merged into samples by split and file name."""

from __future__ import annotations

import dataclasses
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ripguard.bar import Bar
from ripguard.interchange import coco_objects as values
from ripguard.interchange.listing import Listing, folders_of, named_splits, normal
from ripguard.interchange.model import Annotated, Object, Sample, Table
from ripguard.interchange.parsing import MOST_JSON, Unreadable, json_of, name_of

KEYS = (b'"images"', b'"annotations"', b'"categories"', b'"licenses"')
SNIFFED = 1 << 14  # bytes of a file that are searched for them
MOST_SNIFFED = 200  # files outside of a folder annotations/; formats with a file for each image have more
NAMED = re.compile(r"(instances|person_keypoints|keypoints|captions|labels|image_info)(?:_(.+))?")
UNNAMED = frozenset({"annotations", "_annotations", "coco", "labels", "result", "data", "_annotations.coco"})
Record = dict[str, Any]


@dataclass
class Part:
    """One JSON file: task, folder of its split, and its entries."""

    path: str
    task: str
    folder: str
    content: Record
    split: str = ""
    images: dict[Any, Draft] = field(default_factory=dict)
    categories: dict[Any, str] = field(default_factory=dict)


@dataclass
class Draft:
    """A sample that annotations are added to. Each object and caption has its id in its file."""

    sample: Sample
    id: Any
    objects: list[tuple[str, Any, Object]] = field(default_factory=list)  # task, id
    captions: list[tuple[Any, str]] = field(default_factory=list)
    labels: list[tuple[Any, str, Table]] = field(default_factory=list)
    places: dict[Any, int] = field(default_factory=dict)  # id → place among the objects


def candidates(listing: Listing) -> list[str]:
    """Paths of JSON files that begin as COCO's do."""
    names = listing.named(".json")
    likely = [name for name in names if "annotations" in name]
    others = [name for name in names if "annotations" not in name]
    chosen = sorted(likely + (others if len(others) <= MOST_SNIFFED else []))
    return [name for name in chosen if _sniffed(listing, name)]


def _sniffed(listing: Listing, name: str) -> bool:
    try:
        with open(listing.root / name, "rb") as file:
            start = file.read(SNIFFED)
    except OSError:
        return False
    return start.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{") and any(key in start for key in KEYS)


def task_of(path: str) -> tuple[str, str]:
    """Task and folder of a split: ``annotations/captions_val2017.json`` → (``captions``, ``val2017``)."""
    stem, parent = posixpath.splitext(posixpath.basename(path))[0], posixpath.basename(posixpath.dirname(path))
    around = "" if parent in ("annotations", "images") else parent
    if stem in UNNAMED:
        return "instances", around
    found = NAMED.fullmatch(stem)
    return (found[1], found[2] or around) if found else ("instances", stem)


def parse(listing: Listing) -> Annotated:
    """All parts of a folder as one dataset."""
    parts = [part for name in candidates(listing) if (part := _part(listing, name))]
    splits = named_splits(list(dict.fromkeys(part.folder for part in parts)))
    drafts: dict[tuple[str, str], Draft] = {}
    classes: dict[str, Record] = {}
    ids: dict[str, Any] = {}
    for part in parts:
        part.split = splits[part.folder]
        _read_categories(listing, part, classes, ids)
        _read_images(listing, part, drafts)
        _read_annotations(listing, part)
    return _assembled(listing, parts, drafts, classes, ids, folders_of(splits))


def _part(listing: Listing, name: str) -> Part | None:
    text = listing.text(name, MOST_JSON)
    if text is None:
        return None
    try:
        content = json_of(text)
    except Unreadable as error:
        listing.findings.add(name, "", "unreadable file", str(error))
        return None
    if not isinstance(content, dict) or not isinstance(content.get("images"), list):
        listing.used.discard(name)  # JSON of another kind
        return None
    entries = content.get("annotations")
    first = entries[0] if isinstance(entries, list) and entries else None
    if isinstance(first, dict) and "segments_info" in first:  # panoptic: kept as a file
        listing.used.discard(name)
        return None
    return Part(name, *task_of(name), content)


def _records(listing: Listing, part: Part, key: str) -> Iterator[tuple[str, Record]]:
    """(position, entry) of each entry that is an object."""
    entries = part.content.get(key) or []
    if not isinstance(entries, list):
        listing.findings.add(part.path, key, "invalid value", "expected a list")
        return
    for number, entry in enumerate(entries):
        if isinstance(entry, dict):
            yield f"{key}[{number}]", entry
        else:
            listing.findings.add(part.path, f"{key}[{number}]", "invalid value", "expected an object")


def _read_categories(listing: Listing, part: Part, classes: dict[str, Record], ids: dict[str, Any]) -> None:
    for position, entry in _records(listing, part, "categories"):
        name, number = name_of(entry.get("name")), entry.get("id")
        if name is None or not values.is_id(number):
            listing.findings.add(part.path, position, "invalid value", "expected an id and a name")
        elif number in part.categories or name in part.categories.values():
            listing.findings.add(part.path, position, "duplicate id", f"category {number}, {name!r}, is there twice")
        else:
            part.categories[number] = name
            about = {key: value for key, value in entry.items() if key not in ("id", "name")}
            classes[name] = classes.get(name, {}) | about
            ids.setdefault(name, number)


def _read_images(listing: Listing, part: Part, drafts: dict[tuple[str, str], Draft]) -> None:
    entries = list(_records(listing, part, "images"))
    around = _around(listing, part, [entry.get("file_name") for _, entry in entries[:100]])
    named = set[str]()
    for position, entry in Bar(entries, stage=f"reading {part.path}", unit="image"):
        given, number = name_of(entry.get("file_name")), entry.get("id")
        if given is None or not values.is_id(number):
            listing.findings.add(part.path, position, "invalid value", "expected an id and a file_name")
            continue
        name = normal(given)
        if name is None:
            listing.findings.add(part.path, position, "outside the dataset", given)
        elif number in part.images or name in named:
            listing.findings.add(part.path, position, "duplicate id", f"image {number}, {name}, is there twice")
        elif (path := posixpath.join(around, name)) not in listing.files:
            listing.findings.add(part.path, position, "missing image", path)
        else:
            named.add(name)
            draft = drafts.get((part.split, name)) or _draft(listing, path, name, part, position, entry)
            if draft:
                drafts[part.split, name] = part.images[number] = draft


def _draft(listing: Listing, path: str, name: str, part: Part, position: str, entry: Record) -> Draft | None:
    sample = values.sample_of(listing, path, name, part.split, part.path, position, entry)
    return Draft(sample, entry["id"]) if sample else None


def _around(listing: Listing, part: Part, names: list[Any]) -> str:
    """Folder that file names are relative to: the one where most of them are found."""
    beside = posixpath.dirname(part.path)
    up = posixpath.dirname(beside) if posixpath.basename(beside) == "annotations" else beside
    folders = [f"images/{part.folder}", part.folder, "images", beside, f"{beside}/images", up, ""]
    folders += [posixpath.join(up, one) for one in folders[:3]]

    def hits(folder: str) -> int:
        return sum(isinstance(name, str) and posixpath.join(folder, normal(name) or "") in listing.files
                   for name in names)  # fmt: skip

    return max([folder.strip("/") for folder in folders], key=hits)


def _read_annotations(listing: Listing, part: Part) -> None:
    known = set[Any]()
    for position, entry in _records(listing, part, "annotations"):
        number = entry.get("id")
        draft, label = _known(part.images, entry.get("image_id")), _known(part.categories, entry.get("category_id"))
        if number is not None and (not values.is_id(number) or number in known):
            listing.findings.add(part.path, position, "duplicate id", f"annotation {number!r:.40}")
            continue
        known.add(number)
        if draft is None:
            which = f"no image that was read has the id {entry.get('image_id')!r:.40}"
            listing.findings.add(part.path, position, "orphan annotation", which)
        elif "caption" in entry:
            if isinstance(entry["caption"], str):
                draft.captions.append((number, entry["caption"]))
            else:
                listing.findings.add(part.path, position, "invalid value", "a caption is no text")
        elif label is None:
            which = f"no category has the id {entry.get('category_id')!r:.40}"
            listing.findings.add(part.path, position, "class not listed", which)
        else:
            values.add_object(listing, part.path, position, part.task, label, entry, draft)


def _known(entries: dict[Any, Any], number: Any) -> Any:
    """The entry of an id; None for an unknown one, and for what is no id."""
    return entries.get(number) if values.is_id(number) else None


def _assembled(
    listing: Listing, parts: list[Part], drafts: dict[tuple[str, str], Draft], classes: dict[str, Record],
    ids: dict[str, Any], folders: dict[str, str],
) -> Annotated:  # fmt: skip
    samples = values.finished(list(drafts.values()))
    extras: Record = {}
    for part in parts:
        if rest := {key: value for key, value in part.content.items() if key not in TAKEN}:
            extras.setdefault("top", {}).setdefault(part.split, {})[part.task] = rest
    if [ids[name] for name in classes] != list(range(1, len(classes) + 1)):
        extras["category_ids"] = ids
    about = {name: {"coco": entry} for name, entry in classes.items() if entry}
    found = Annotated(tuple(classes), samples, folders, about, {"coco": extras} if extras else {}, source="coco")
    return dataclasses.replace(found, files=listing.rest())


TAKEN = frozenset({"images", "annotations", "categories"})
