"""The plan of a protection: every image with its place, unit, shape and digest, and every parameter.

The plan holds plain digests of clean files, so it stays in the working folder and is never part of a release.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, overload

from ripguard.data.image_set import side_for
from ripguard.data.source import Item, Source
from ripguard.errors import InputRefused, acts, refuse_all
from ripguard.executor import Local
from ripguard.files import open_regular
from ripguard.images.decoding import metadata, read_by, read_image
from ripguard.methods.params import DataStats
from ripguard.progress import Bar
from ripguard.schemes.base import Scheme

FEW = 2000  # images that are read sooner than processes start
MOST = 50_000  # training images for a surrogate
MOST_UNITS, MOST_IMAGES = 1 << 16, 1 << 32  # that subkeys can tell apart
LONGEST_NAME = 255  # bytes of one part of a path
SHARD_SAMPLES = 1 << 20  # samples that are worked on at once: 341 images of 32×32×3


@dataclass(frozen=True, slots=True)
class Planned:
    """One image of the plan. ``index`` is its number; ``out`` its place in the release.

    ``path`` and ``reader``: see :class:`ripguard.data.source.Item`; ``size``: bytes of its file.
    """

    index: int
    name: str
    path: str
    out: str
    unit: int
    label: int
    shape: tuple[int, int, int]
    sha256: str
    size: int = 0
    reader: Callable[[], bytes] | None = None

    def read(self) -> bytes:
        """The source file as the plan has it. Raises :class:`InputRefused`."""
        if self.reader is None:
            return read_unchanged(self.path, self.name, self.sha256)
        return _unchanged(read_by(self.reader, self.name), self.name, self.sha256)

    def seed(self, plan_seed: int) -> int:
        """64 random-looking bits of its own, from the clean file alone.

        So nobody without it can work them out, and an image that is published again, in another release, draws the
        same numbers: averaging releases that were made with the same options takes nothing of it away.
        """
        text = f"ripguard seed {plan_seed} {self.sha256}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


# of an image, by JSON in the plan's digest: where it lies identifies nothing
IDENTIFYING = ("index", "name", "out", "unit", "label", "shape", "sha256")


@dataclass(frozen=True)
class Plan:
    """Everything that decides what a release looks like, but the key.

    Attributes:
        units: (split, label) of each unit; a unit is what a partial grant can name.
        labels: class names; an image's ``label`` counts in them.
        limited: whether only a part of the source was asked for.
        perturbation: digest of what the scheme found in the training images, "" where there is nothing.
        metadata: how many images carry which kind that the release does not give back; whole files keep theirs.
    """

    source: str
    scheme: Scheme
    seed: int
    lossy: bool
    byte_exact: bool
    limited: bool
    perturbation: str
    labels: list[str]
    units: list[tuple[str, str]]
    images: list[Planned]
    annotations: list[tuple[str, str, str]]  # name, path, sha256
    metadata: dict[str, int] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the plan's JSON without local paths: moving the source does not change it."""
        content = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        del content["metadata"]  # the images' digests cover it
        content["pictures"] = content.pop("images")  # its name in every digest so far
        content["annotations"] = [(name, sha256) for name, _, sha256 in self.annotations]
        content["scheme"] = self.scheme.to_json()
        found, between = hashlib.sha256(), "{"
        for name in sorted(content):
            found.update(f'{between}"{name}": '.encode())
            if name == "pictures":  # one by one: all of them at once would take more memory than the plan
                for number, image in enumerate(self.images):
                    row = {name: getattr(image, name) for name in IDENTIFYING}
                    found.update((", " if number else "[").encode() + json.dumps(row, sort_keys=True).encode())
                found.update(b"]" if self.images else b"[]")
            else:
                found.update(json.dumps(content[name], sort_keys=True).encode())
            between = ", "
        found.update(b"}")
        return found.hexdigest()

    def aimed(self, perturbation: str) -> Plan:
        """The plan with the digest of what the scheme found."""
        return dataclasses.replace(self, perturbation=perturbation)

    @property
    def tinted(self) -> bool:
        """Whether gray images are published in color."""
        return self.scheme.published_channels(1) != 1

    def published_shape(self, image: Planned) -> tuple[int, int, int]:
        """Height, width and channels that an image is published with."""
        height, width, channels = image.shape
        return height, width, self.scheme.published_channels(channels)

    @cached_property
    def training(self) -> list[Planned]:
        """The images that a surrogate is trained on: of the training split, where there is one."""
        return _training(self.images, self.units)

    @cached_property
    def shards(self) -> list[list[Planned]]:
        """Runs of images of one shape, in plan order, at most :data:`SHARD_SAMPLES` samples each; fixed."""
        groups: dict[tuple[int, int, int], list[Planned]] = {}
        for image in self.images:
            groups.setdefault(image.shape, []).append(image)
        result = []
        for _, group in sorted(groups.items()):
            size = max(1, SHARD_SAMPLES // math.prod(self.published_shape(group[0])))
            result += [group[i : i + size] for i in range(0, len(group), size)]
        return result


def _same(whole: bytes | None) -> bytes | None:
    return whole


def _training(images: list[Planned], units: list[tuple[str, str]]) -> list[Planned]:
    chosen = [p for p in images if units[p.unit][0] == "train"] or images
    return chosen[:: -(-len(chosen) // MOST)]


def training_side(images: list[Planned]) -> int:
    """The side, in pixels, at which a surrogate sees them."""
    return side_for([(p.shape[1], p.shape[0]) for p in images])


@dataclass(frozen=True, slots=True)
class Seen:
    """What the plan keeps of a source image: shape, file digest, bytes of the file, and metadata that are lost."""

    shape: tuple[int, int, int]
    sha256: str
    size: int
    lost: tuple[str, ...]


def look(whole: bytes | None, item: Item) -> Seen:
    """Read and decode one source image; refuses what cannot be kept exactly.

    Args:
        whole: how files begin that come back as they are, with their metadata; None: none do.
    """
    data = item.read()
    height, width, channels = read_image(data, item.name).shape
    lost = () if whole is not None and data.startswith(whole) else metadata(data)
    return Seen((height, width, channels), hashlib.sha256(data).hexdigest(), len(data), lost)


def read_unchanged(path: str, name: str, sha256: str) -> bytes:
    """A source file as the plan has it. Raises :class:`InputRefused`."""
    try:
        with open(open_regular(path, follow=True), "rb") as file:  # some sources are links: a hub's cache
            data = file.read()
    except OSError as error:
        raise InputRefused(f"{name}: cannot be read any more: {error.strerror}") from None
    return _unchanged(data, name, sha256)


def _unchanged(data: bytes, name: str, sha256: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InputRefused(f"{name} changed while it was being protected", "start again with --restart")
    return data


def published_places(items: list[Item]) -> list[str]:
    """Where each item stands in the release: where the source had it, below ``train/`` if the source has no splits.

    The added folder keeps ``.ripguard`` out of a listing of class folders, so that any ImageFolder loader can be used.
    """
    names = [item.name for item in items]
    classes_first = all(item.label and item.name.split("/")[0] == item.label for item in items)
    return published_names([f"train/{name}" for name in names] if classes_first else names)


@overload
def published_names(names: list[str]) -> list[str]: ...


@overload
def published_names(names: list[str], keep_going: bool) -> list[str | InputRefused]: ...


def published_names(names: list[str], keep_going: bool = False) -> Any:
    """Where each source image stands in the release: ``a.jpg`` → ``a.png``; where two would meet, ``a.jpg.png``.

    Two names meet if a file system may take them for one, without regard to case or to how accents are written, so a
    release can be unpacked anywhere.

    Args:
        keep_going: give the error in the place of a name that is too long.

    Raises:
        InputRefused: names that would become longer than file systems allow, all of them.
    """
    plain = [_as_png(name) for name in names]
    keys = [_folded(short) for short in plain]
    counts, result = Counter(keys), list[str | InputRefused]()
    taken = {""}  # folders are names as well
    for folder in {_folded(name.rpartition("/")[0]) for name in names}:
        while folder not in taken:
            taken.add(folder)
            folder = folder.rpartition("/")[0]
    for name, short, key in zip(names, plain, keys):
        out = short if counts[key] == 1 else f"{name}.png"
        number = 0
        while _folded(out) in taken:
            number += 1
            out = f"{name}.{number}.png"
        if too_long(out):
            result.append(
                InputRefused(f"{name}: its published name would be longer than {LONGEST_NAME} bytes", "shorten it")
            )
            continue
        taken.add(_folded(out))
        result.append(out)
    if not keep_going:
        refuse_all([one for one in result if isinstance(one, InputRefused)])
    return result


def too_long(place: str) -> bool:
    """Whether a part of a path is longer than file systems allow."""
    return any(len(part.encode(errors="surrogateescape")) > LONGEST_NAME for part in place.split("/"))


def _as_png(name: str) -> str:
    """``a/b.jpg`` → ``a/b.png``, as :meth:`PurePosixPath.with_suffix` does, and ten times as fast."""
    folder, slash, last = name.rpartition("/")
    dot = last.rfind(".")
    return f"{folder}{slash}{last[:dot] if 0 < dot < len(last) - 1 else last}.png"


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _refuse_names(names: list[str]) -> None:
    """Control characters in names, and such as turn the direction of writing, could forge what a terminal shows."""
    hint = "rename it: control characters and marks of writing direction are not published"
    refuse_all(
        [InputRefused(f"{name}: its name holds a character that is not shown", hint) for name in names if acts(name)]
    )


def _digest(name: str, path: Path) -> str:
    """Hex SHA-256 of an annotation file. Raises :class:`InputRefused`."""
    try:
        with open(open_regular(path), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputRefused(f"{name}: cannot be read: {error.strerror}", "permissions?") from None


def make_plan(
    source: Source,
    scheme: Scheme,
    seed: int = 0,
    lossy: bool = False,
    byte_exact: bool = False,
    limit: int | None = None,
    workers: int = 1,
) -> Plan:
    """Read every source image once and fix the plan. Raises :class:`InputRefused` before any work is done.

    The digest of the perturbation is filled in by :meth:`Plan.aimed` once a surrogate stands.
    """
    limited = limit is not None and limit < len(source.items)
    items = source.limited(limit).items
    _refuse_names([item.name for item in items] + [name for name, _ in source.annotations] + source.labels)
    units = sorted({(item.split, item.label) for item in items})
    if len(units) > MOST_UNITS or len(items) > MOST_IMAGES:
        raise InputRefused(
            f"{len(units):,} classes by split and {len(items):,} images: a release holds at most {MOST_UNITS:,} and "
            f"{MOST_IMAGES:,}",
            "make several releases, each of a part of the classes",
        )
    whole = b"" if byte_exact else scheme.keeps()
    run = Local(workers if len(items) > FEW else 1)
    found = run.map(look, items, partial(_same, whole), chunk=200)
    looks: list[Seen] = list(Bar(found, total=len(items), stage="reading", unit="image"))
    labels = source.labels
    places = published_places(items)
    numbers = {unit: (number, labels.index(unit[1])) for number, unit in enumerate(units)}
    shapes = {seen.shape: seen.shape for seen in looks}  # one tuple for all images of a shape
    images = [
        Planned(
            i, item.name, str(item.path or ""), out, *numbers[item.split, item.label], shapes[seen.shape], seen.sha256,
            seen.size, item.reader,
        )
        for i, (item, out, seen) in enumerate(zip(items, places, looks))
    ]  # fmt: skip
    channels = frozenset(p.shape[2] for p in images)
    scheme = scheme.resolve(DataStats(training_side(_training(images, units)), len(labels), channels))
    notes = [(n, str(p), _digest(n, p)) for n, p in sorted(source.annotations)]
    carried = dict(sorted(Counter(kind for seen in looks for kind in seen.lost).items()))
    return Plan(source.name, scheme, seed, lossy, byte_exact, limited, "", labels, units, images, notes, carried)
