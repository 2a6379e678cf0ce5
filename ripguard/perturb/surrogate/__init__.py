"""The surrogate: a small ResNet, trained on the owner's images, whose gradients the perturbations use.

Training is seeded and takes ten epochs by default (under ten minutes for CIFAR-10 on two cores). The model is cached by
a digest of data and settings. It is private, and never part of a release.
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
from ripguard.perturb.surrogate.training import DESIGN, obtain, obtain_stages, train

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
    "obtain_stages",
    "predict",
    "resize",
    "save",
    "to_fitted",
    "to_tensor",
    "train",
    "working_size",
]
