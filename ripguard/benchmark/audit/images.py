"""The images of a release for an audit: as published, and clean.

Clean images are restored with the key, in memory only, or read from the source. They are drawn in an order of which
every beginning has all classes in their proportions, so that an audit of some images restores no others.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ripguard.bar import Bar
from ripguard.benchmark.own import train_and_test
from ripguard.crypto.keys import KeyRing
from ripguard.data.image_set import ImageSet, digest, load, side_for, square
from ripguard.data.source import Item, Source
from ripguard.errors import InputRefused, VerifyFailed
from ripguard.release.batches import in_batches, restore_files, split
from ripguard.release.manifest import Release
from ripguard.release.restorer import Restorer
from ripguard.release.spelling import found_at
from ripguard.release.verify import sources_by_place
from ripguard.train.shown import samples


@dataclass(frozen=True)
class Pairs:
    """Published images and their clean images, in the same order.

    Attributes:
        drawn: int64 ``[n]``, position of each image in the order in which they are drawn.
    """

    published: ImageSet
    clean: ImageSet
    drawn: np.ndarray

    def first(self, count: int) -> np.ndarray:
        """bool ``[n]``: the ``count`` images that are drawn first."""
        return self.drawn < count


class Images:
    """The labelled images of a release.

    Attributes:
        train, test: published images, in the order in which they are drawn.
        held_out: whether the test images were held out of the training split.
        names: classes, sorted.
        side: of all images in pixels, see :func:`ripguard.data.image_set.side_for`; a multiple of 4.

    Raises:
        InputRefused: too few images or classes.
        VerifyFailed: the release was not made from ``source``.
    """

    def __init__(self, release: Release, key: KeyRing, source: Source | None = None, seed: int = 0) -> None:
        self._release, self._restorer = release, Restorer(key, release)
        units = release.info["units"]
        found, sizes = list[Item](), dict[str, tuple[int, int]]()
        for row in release.rows:
            unit = units[row["unit"]]
            if unit["label"]:  # images without a label train nothing
                found.append(Item(row["path"], found_at(release, row["path"]), unit["split"], unit["label"]))
                sizes[row["path"]] = (row["shape"][1], row["shape"][0])
        self._clean_items = None if source is None else sources_by_place(release, source)
        if self._clean_items is not None and (missing := [one for one in found if one.name not in self._clean_items]):
            raise VerifyFailed(f"{release.root} was not made from this source: it lacks {missing[0].name}")
        if not found:
            raise InputRefused(f"{release.root} has no image with a label", "an audit needs classes")
        train, test, self.held_out = train_and_test(found)
        self.names = sorted({found[i].label for i in train})
        if len(self.names) < 2:
            raise InputRefused(
                f"expected at least two classes, found {len(self.names)}", "use one folder for each class"
            )
        if missing_names := sorted(set(self.names) ^ {found[i].label for i in test}):
            raise InputRefused(
                f"class {missing_names[0]} is not among both training and test images",
                "every class needs images in both",
            )
        self.train, self.test = ([own[i] for i in order_of([one.label for one in own], seed)] for own in (
            [found[i] for i in train], [found[i] for i in test],
        ))  # fmt: skip
        side = side_for([sizes[one.name] for one in self.train])
        self.side = 4 * -(-side // 4)  # the networks of removal attacks halve it twice

    def pairs(self, count: int) -> Pairs:
        """The first ``count`` training images, as published and clean."""
        drawn = {one.name: place for place, one in enumerate(self.train[:count])}
        items = sorted(self.train[:count], key=lambda one: (one.label, one.name))  # as `load` sorts them
        published = load(items, self.side, note="published images", published=True)
        return Pairs(published, self._clean(items, "training images"), np.array([drawn[one.name] for one in items]))

    def tested(self, count: int) -> ImageSet:
        """The first ``count`` test images, clean."""
        items = sorted(self.test[:count], key=lambda one: (one.label, one.name))
        return self._clean(items, "test images")

    def _clean(self, items: list[Item], note: str) -> ImageSet:
        labels = np.array([self.names.index(one.label) for one in items], np.int64)
        found, names = list[np.ndarray](), [one.name for one in items]
        with Bar(total=len(items), stage=f"restoring {note}", unit="image") as bar:
            if self._clean_items is not None:
                for name in names:
                    own = load([_labelled(self._clean_items[name])], self.side)
                    found.append(own.images[0])
                    bar.update()
            else:
                paths = [one.path or self._release.root for one in items]
                lengths = in_batches(paths, names, self._release)
                for some, own_names in zip(split(paths, lengths), split(names, lengths)):
                    for one in restore_files(self._restorer, some, own_names):
                        if one.error:
                            raise one.error
                        found.append(square(samples(one), self.side))
                        bar.update()
        images = np.stack(found)
        return ImageSet(images, labels, self.names, digest(images, labels, self.names))


def order_of(labels: list[str], seed: int) -> np.ndarray:
    """A random order of images of which every beginning has the classes in their proportions: int64 ``[n]``."""
    known = np.array(labels)
    draw = np.random.default_rng(seed)
    place = np.empty(len(known))
    for label in np.unique(known):
        own = draw.permutation(np.flatnonzero(known == label))
        place[own] = (np.arange(len(own)) + draw.random()) / len(own)
    first = np.zeros(len(known), bool)
    first[[np.flatnonzero(known == label)[place[known == label].argmin()] for label in np.unique(known)]] = True
    return np.lexsort((place, ~first))


def _labelled(item: Item) -> Item:
    """The item with a label: :func:`ripguard.data.image_set.load` wants one; the release's counts."""
    return item if item.label else Item(item.name, item.path, item.split, "-", item.reader)
