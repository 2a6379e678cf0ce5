"""Attacks that remove a protection from the images before training: no key, and no clean image in the attacker's hands.

To add one, write its file and add a line to :data:`REMOVALS`. ``experiments/undo.py`` and ``ripguard audit`` run all
that fit a scheme; ``experiments/peers.py`` runs those that train no network, on carriers as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from ripguard.benchmark.attacks import synthetic_pairs
from ripguard.benchmark.attacks.class_means import without_class_means
from ripguard.benchmark.attacks.class_patterns import GRID, without_patterns
from ripguard.benchmark.attacks.limited_clean_data import names_off
from ripguard.data.image_set import ImageSet
from ripguard.errors import UsageError
from ripguard.perturb.base import Perturbation
from ripguard.perturb.dune import DUNEParams
from ripguard.perturb.layered import LayeredParams
from ripguard.perturb.lock.method import LockParams
from ripguard.perturb.make import make
from ripguard.perturb.marks import MarkedParams
from ripguard.schemes.two_axis import TwoAxis

LABELS, TWICE = "synthetic-pairs-labels", "synthetic-pairs-twice"


@dataclass
class Aid:
    """What an attack gets beside published images and scheme.

    Attributes:
        owner: clean images of the owner, with images of every class; only :func:`made_again` uses them. An attacker
            finds the marks of a class in a hundred published images of it, so the attacker is given the true marks:
            the method is fitted to these images again.
        steps: batches that each U-Net is trained for.
        left: images that attacks before left, by name; an attack that begins with another one takes its result.
    """

    owner: ImageSet
    steps: int = 1500
    left: dict[str, np.ndarray] = field(default_factory=dict)


Remove = Callable[[ImageSet, TwoAxis, int, str, Aid], np.ndarray]


@dataclass(frozen=True)
class Removal:
    """One attack on the images.

    Attributes:
        source: publication, or how it works.
        fits: whether the attack has something to remove from images of a scheme.
        remove: published images, scheme, seed, device and :class:`Aid` → uint8, shape of the published images.
        cost: time of its networks, in trainings of one U-Net; 0: it trains none.
    """

    name: str
    source: str
    fits: Callable[[TwoAxis], bool]
    remove: Remove
    cost: float = 0


def needs_model(scheme: TwoAxis) -> bool:
    """Whether the perturbation depends on a model of clean images, which nobody else can make again."""
    return "steps" in scheme.perturb.options() or scheme.perturb.method in ("em", "em-sample", "lock")


def made_again(scheme: TwoAxis, owner: ImageSet) -> Perturbation:
    """The perturbation of a scheme, of a layered one the marks, fitted to the owner's clean images as at protection."""
    return make(scheme.perturb.marks if isinstance(scheme.perturb, MarkedParams) else scheme.perturb, owner)


def _class_patterns(published: ImageSet, scheme: TwoAxis, seed: int, device: str, aid: Aid) -> np.ndarray:
    span = scheme.perturbation_class.public_span(scheme.perturb, len(published.names), published.images.shape[1:3])
    return without_patterns(published.images, published.labels, len(published.names), span)


def _class_means(
    published: ImageSet, scheme: TwoAxis, seed: int, device: str, aid: Aid, grid: int = 1
) -> np.ndarray:  # fmt: skip
    return without_class_means(published.images, published.labels, len(published.names), grid)


def _pairs(published: ImageSet, scheme: TwoAxis, seed: int, device: str, aid: Aid, labels: bool = False) -> np.ndarray:
    draw = np.random.default_rng(seed + 1)
    draw.permutation(len(published.labels))  # as experiments/undo.py, which draws the order of leaked images first
    return synthetic_pairs.marks_off(
        published.images, published.labels, len(published.names), made_again(scheme, aid.owner), labels, draw,
        aid.steps, seed, device,
    )  # fmt: skip


def _pairs_labels(published: ImageSet, scheme: TwoAxis, seed: int, device: str, aid: Aid) -> np.ndarray:
    return _pairs(published, scheme, seed, device, aid, labels=True)


def _pairs_twice(published: ImageSet, scheme: TwoAxis, seed: int, device: str, aid: Aid) -> np.ndarray:
    if not isinstance(scheme.perturb, LayeredParams):
        raise UsageError(f"{TWICE}: the perturbation {scheme.perturb.method} has none below it", "leave it out")
    if LABELS not in aid.left:
        aid.left[LABELS] = _pairs_labels(published, scheme, seed, device, aid)
    labels, classes = published.labels, len(published.names)
    return synthetic_pairs.perturbation_off(
        aid.left[LABELS], labels, classes, (labels + names_off(scheme.perturb)) % classes, scheme.perturb.under,
        np.random.default_rng([seed, 2]), aid.steps, seed, device,
    )  # fmt: skip


def _can_be_made_again(scheme: TwoAxis) -> bool:
    return isinstance(scheme.perturb, MarkedParams) or not needs_model(scheme)


def _colors_classes(scheme: TwoAxis) -> bool:
    """Whether all images of a class are moved by one color, or alike. Patches of a class are for `class-patterns`."""
    return isinstance(scheme.perturb, (DUNEParams, LockParams))


REMOVALS: dict[str, Removal] = {
    removal.name: removal
    for removal in (
        Removal(
            "class-patterns", "patches from the jumps of class means, public waves by projection",
            lambda scheme: True, _class_patterns,
        ),
        Removal("class-means", "the mean color of each class moved to that of all", _colors_classes, _class_means),
        Removal(
            "class-cells", "the same in each of 4×4 cells", _colors_classes, partial(_class_means, grid=GRID),
        ),
        Removal(
            LABELS, "a U-Net with labels, trained on images protected twice and once", _can_be_made_again,
            _pairs_labels, cost=1,
        ),
        Removal(
            "synthetic-pairs", "a U-Net, trained on images protected twice and once", _can_be_made_again, _pairs,
            cost=1,
        ),
        Removal(
            TWICE, "then another U-Net against the adversarial perturbation below the marks",
            lambda scheme: isinstance(scheme.perturb, LayeredParams), _pairs_twice, cost=8,
        ),
    )
}  # fmt: skip
