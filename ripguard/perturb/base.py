"""The interface of perturbations: clean images and labels in, 8-bit carriers out.

:meth:`Params.resolve` fills in the parameters that depend on the dataset. :meth:`Perturbation.fit` runs once on the
training images. :meth:`Perturbation.run` then perturbs each batch independently.
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
    """Makes carriers: images close to the clean ones that mislead models trained on them.

    Args:
        params: resolved parameters of the method.
        fitted: result of :meth:`fit`.
        context: device, and a simulation of the hiding method.

    Attributes:
        kind: class of the parameters.
        needs: requirements on the owner's data.
        colors: whether it relies on color. If so, gray images of a dataset with color images are published in color.
        replaces: whether carriers lack content of the clean images, so that hiding must not publish it either.
        libraries: modules that protecting imports besides those for restoring and torch; looked for before any work.
        without_label: what the method gives images without a label, −1, in words for the owner; "": it does not take
            them, and they get noise.
    """

    kind: ClassVar[type[Params]]
    needs: ClassVar[frozenset[Need]] = frozenset()
    colors: ClassVar[bool] = False
    replaces: ClassVar[bool] = False
    libraries: ClassVar[tuple[str, ...]] = ()
    without_label: ClassVar[str] = ""

    def __init__(self, params: P, fitted: Fitted | None = None, context: RunContext | None = None) -> None:
        self.params, self.fitted, self.context = params, fitted or Fitted(), context or RunContext()

    @property
    def name(self) -> str:
        return self.params.method

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        """Compute, once, what the method needs from the training images.

        Args:
            training: the training images, uint8 ``[n, side, side, 3]``, with images of every class; None unless
                ``needs`` contains :attr:`Need.TRAINING_IMAGES`.
        """
        return Fitted()

    @classmethod
    def public_span(cls, params: P, classes: int, shape: tuple[int, int]) -> np.ndarray | None:
        """Patterns of which every image gets a combination, as far as the method's code alone determines them.

        Attacks project them out (:mod:`ripguard.benchmark.attacks.class_patterns`): neither a key nor the owner's data
        are needed to know them.

        Args:
            classes: number of classes; shape: height and width of the images.

        Returns:
            float64 ``[patterns, height, width]``; None: there are none.
        """
        return None

    @abstractmethod
    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """The method itself. :meth:`__call__` checks inputs and result; shapes as there."""

    @final
    def __call__(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Make carriers.

        Args:
            clean: uint8 ``[batch, height, width, 1 or 3]``.
            labels: int64 ``[batch]``, class numbers.
            seeds: uint64 ``[batch]``, one per image, independent of batch position and worker.

        Returns:
            Carriers, uint8, shape of ``clean``.

        Raises:
            ValueError: an array has the wrong type or shape.
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
        """As :meth:`__call__`, ``size`` images at a time. Carriers do not depend on the other images of a batch."""
        cuts = [slice(start, start + size) for start in range(0, len(clean), size)]
        return np.concatenate([self(clean[cut], labels[cut], seeds[cut]) for cut in cuts])


def needed(training: ImageSet | None) -> ImageSet:
    """The training images of a method that lists them in its ``needs``. Raises :class:`ValueError` for None."""
    if training is None:
        raise ValueError(expected("training", "images", None))
    return training


@dataclass(frozen=True, kw_only=True)
class TrainedParams(Params):
    """Parameters of methods that use the training images."""

    surrogate_share: float = option(
        1.0,
        "share of each class's images used for fitting",
        check=share,
        wanted="more than 0 and at most 1",
        word=word("share {}"),
    )


@dataclass(frozen=True, kw_only=True)
class UnperturbedParams(Params):
    method: ClassVar[str] = "none"


class Unperturbed(Perturbation[UnperturbedParams]):
    """The carrier is the clean image: the control of every comparison."""

    kind = UnperturbedParams

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return clean.copy()
