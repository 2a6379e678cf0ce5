"""What every perturbation is: clean images and labels in, 8-bit carriers out.

Parameters are settled (:meth:`Params.resolve`), what there is to find in the training images is found once
(:meth:`Perturbation.fit`), and then every batch is perturbed by itself (:meth:`Perturbation.run`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Generic, final

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.errors import expected
from ripguard.methods.fitted import FitContext, Fitted, Need, RunContext
from ripguard.methods.params import P, Params, option, share, word


class Perturbation(ABC, Generic[P]):
    """Makes carriers: images that look like the clean ones and that a model should learn the wrong thing from.

    Args:
        params: of the method, settled.
        fitted: what :meth:`fit` found.
        context: device, and what hiding does.

    Attributes:
        kind: the class of its parameters.
        needs: what must be there before it can begin.
        colors: whether it works by colors, so that gray images of a dataset that has colored ones need some too.
    """

    kind: ClassVar[type[Params]]
    needs: ClassVar[frozenset[Need]] = frozenset()
    colors: ClassVar[bool] = False

    def __init__(self, params: P, fitted: Fitted | None = None, context: RunContext | None = None) -> None:
        self.params, self.fitted, self.context = params, fitted or Fitted(), context or RunContext()

    @property
    def name(self) -> str:
        return self.params.method

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        """Look for what the method needs, once.

        Args:
            training: the training images, uint8 ``[n, side, side, 3]``, some of every class; None unless ``needs`` has
                :attr:`Need.TRAINING_IMAGES`.
        """
        return Fitted()

    @abstractmethod
    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """The method itself; inputs are checked, the result is checked after."""

    @final
    def __call__(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Make carriers.

        Args:
            clean: uint8 ``[batch, height, width, 1 or 3]``.
            labels: int64 ``[batch]``, class numbers.
            seeds: uint64 ``[batch]``, one an image, from the plan: never from batch position or worker.

        Returns:
            Carriers, uint8, shape of ``clean``: already rounded to 8 bits.
        """
        if clean.dtype != np.uint8 or clean.ndim != 4:
            raise ValueError(expected("clean", "uint8 [batch, height, width, channels]", (clean.dtype, clean.shape)))
        if labels.shape != (len(clean),) or seeds.shape != (len(clean),):
            raise ValueError(expected("labels and seeds", (len(clean),), (labels.shape, seeds.shape)))
        carriers = self.run(clean, labels, seeds)
        if carriers.dtype != np.uint8 or carriers.shape != clean.shape:
            raise ValueError(expected("carriers", (np.uint8, clean.shape), (carriers.dtype, carriers.shape)))
        return carriers

    @final
    def in_parts(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray, size: int = 500) -> np.ndarray:
        """The same for many images, ``size`` at a time: what an image gets does not hang on its neighbours."""
        cuts = [slice(start, start + size) for start in range(0, len(clean), size)]
        return np.concatenate([self(clean[cut], labels[cut], seeds[cut]) for cut in cuts])


def needed(training: ImageSet | None) -> ImageSet:
    """The training images of a method that lists them in its ``needs``. Raises :class:`ValueError` for None."""
    if training is None:
        raise ValueError(expected("training", "images", None))
    return training


@dataclass(frozen=True, kw_only=True)
class TrainedParams(Params):
    """Of a method that looks at the training images."""

    surrogate_share: float = option(
        1.0,
        "share of each class that fitting may see",
        check=share,
        wanted="more than 0 and at most 1",
        word=word("share {}"),
    )


@dataclass(frozen=True, kw_only=True)
class UnperturbedParams(Params):
    method: ClassVar[str] = "none"


class Unperturbed(Perturbation[UnperturbedParams]):
    """The carrier is the clean image itself: the null of every comparison."""

    kind = UnperturbedParams

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return clean.copy()
