"""Synthetic pairs for :mod:`ripguard.benchmark.attacks.restorer`: protected images, and the same protected again.

The attack needs no clean image, only the published method. A hundred images reveal the marks of their class, so the
attacker gets the true marks, and applies them with random labels. An adversarial perturbation depends on a model of
clean images. If one lies below marks, the attacker trains a surrogate on the images without marks.
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
    with_labels: bool,
    draw: np.random.Generator,
    steps: int = 1500,
    seed: int = 0,
    device: str = "cpu",
) -> np.ndarray:
    """Remove marks with a U-Net that was trained on images marked twice and once.

    Args:
        protected: uint8 ``[n, side, side, 3]``.
        labels: int64 ``[n]``.
        again: the perturbation that makes the marks.
        with_labels: whether the U-Net gets the labels.
        draw: generator for the random labels.
        steps, seed, device: see :func:`ripguard.benchmark.attacks.restorer.train`.

    Returns:
        Images shaped like ``protected``.
    """
    drawn = draw.integers(0, classes, len(labels))
    twice = again.in_parts(protected, drawn, _seeds(draw, len(labels)))
    model = restorer.train(twice, protected, drawn, classes if with_labels else 0, steps, seed, device)
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
    """Remove an adversarial perturbation with a U-Net with labels; the pairs come from the surrogate of the attacker.

    The surrogate is trained on the images. They contain features of another class than their label. An attacker who
    knows the class rule trains with the classes of these features, and gets a surrogate with correct classes.

    Args:
        images, labels, classes, draw, steps, seed, device: see :func:`marks_off`.
        shown: int64 ``[n]``, training label of each image for the surrogate.
        under: parameters of the perturbation of the owner.

    Returns:
        Images shaped like ``images``.
    """
    own = surrogate.train(images, shown, classes, surrogate.Settings(seed=seed, side=images.shape[1]), device)
    drawn = draw.integers(0, classes, len(labels))
    again = TAP(under, context=RunContext(device), surrogate=own)
    more = again.in_parts(images, drawn, _seeds(draw, len(labels)))
    model = restorer.train(more, images, drawn, classes, steps, seed, device)
    return restorer.restored(model, images, labels, device)


def _seeds(draw: np.random.Generator, count: int) -> np.ndarray:
    return draw.integers(0, 2**63, count).astype(np.uint64)
