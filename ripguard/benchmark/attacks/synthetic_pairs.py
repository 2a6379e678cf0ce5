"""Pairs that an attacker makes up: the protected images stand for clean ones and are protected once more.

Nobody needs a clean image for that, only the published method. Marks of a class can be seen on a hundred images of
it, so the attacker is given the true ones, and marks under labels drawn at random. An adversarial perturbation hangs on
a model that knows clean images; for what stands below marks the attacker trains one on what is left of the images.
"""

from __future__ import annotations

import numpy as np

from ripguard.benchmark.attacks import restorer
from ripguard.methods.fitted import RunContext
from ripguard.perturb import surrogate
from ripguard.perturb.base import Perturbation
from ripguard.perturb.tap import TAP, TAPParams


def marks_off(
    protected: np.ndarray,
    labels: np.ndarray,
    classes: int,
    again: Perturbation,
    told: bool,
    draw: np.random.Generator,
    steps: int = 1500,
    seed: int = 0,
    device: str = "cpu",
) -> np.ndarray:
    """What a U-Net leaves of protected images that saw them marked once more, and as they are.

    Args:
        protected: uint8 ``[n, side, side, 3]``; labels: int64 ``[n]``; again: makes the marks of a class.
        told: whether the U-Net is told the labels.
        steps, seed, device: see :func:`ripguard.benchmark.attacks.restorer.train`.

    Returns:
        Images shaped like ``protected``.
    """
    drawn = draw.integers(0, classes, len(labels))
    twice = again.in_parts(protected, drawn, _seeds(draw, len(labels)))
    model = restorer.train(twice, protected, drawn, classes if told else 0, steps, seed, device)
    return restorer.restored(model, protected, labels, device)


def perturbation_off(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    shown: np.ndarray,
    under: TAPParams,
    draw: np.random.Generator,
    steps: int = 1500,
    seed: int = 0,
    device: str = "cpu",
) -> np.ndarray:
    """What a U-Net that is told labels leaves of adversarial images; the pairs are of an attacker's own surrogate.

    That is trained on the images, which show another class than they are. Who knows the rule calls them by that, and
    has a surrogate that knows the classes by their names.

    Args:
        images, labels, classes, steps, seed, device: see :func:`marks_off`.
        shown: int64 ``[n]``, the class that the attacker takes each image to show.
        under: as the owner's.
    """
    own = surrogate.train(images, shown, classes, surrogate.Settings(seed=seed, side=images.shape[1]), device)
    drawn = draw.integers(0, classes, len(labels))
    again = TAP(under, context=RunContext(device), surrogate=own)
    more = again.in_parts(images, drawn, _seeds(draw, len(labels)))
    model = restorer.train(more, images, drawn, classes, steps, seed, device)
    return restorer.restored(model, images, labels, device)


def _seeds(draw: np.random.Generator, count: int) -> np.ndarray:
    return draw.integers(0, 2**63, count).astype(np.uint64)
