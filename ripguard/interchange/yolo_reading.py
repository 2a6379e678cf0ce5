"""Reading YOLO: ``data.yaml``, the images of each split, and the text of each image."""

from __future__ import annotations

import dataclasses
import posixpath
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ripguard.bar import Bar
from ripguard.interchange.checks import bounds, inside
from ripguard.interchange.listing import Listing, folders_of, is_image, named_splits, normal
from ripguard.interchange.model import Annotated, Object, Sample
from ripguard.interchange.normalized import box_of, points_of
from ripguard.interchange.parsing import Unreadable, decimal_number, json_like, load, name_of, yaml_of
from ripguard.libraries import installed

Settings = dict[str, Any]
KNOWN = frozenset({"path", "names", "nc", "kpt_shape"})
NO_SPLITS = frozenset({"download", "roboflow", "flip_idx", "channels", "kpt_names", "minival"})
MOST_YAML = 1 << 20  # bytes
POLYGON = 6  # fewest numbers of one
LONGEST = 500  # characters of a number


@dataclass(frozen=True)
class Header:
    """What ``data.yaml`` says: classes, splits with their sources, keypoints of an object."""

    classes: tuple[str, ...]
    splits: dict[str, list[str]]
    shape: tuple[int, int] | None
    rest: Settings


def settings(listing: Listing) -> str | None:
    """Path of the file that names splits and classes, None without one."""
    if not installed("yaml"):
        likely = [name for name in ("data.yaml", "data.yml") if name in listing.files]
        return likely[0] if likely else None
    names = [name for suffix in (".yaml", ".yml") for name in listing.named(suffix) if name.count("/") < 2]
    for name in sorted(names, key=lambda one: (one.count("/"), not one.endswith("data.yaml"), one)):
        if listing.files[name] > MOST_YAML:
            continue
        try:
            value, _ = yaml_of(load(listing.root / name, MOST_YAML))
        except Unreadable:
            if posixpath.basename(name) in ("data.yaml", "data.yml"):
                return name  # reading it will say why
            continue
        if isinstance(value, dict) and "names" in value and {"train", "val", "test", "nc"} & value.keys():
            return name
    return None


def parse(listing: Listing) -> Annotated:
    """The dataset of a folder with ``data.yaml``."""
    path = settings(listing)
    header = _header(listing, path) if path else None
    if path is None:
        listing.findings.add("data.yaml", "", "unreadable file", "missing: it names splits and classes")
    if header is None:
        return Annotated((), (), source="yolo")
    base = posixpath.dirname(path or "")
    found = {key: _images(listing, path or "", base, key, sources) for key, sources in header.splits.items()}
    samples = []
    folders = {key: _folder(key, around) for key, (around, _) in found.items()}
    splits = named_splits(list(dict.fromkeys(folders.values())))
    for key, (around, images) in found.items():
        for image in Bar(images, stage=f"reading {key}", unit="image"):
            name = image.removeprefix(f"{around}/") if around else image
            if sample := listing.sample(image, name, splits[folders[key]], path or ""):
                samples.append(_annotated(listing, sample, image, header))
    _find_orphans(listing)
    result = Annotated(header.classes, tuple(samples), folders_of(splits), source="yolo")
    rest = dict(header.rest)
    if rest.get("kpt_shape") == keypoint_shape(result):  # else None: what a writer gives is no content
        rest.pop("kpt_shape", None)
    return dataclasses.replace(result, extras={"yolo": rest} if rest else {}, files=listing.rest())


def keypoint_shape(dataset: Annotated) -> list[int] | None:
    """``[number, 3]`` if all objects have a box and equally many keypoints, else None."""
    counts = {len(found.keypoints) if found.box else 0 for one in dataset.samples for found in one.objects}
    return [counts.pop() // 3, 3] if len(counts) == 1 and 0 not in counts else None


def _find_orphans(listing: Listing) -> None:
    """Reject texts of labels without an image."""
    wanted = {label_path(image) for image in listing.images()}
    for name in listing.named(".txt"):
        if "labels" in name.split("/")[:-1] and name not in wanted and not name.endswith("classes.txt"):
            listing.findings.add(name, "", "orphan annotation", "there is no image of this name")


def _folder(key: str, around: str) -> str:
    """Name of a split's folder: the last one of its path that says something, or the key."""
    parts = [part for part in around.split("/") if part not in ("", "images", "labels")]
    last = parts[-1] if parts else key
    return last if named_splits([last])[last] == named_splits([key])[key] else key


def _header(listing: Listing, path: str) -> Header | None:
    text = listing.text(path, MOST_YAML)
    if text is None:
        return None
    try:
        value, texts = yaml_of(text)
    except Unreadable as error:
        listing.findings.add(path, "", "unreadable file", str(error))
        return None
    classes = _classes(texts.get("names")) if isinstance(texts, dict) else None
    if classes is None or not isinstance(value, dict):
        listing.findings.add(path, "names", "invalid value", "expected a list of different names, or a table 0, 1, …")
        return None
    shape = _keypoint_shape(value.get("kpt_shape"))
    splits = {
        key: [one for one in (source if isinstance(source, list) else [source]) if isinstance(one, str)]
        for key, source in value.items() if isinstance(key, str) and _is_split(key, source)
    }  # fmt: skip
    rest = {key: one for key, one in json_like(value, texts).items() if key not in KNOWN and key not in splits}
    if shape:
        rest["kpt_shape"] = list(shape)
    return Header(classes, splits, shape, {key: one for key, one in rest.items() if one is not None})


def _keypoint_shape(value: Any) -> tuple[int, int] | None:
    if not isinstance(value, list) or len(value) != 2 or not all(isinstance(one, int) for one in value):
        return None
    return (value[0], value[1]) if 0 < value[0] < 10_000 and value[1] in (2, 3) else None


def _is_split(key: str, source: Any) -> bool:
    if key in KNOWN or key in NO_SPLITS:
        return False
    paths = source if isinstance(source, list) else [source]
    return bool(paths) and all(isinstance(one, str) and (key in ("train", "val", "test") or "/" in one)
                               for one in paths)  # fmt: skip


def _classes(names: Any) -> tuple[str, ...] | None:
    """Names in the order of their numbers, None if they are none."""
    if isinstance(names, dict):
        if set(names) != {str(number) for number in range(len(names))}:
            return None
        names = [names[str(number)] for number in range(len(names))]
    if not isinstance(names, list) or any(name_of(name) is None for name in names) or len(set(names)) != len(names):
        return None
    return tuple(names)


def _images(listing: Listing, path: str, base: str, key: str, sources: list[str]) -> tuple[str, list[str]]:
    """The folder that names are relative to, and the images of a split."""
    found: list[str] = []
    folders: list[str] = []
    for source in sources:
        place = _within(listing, base, source)
        if place is None:
            listing.findings.add(path, key, "outside the dataset", f"{source} is no folder or list of this dataset")
        elif place in listing.files:
            found += _listed(listing, place)
        else:
            found += listing.images(place)
            folders.append(place)
    around = folders[0] if len(folders) == 1 and len(sources) == 1 else _common(found)
    return around, list(dict.fromkeys(found))


def _within(listing: Listing, base: str, source: str) -> str | None:
    """A path of ``data.yaml`` as one of the listing. Roboflow writes ``../train/images`` for ``train/images``."""
    parts = source.replace("\\", "/").split("/")
    while parts and parts[0] in ("..", ".", ""):
        parts = parts[1:]
    for start in range(len(parts)):  # absolute paths of another machine: what is left of them
        for around in dict.fromkeys((base, "")):
            place = normal(posixpath.join(around, *parts[start:]) or ".") or ""
            if place in listing.files or any(name.startswith(f"{place}/") for name in listing.files):
                return place
    return None


def _listed(listing: Listing, place: str) -> list[str]:
    """Images of a text with one path a line."""
    found = []
    for at, line in enumerate((listing.text(place) or "").splitlines(), 1):
        if not line.strip():
            continue
        image = _within(listing, posixpath.dirname(place), line.strip())
        if image is None or not is_image(image):
            listing.findings.add(place, f"line {at}", "missing image", line.strip()[:200])
        else:
            found.append(image)
    return found


def _common(images: list[str]) -> str:
    return posixpath.commonpath([posixpath.dirname(image) for image in images]) if images else ""


def label_path(image: str) -> str:
    """Path of an image's text: the last ``images`` of its folders becomes ``labels``."""
    parts = posixpath.splitext(image)[0].split("/")
    for at in range(len(parts) - 2, -1, -1):
        if parts[at] == "images":
            parts[at] = "labels"
            break
    return "/".join(parts) + ".txt"


def _annotated(listing: Listing, sample: Sample, image: str, header: Header) -> Sample:
    """A sample with the objects of its text; without a text it has none."""
    path = label_path(image)
    if path not in listing.files:
        return sample
    objects = []
    for at, line in enumerate((listing.text(path) or "").splitlines(), 1):
        words = line.split()
        if not words:
            continue
        found = _object(words, sample, header)
        if isinstance(found, tuple):
            listing.findings.add(path, f"line {at}", *found)
        elif found.box and inside(found.box, sample, listing.findings, path, f"line {at}"):
            objects.append(found)
    return dataclasses.replace(sample, objects=tuple(objects))


def _object(words: list[str], sample: Sample, header: Header) -> Object | tuple[str, str]:
    """The object of a line, or the kind and the reason of a rejection."""
    if any(decimal_number(word) is None or len(word) > LONGEST for word in words):
        return "invalid value", f"expected numbers, got {' '.join(words)[:80]}"
    if not words[0].isdigit() or int(words[0]) >= len(header.classes):
        return "class not listed", f"class {words[0][:20]}, but data.yaml has {len(header.classes)} names"
    label, values = header.classes[int(words[0])], [Decimal(word) for word in words[1:]]
    size = sample.width, sample.height
    if header.shape and len(values) == 4 + header.shape[0] * header.shape[1]:
        return Object(label, box_of(values[:4], *size), keypoints=_keypoints(values[4:], header.shape[1], size))
    if len(values) == 4:
        return Object(label, box_of(values, *size))
    if len(values) >= POLYGON and len(values) % 2 == 0:
        ring = points_of(values, *size)
        return Object(label, bounds([ring]), (ring,))
    return "invalid value", f"{len(values)} numbers are neither a box nor a polygon"


def _keypoints(values: list[Decimal], each: int, size: tuple[int, int]) -> tuple[float, ...]:
    """``(x, y, visibility, …)``; visible (2) if the format has none, and absent (0) at the origin."""
    found: list[float] = []
    for at in range(0, len(values), each):
        x, y = points_of(values[at : at + 2], *size)
        found += (x, y, float(values[at + 2]) if each == 3 else 2.0 if x or y else 0.0)
    return tuple(found)
