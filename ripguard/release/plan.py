"""The plan of a protection: path, unit, shape and digest of every image, and every parameter.

The plan contains unkeyed digests of clean files. It stays in the working folder and is never part of a release.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

from ripguard.bar import Bar
from ripguard.data.embedded import refused_texts
from ripguard.data.image_set import side_for
from ripguard.data.source import Source
from ripguard.data.splits import TRAIN
from ripguard.errors import InputRefused
from ripguard.executor import Local
from ripguard.files import open_regular
from ripguard.images.decoding import read_by
from ripguard.methods.params import DataStats
from ripguard.release.facts import Keeping, facts_or_refusal, fitting, same
from ripguard.release.names import odd_names, published_names, refuse_texts
from ripguard.release.record import CODEC, SUFFIXES
from ripguard.release.refusing import REFUSE, usable
from ripguard.schemes.base import Scheme

FEW = 2000  # up to so many images, one process is faster than starting more
MOST = 50_000  # training images of a surrogate
MOST_UNITS, MOST_IMAGES = 1 << 16, 1 << 32  # limits of the key derivation
SHARD_SAMPLES = 1 << 20  # samples of one shard: 341 images of 32×32×3


@dataclass(frozen=True, slots=True)
class Planned:
    """One image of the plan.

    Attributes:
        index: its number in the release.
        name, path, reader: see :class:`ripguard.data.source.Item`.
        out: its path in the release.
        unit, label: numbers of its unit and class; the class is -1 for an image without a label.
        shape: height, width, channels.
        sha256: hex digest of the file.
        size: bytes of the file.
        whole: whether the file is restored byte for byte because its rendering is not exact.
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
    whole: bool = False

    def read(self) -> bytes:
        """Bytes of the source file. Raises :class:`InputRefused` if they do not match the plan."""
        if self.reader is None:
            return read_unchanged(self.path, self.name, self.sha256)
        return _unchanged(read_by(self.reader, self.name), self.name, self.sha256)

    def seed(self, plan_seed: int) -> int:
        """64-bit seed of the image, derived from the clean file and the seed of the plan.

        Nobody without the clean file can compute it. The same image gets the same seed in every release, so averaging
        releases with equal options removes nothing of the perturbation.
        """
        text = f"ripguard seed {plan_seed} {self.sha256}".encode()
        return int.from_bytes(hashlib.sha256(text).digest()[:8], "big")


# fields of an image in the digest of the plan, with `whole` where it is true; its local path is not among them
IDENTIFYING = ("index", "name", "out", "unit", "label", "shape", "sha256")


@dataclass(frozen=True)
class Plan:
    """Everything that determines the bytes of a release, except the key.

    Attributes:
        units: (split, label) of each unit; a unit has its own subkey.
        labels: class names; the ``label`` of an image is an index into this list.
        limited: whether the release contains only a part of the source.
        perturbation: hex digest of what was fitted to the training images, "" for none.
        annotations: (name, path, hex SHA-256) of each annotation file.
        metadata: number of images by kind of metadata that restoring does not return.
        differs: number of images by kind of what their renderings do not show; their files are restored whole.
        skipped: name → reason of source images that are refused and left out.
        codec: format of the published images.
        unchanged: number of images of one color, where the scheme publishes those as they are.
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
    differs: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    codec: str = CODEC
    unchanged: int = 0

    @cached_property
    def digest(self) -> str:
        """Hex SHA-256 of the plan as JSON, without local paths: moving the source does not change it."""
        content = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        for name in ("metadata", "differs", "skipped", "unchanged"):  # covered by the digests of the images
            del content[name]
        if self.codec == CODEC:  # plans of releases of PNG files keep their digest
            del content["codec"]
        content["pictures"] = content.pop("images")  # the digest uses this name in all versions
        content["annotations"] = [(name, sha256) for name, _, sha256 in self.annotations]
        content["scheme"] = self.scheme.to_json()
        found, between = hashlib.sha256(), "{"
        for name in sorted(content):
            found.update(f'{between}"{name}": '.encode())
            if name == "pictures":  # one by one: the JSON of all images would need more memory than the plan
                for number, image in enumerate(self.images):
                    row = {name: getattr(image, name) for name in IDENTIFYING}
                    row |= {"whole": True} if image.whole else {}  # images of plans without it keep their digest
                    found.update((", " if number else "[").encode() + json.dumps(row, sort_keys=True).encode())
                found.update(b"]" if self.images else b"[]")
            else:
                found.update(json.dumps(content[name], sort_keys=True).encode())
            between = ", "
        found.update(b"}")
        return found.hexdigest()

    def aimed(self, perturbation: str) -> Plan:
        """The plan with the digest of what the scheme was fitted to."""
        return dataclasses.replace(self, perturbation=perturbation)

    @property
    def tinted(self) -> bool:
        """Whether gray images are published in color."""
        return self.scheme.published_channels(1) != 1

    def published_shape(self, image: Planned) -> tuple[int, int, int]:
        """Height, width and channels of the published image."""
        height, width, channels = image.shape
        return height, width, self.scheme.published_channels(channels)

    @cached_property
    def training(self) -> list[Planned]:
        """Images that a surrogate is trained on: the training split, or all without one; at most :data:`MOST`."""
        return _training(self.images, self.units)

    @cached_property
    def shards(self) -> list[list[Planned]]:
        """Groups of images of one shape, in plan order, of at most :data:`SHARD_SAMPLES` samples. Deterministic."""
        groups: dict[tuple[int, int, int], list[Planned]] = {}
        for image in self.images:
            groups.setdefault(image.shape, []).append(image)
        result = []
        for _, group in sorted(groups.items()):
            size = max(1, SHARD_SAMPLES // math.prod(self.published_shape(group[0])))
            result += [group[i : i + size] for i in range(0, len(group), size)]
        return result


def _training(images: list[Planned], units: list[tuple[str, str]]) -> list[Planned]:
    labelled = [p for p in images if p.label >= 0] or images
    chosen = [p for p in labelled if units[p.unit][0] == TRAIN] or labelled
    return chosen[:: -(-len(chosen) // MOST)]


def training_side(images: list[Planned]) -> int:
    """Side in pixels of the input of a surrogate for these images."""
    return side_for([(p.shape[1], p.shape[0]) for p in images])


def read_unchanged(path: str, name: str, sha256: str) -> bytes:
    """Bytes of a source file. Raises :class:`InputRefused` if they do not have this hex digest."""
    try:
        with open(open_regular(path, follow=True), "rb") as file:  # the caches of dataset hubs contain links
            data = file.read()
    except OSError as error:
        raise InputRefused(f"{name}: cannot be read any more: {error.strerror}") from None
    return _unchanged(data, name, sha256)


def _unchanged(data: bytes, name: str, sha256: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise InputRefused(f"{name} changed while it was being protected", "start again with --restart")
    return data


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
    on_error: str = REFUSE,
    codec: str = CODEC,
) -> Plan:
    """Read every source image once and make the plan.

    :meth:`Plan.aimed` adds the digest of the perturbation later.

    Args:
        limit: number of images, taken evenly from all classes; None: all.
        workers: processes that read images.
        on_error: ``"refuse"`` or ``"skip"`` images that are refused, see :func:`ripguard.release.refusing.usable`.
        codec: format of the published images, one of :data:`ripguard.release.record.SUFFIXES`.

    Raises:
        InputRefused: images or names that cannot be published, all of them in one message; or too many images.
    """
    items = source.limited(limit).items
    units = sorted({(item.split, item.label) for item in items})
    if len(units) > MOST_UNITS or len(items) > MOST_IMAGES:
        raise InputRefused(
            f"{len(units):,} classes by split and {len(items):,} images: a release holds at most {MOST_UNITS:,} and "
            f"{MOST_IMAGES:,}",
            "make several releases, each of a part of the classes",
        )
    names = [item.name for item in items] + [name for name, _ in source.annotations] + source.labels
    # a part of a source has the names that the whole one has
    every = published_names([item.name for item in source.items], keep_going=True, suffix=SUFFIXES[codec])
    refused = [*odd_names(names), *refused_texts(source.annotations)]
    refused += [one for one in every if isinstance(one, InputRefused)]
    run = Local(workers if len(items) > FEW else 1)
    found = run.map(facts_or_refusal, items, partial(same, Keeping.of(scheme, lossy, byte_exact)), chunk=200)
    read = list(Bar(found, total=len(items), stage="reading", unit="image"))
    read = [fitting(item, one, codec) for item, one in zip(items, read)]
    good, skipped = usable(source, items, read, refused, on_error)
    labels, units = source.labels, sorted({(item.split, item.label) for item, _ in good})
    places = {item.name: str(place) for item, place in zip(source.items, every)}
    refuse_texts([name for name, _ in source.annotations], places)
    classes = {label: number for number, label in enumerate(labels)} | {"": -1}
    numbers = {unit: (number, classes[unit[1]]) for number, unit in enumerate(units)}
    shapes = {one.shape: one.shape for _, one in good}  # images of equal shape share one tuple
    images = [
        Planned(
            i, item.name, str(item.path or ""), places[item.name], *numbers[item.split, item.label], shapes[one.shape],
            one.sha256, one.size, item.reader, one.whole,
        )
        for i, (item, one) in enumerate(good)
    ]  # fmt: skip
    channels = frozenset(p.shape[2] for p in images)
    scheme = scheme.resolve(DataStats(training_side(_training(images, units)), len(labels), channels))
    notes = [(n, str(p), _digest(n, p)) for n, p in sorted(source.annotations)]
    return Plan(
        source.name, scheme, seed, lossy, byte_exact, len(items) < len(source.items) or bool(skipped), "", labels,
        units, images, notes, counts(one.lost for _, one in good),
        counts(one.differs for _, one in good if one.whole), skipped, codec,
        sum(one.unchanged for _, one in good),
    )  # fmt: skip


def counts(kinds: Iterable[tuple[str, ...]]) -> dict[str, int]:
    """Number of images by kind, sorted by kind."""
    return dict(sorted(Counter(kind for own in kinds for kind in own).items()))
