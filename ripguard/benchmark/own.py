"""Evaluate a release: train on clean and on published images, and test on clean images.

Results depend only on the files of the release and its source, not on records of the project. Checkpoints are written
to the cache and removed after training.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.crypto.keys import KeyRing
from ripguard.data.image_set import ImageSet, load
from ripguard.data.source import Item, Source, cache_root
from ripguard.data.splits import TRAIN, evaluation_split
from ripguard.errors import InputRefused, VerifyFailed, tell
from ripguard.precision import check_device
from ripguard.release.inspect import scheme_name
from ripguard.release.manifest import Release
from ripguard.release.signers import vouched
from ripguard.release.verify import sources_by_place
from ripguard.train.loop import accuracy, fit
from ripguard.train.protocols import Protocol
from ripguard.train.recipe import recipe_of

HELD_OUT = 0.2  # fraction of each class for testing, without a test split
FEWEST = 2  # minimal number of test images per class


@dataclass(frozen=True)
class Row:
    """One model. Accuracies in percent, on its training images and on clean test images."""

    training_set: str
    seed: int
    images: int
    train_accuracy: float
    test_accuracy: float


@dataclass
class Evaluation:
    """Result of an evaluation.

    Attributes:
        scheme: name of the release's scheme, "sealed" without a key that opens it.
        chance: accuracy in percent of predicting the most frequent class of the test images.
        held_out: whether the test images were held out of the training split.
        rows: one per model, ``clean`` or ``protected``, in the order of the seeds.
    """

    release: str
    scheme: str
    protocol: str
    model: str
    epochs: int
    classes: int
    test_images: int
    held_out: bool
    chance: float
    rows: list[Row] = field(default_factory=list)

    def of(self, training_set: str) -> list[float]:
        """Test accuracies of one training set."""
        return [row.test_accuracy for row in self.rows if row.training_set == training_set]

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def evaluate(
    root: Path,
    source: Source,
    protocol: str = "smoke",
    model: str | None = None,
    epochs: int | None = None,
    seeds: Sequence[int] = (0,),
    device: str = "cpu",
    signer: str | None = None,
    workers: int = 1,
    key: KeyRing | None = None,
) -> Evaluation:
    """For each seed, train a model on clean and one on published images; test both on clean images.

    Args:
        root: path of the release.
        source: the source of the release.
        protocol: name in PROTOCOLS; ``model`` and ``epochs`` replace those of the protocol.
        signer: fingerprint that must have signed the release.
        key: opens the recipe, for the result; the models are trained without it.

    Raises:
        WrongKey: the key does not open the release.
        UsageError: an unknown protocol, model or device.
        VerifyFailed: the release was not made from this source.
        InputRefused: images without labels, a single class, or a class with too few images.
    """
    recipe = recipe_of(protocol, model, epochs)
    check_device(device)
    release = Release.open(root)
    scheme = scheme_name(release, key)
    vouched(release, signer, key)
    clean, published = _pairs(release, source)
    train, test, held_out = train_and_test(clean)
    about = "a fifth of the training images, held out of both" if held_out else "the source's test split"
    tell(f"ripguard: {len(train)} images to train on, {len(test)} clean ones to test on: {about}")
    known = load([clean[i] for i in train], workers=workers, note="clean images")
    side = known.images.shape[1]
    protected = load([published[i] for i in train], side, workers, "protected images", published=True)
    tested = load([clean[i] for i in test], side, workers, "test images")
    if len(known.names) < 2:
        raise InputRefused(f"expected at least two classes, found {len(known.names)}", "use one folder for each class")
    if known.names != tested.names:
        missing = sorted(set(known.names) ^ set(tested.names))
        raise InputRefused(
            f"class {missing[0]} is not among both training and test images", "every class needs images in both"
        )
    result = Evaluation(
        str(root), scheme, protocol, recipe.model, recipe.epochs, len(known.names),
        len(tested.labels), held_out, round(100 * float(np.bincount(tested.labels).max() / len(tested.labels)), 2),
    )  # fmt: skip
    for seed in seeds:
        for name, data in (("clean", known), ("protected", protected)):
            result.rows.append(_row(name, data, tested, recipe, seed, device))
    return result


def _pairs(release: Release, source: Source) -> tuple[list[Item], list[Item]]:
    """Clean images of the source and their published images, in the same order and with the same names."""
    places, units = sources_by_place(release, source), release.info["units"]
    clean, published = [], []
    for row in release.rows:
        unit, path = units[row["unit"]], release.root / row["path"]
        if (item := places.get(row["path"])) and unit["label"]:  # images without a label train nothing
            clean.append(dataclasses.replace(item, name=row["path"], split=unit["split"], label=unit["label"]))
            published.append(Item(row["path"], path, unit["split"], unit["label"]))
    if not clean:
        raise VerifyFailed(f"{release.root} was not made from {source.name}: they have no image in common")
    return clean, published


def train_and_test(items: Sequence[Item]) -> tuple[list[int], list[int], bool]:
    """Indices of training and test images, and whether the test images were held out of the training split.

    A fifth of each class is held out; the choice depends only on the names.
    """
    if tested := evaluation_split({item.split for item in items}):
        positions = [[i for i, item in enumerate(items) if item.split == part] for part in (TRAIN, tested)]
        return positions[0], positions[1], False
    train, test = [], []
    for label in sorted({item.label for item in items}):
        own = [i for i, item in enumerate(items) if item.label == label]
        own.sort(key=lambda i: hashlib.sha256(items[i].name.encode(errors="surrogateescape")).digest())
        count = round(HELD_OUT * len(own))
        if count < FEWEST:
            raise InputRefused(
                f"class {label or '(no label)'} has {len(own)} images: too few to hold some out for testing",
                "make the release with a test split: folders train/<class> and test/<class>",
            )
        test += own[:count]
        train += own[count:]
    return sorted(train), sorted(test), True


def _row(name: str, data: ImageSet, test: ImageSet, recipe: Protocol, seed: int, device: str) -> Row:
    identity = hashlib.sha256(f"{data.digest} {recipe} {seed} {device}".encode()).hexdigest()[:32]
    checkpoint = cache_root() / "evaluate" / f"{identity}.pt"  # a killed run continues from it
    note = f"{name} images, seed {seed}"
    victim = fit(data.images, data.labels, len(data.names), recipe, seed, device, checkpoint, note=note)
    found = Row(
        name, seed, len(data.labels), round(accuracy(victim, data.images, data.labels), 3),
        round(accuracy(victim, test.images, test.labels), 3),
    )  # fmt: skip
    checkpoint.unlink(missing_ok=True)
    return found
