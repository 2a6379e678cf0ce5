"""The surrogate: a small ResNet that the owner trains on their own images, for the perturbation to aim at.

Quick by default (ten epochs: under ten minutes for CIFAR-10 on two cores), seeded, cached by a digest of the data and
the settings. It is the owner's: it is never part of a release.
"""

from ripguard.perturb.surrogate.file import from_fitted, load, save, to_fitted
from ripguard.perturb.surrogate.model import (
    COARSE,
    STAGES,
    Ensemble,
    Settings,
    Surrogate,
    freeze,
    predict,
    resize,
    to_tensor,
    working_size,
)
from ripguard.perturb.surrogate.training import DESIGN, obtain, train

__all__ = [
    "COARSE",
    "DESIGN",
    "STAGES",
    "Ensemble",
    "Settings",
    "Surrogate",
    "freeze",
    "from_fitted",
    "load",
    "obtain",
    "predict",
    "resize",
    "save",
    "to_fitted",
    "to_tensor",
    "train",
    "working_size",
]
