"""Perturbation ``lock``: every image of a class goes through one invertible transform, which models learn instead.

Source: Peng, Chen, "Learnability Lock: Authorized Learnability Control Through Adversarial Invertible Transformations",
ICLR 2022, and the authors' published code. ``linear``: x' = W ⊙ x + B, W within 1 ± ε/2 and B within ± ε/2, for each
class, pixel and channel. ``iresnet``: x' = x + ε·tanh(h(x)), h three convolutions of each class. Both move samples by
at most ε.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.methods.params import option, positive, share, word
from ripguard.perturb.base import Perturbation, TrainedParams, needed
from ripguard.perturb.lock import linear, residual

EPS, ROUNDS = 16 / 255, 40
LINEAR, IRESNET = FORMS = ("linear", "iresnet")
Transform = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
NetTransform = Callable[[np.ndarray, residual.Net, float], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class LockParams(TrainedParams):
    method: ClassVar[str] = "lock"

    transform: str = option(
        LINEAR, "transform of a class: linear in each sample, or an invertible residual network", choices=FORMS,
        word=word("{}"), flag="form",
    )  # fmt: skip
    eps: float = option(
        EPS, "L∞ bound in 0..1", check=share, wanted="more than 0 and at most 1", word=word("ε {}"), usual=(None,)
    )
    rounds: int = option(
        ROUNDS, "most rounds of the search", check=positive, wanted="at least 1", word=word("rounds {}"),
        flag="lock-rounds",
    )  # fmt: skip


class Lock(Perturbation[LockParams]):
    """Each image goes through the transform of its class, which has an inverse.

    Args:
        fitted: ``arrays`` of :class:`ripguard.perturb.lock.search.Found`.
    """

    kind, needs = LockParams, frozenset({Need.CLASSES, Need.TRAINING_IMAGES})

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        from ripguard.perturb.lock.search import search

        own, training = self.params, needed(training)
        found = search(
            training.images, training.labels, len(context.classes), own.transform, own.eps, context.seed,
            context.device, own.rounds,
        )  # fmt: skip
        return Fitted(found.arrays, {"accuracies": found.accuracies})

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return self._each(linear.locked, residual.locked, clean, labels)

    def unlock(self, shown: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """The inverse, with the lock and the labels alone: uint8, shape of ``shown``.

        Where locking rounded or cut off, samples differ from the clean ones. Restoring a release does not use it.

        Args:
            shown: locked images, uint8 ``[batch, height, width, 1 or 3]``.
            labels: int64 ``[batch]``.
        """
        return self._each(linear.unlocked, residual.unlocked, shown, labels)

    def _each(self, by_line: Transform, by_net: NetTransform, images: np.ndarray, labels: np.ndarray) -> np.ndarray:
        if self.params.transform == LINEAR:
            present, place = np.unique(labels, return_inverse=True)
            shape = images.shape[1:]
            scale, offset = (linear.sized(self.fitted[name][present], shape)[place] for name in ("scale", "offset"))
            return by_line(images, scale, offset)
        import torch

        if self.context.device == "cpu":
            torch.set_num_threads(1)  # one process per core
        nets = [*(self.fitted[f"kernel {number}"] for number in range(len(residual.SIDES))), self.fitted["bias"]]
        own = [[part[label] for part in nets] for label in labels]
        return np.stack([by_net(image, one, self.params.eps) for image, one in zip(images, own)])
