"""Check a dataset before it is protected: splits, classes, images, texts, and every file that is refused."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.bar import Bar
from ripguard.data.embedded import refused_texts
from ripguard.data.source import Item, Source
from ripguard.data.splits import evaluation_split
from ripguard.errors import InputRefused, by_kind
from ripguard.executor import Local
from ripguard.release.facts import Keeping, SourceFacts, facts_or_refusal, fitting, same, too_wide
from ripguard.release.names import odd_names, published_names
from ripguard.release.plan import FEW, counts
from ripguard.release.published_texts import PublishedTexts
from ripguard.release.record import CODEC, SUFFIXES
from ripguard.release.sizes import estimate
from ripguard.schemes.base import Scheme
from ripguard.store.atomic import storage

NO_CLASSES = "use one folder for each class or --labels CSV, or a scheme without classes: --perturb noise"


@dataclass
class Checked:
    """Result of a check.

    Attributes:
        source: name of the source.
        splits: split → class → number of images; split ``""``: outside all splits; class ``""``: no label.
        test_split: the split that models are tested on, None without one.
        notes: how splits and classes were found.
        images: number of images that can be protected; bytes: of their files.
        formats: number of images by suffix; channels: by color or gray; sizes: by ``width×height``.
        metadata: number of images by kind of metadata that restoring samples does not return.
        whole: number of images by kind of what 8 bits do not show (alpha, 16 bits, several frames …): such an image is
            published as an 8-bit rendering, and its file is restored byte for byte.
        unchanged: number of images of one color, where the scheme publishes those as they are.
        published_bytes: estimated size of the published images, from some of them; 0 without any, and where it cannot
            be told (:mod:`ripguard.release.sizes`). ``estimated``: the same for each format that they may have, as far
            as it is known, and ``"source"``, the size of the source's images, which is an estimate, too, where only
            names are read.
        texts: text files, which are published without encryption; text_bytes: their size.
        rewritten: number of texts in which names of images change, because the images are published in one format.
        unresolved: text → name in it that ends like an image, and that stays as it is → why.
        parted: images that will have another name than the text beside them (``1.jpg.png`` and ``1.txt``), because two
            images would have one name.
        left_out: files that are not published, by reason.
        refused: path, message and hint of each file that must be mended first.
        by_class: whether the scheme perturbs by class.
        without_label: what images without a label then get, in words; "": not known.
        advice: options that suit these images better, with the reason; see :mod:`ripguard.release.advice`.
    """

    source: str
    splits: dict[str, dict[str, int]]
    test_split: str | None
    notes: list[str] = field(default_factory=list)
    images: int = 0
    bytes: int = 0
    formats: dict[str, int] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    metadata: dict[str, int] = field(default_factory=dict)
    whole: dict[str, int] = field(default_factory=dict)
    unchanged: int = 0
    published_bytes: int = 0
    estimated: dict[str, int] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    text_bytes: int = 0
    rewritten: int = 0
    unresolved: dict[str, dict[str, str]] = field(default_factory=dict)
    parted: list[str] = field(default_factory=list)
    left_out: dict[str, list[str]] = field(default_factory=dict)
    refused: list[dict[str, str]] = field(default_factory=list)
    by_class: bool = True
    without_label: str = ""
    advice: list[str] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """All class names, sorted."""
        return sorted({label for split in self.splits.values() for label in split} - {""})

    @property
    def unlabelled(self) -> int:
        """Number of images without a label."""
        return sum(split.get("", 0) for split in self.splits.values())

    @property
    def kinds(self) -> list[tuple[str, str, list[str]]]:
        """Reason, hint and names of the refused files, the most frequent first."""
        found = by_kind([InputRefused(one["message"], one["hint"]) for one in self.refused])
        return [(reason, hint, names) for (reason, hint), names in found.items()]

    def as_dict(self) -> dict[str, Any]:
        """Content of ``--json``."""
        return asdict(self) | {"classes": self.classes, "unlabelled": self.unlabelled}


def overview(source: Source, by_class: bool = True, without_label: str = "", codec: str = CODEC) -> Checked:
    """What is known before the images are read: splits, classes, texts and files that are left out.

    Of a format with a largest side, the headers of all images are read.
    """
    splits: dict[str, Counter[str]] = {}
    for item in source.items:
        splits.setdefault(item.split, Counter())[item.label] += 1
    result = Checked(
        source.name,
        {split: dict(sorted(splits[split].items())) for split in sorted(splits)},
        evaluation_split(set(splits)),
        list(source.notes),
        texts=[name for name, _ in source.annotations],
        text_bytes=sum(_size(path) for _, path in source.annotations),
        by_class=by_class,
        without_label=without_label if by_class else "",
    )
    for name, reason in sorted(source.left_out.items()):
        result.left_out.setdefault(reason, []).append(name)
    names = [item.name for item in source.items] + result.texts + source.labels
    result.refused = [_row(one) for one in [*source.refused, *odd_names(names), *too_wide(source.items, codec)]]
    if by_class and len(source.labels) < 2:
        found = f"expected at least two classes, found {len(source.labels)}"
        result.refused.append(_row(InputRefused(f"{source.name}: {found}", NO_CLASSES)))
    return result


def check(
    source: Source,
    scheme: Scheme,
    by_class: bool,
    byte_exact: bool = False,
    workers: int = 1,
    lossy: bool = False,
    codec: str = CODEC,
) -> Checked:
    """Read every image, and report what protecting the source would do, without doing it."""
    result = overview(source, by_class, scheme.without_label)
    keeping = Keeping.of(scheme, lossy, byte_exact)
    run = Local(workers if len(source.items) > FEW else 1)
    found = run.map(facts_or_refusal, source.items, partial(same, keeping), chunk=200)
    sizes, good = Counter[str](), list[tuple[Item, SourceFacts]]()
    for item, one in zip(source.items, Bar(found, total=len(source.items), stage="checking", unit="image")):
        one = fitting(item, one, codec)
        if isinstance(one, InputRefused):
            result.refused.append(_row(one))
            continue
        good.append((item, one))
        sizes[f"{one.shape[1]}×{one.shape[0]}"] += 1
        result.bytes += one.size
    result.images = len(good)
    result.metadata = counts(one.lost for _, one in good)
    result.whole = counts(one.differs for _, one in good if one.whole)
    result.unchanged = sum(one.unchanged for _, one in good)
    result.sizes = dict(sizes.most_common())
    result.formats = dict(Counter(os.path.splitext(item.name)[1].lower() for item, _ in good).most_common())
    result.channels = dict(Counter("color" if one.shape[2] == 3 else "gray" for _, one in good).most_common())
    if samples := sum(int(np.prod(one.shape)) for _, one in good):
        some = estimate([item for item, _ in good], scheme)
        result.estimated = {"source": result.bytes} | some.scaled(samples / some.samples)
        result.published_bytes = result.estimated.get(codec, 0)
    _read_texts(source, result, SUFFIXES[codec])
    return result


def _read_texts(source: Source, result: Checked, suffix: str) -> None:
    """Find the names of images in the texts."""
    names = [item.name for item in source.items]
    result.refused += [_row(one) for one in refused_texts(source.annotations)]
    places = zip(names, published_names(names, keep_going=True, suffix=suffix))
    texts = PublishedTexts({name: place for name, place in places if isinstance(place, str)})
    for name, path in source.annotations:
        with storage("cannot read"):
            found = texts.find(path.read_bytes(), name)
        result.rewritten += found.changed > 0
        if found.unresolved:
            result.unresolved[name] = found.unresolved
        result.parted += found.parted


def _row(refusal: InputRefused) -> dict[str, str]:
    return {"path": refusal.message.partition(": ")[0], "message": refusal.message, "hint": refusal.hint}


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
