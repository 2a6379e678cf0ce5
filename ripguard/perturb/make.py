"""Build a perturbation from parameters and training images: resolve, fit, construct."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.methods.fitted import FitContext, Fitted, Need, RunContext, Simulation
from ripguard.methods.params import DataStats, Params
from ripguard.methods.registries import PERTURBATIONS
from ripguard.perturb.base import Perturbation


def params_of(method: str, **options: Any) -> Params:
    """Parameters of the perturbation with this name. Raises :class:`UsageError`."""
    return PERTURBATIONS[method].kind().changed(**options)


def fit(params: Params, training: ImageSet | None, context: FitContext) -> Fitted:
    """Fit a method, given its resolved parameters, on its share of the training images.

    Raises:
        InputRefused: a file is not a surrogate, or one for other classes.
    """
    method = PERTURBATIONS[params.method](params)
    part = getattr(params, "surrogate_share", 1.0)
    if training is not None and part < 1 and Need.TRAINING_IMAGES in method.needs:
        training = training.part(some_of_each(training.labels, part, context.seed))
    return method.fit(training, context)


def make(
    params: Params, training: ImageSet, seed: int = 0, device: str = "cpu", simulate: Simulation | None = None
) -> Perturbation:
    """A fitted perturbation.

    Args:
        training: uint8 ``[n, side, side, 3]``, with images of every class.
        seed: for surrogates, searches, and the rule ``permutation``.
        simulate: see :class:`ripguard.methods.fitted.RunContext`.
    """
    params = params.resolve(DataStats(training.images.shape[1], len(training.names)))
    fitted = fit(params, training, FitContext(tuple(training.names), seed, device))
    return PERTURBATIONS[params.method](params, fitted, RunContext(device, simulate))


def some_of_each(labels: np.ndarray, part: float, seed: int) -> np.ndarray:
    """Sorted indices of a random share of each class's images, at least one per class: int64 ``[chosen]``."""
    order = np.random.default_rng(seed).permutation(len(labels))
    own = [order[labels[order] == label] for label in np.unique(labels)]
    return np.sort(np.concatenate([one[: math.ceil(part * len(one))] for one in own]))
