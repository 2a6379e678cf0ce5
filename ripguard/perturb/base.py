"""What every perturbation is: clean pictures and labels in, 8-bit carriers out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import final

import numpy as np

from ripguard.errors import expected


class Perturbation(ABC):
    """Makes carriers: pictures that look like the clean ones and that a model should learn the wrong thing from."""

    name: str

    @abstractmethod
    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """The method itself; inputs are checked, the result is checked after."""

    @final
    def __call__(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Make carriers.

        Args:
            clean: uint8 ``[batch, height, width, 1 or 3]``.
            labels: int64 ``[batch]``, class numbers.
            seeds: uint64 ``[batch]``, one a picture, from the plan: never from batch position or worker.

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
        """The same for many pictures, ``size`` at a time: what a picture gets does not hang on its neighbours."""
        cuts = [slice(start, start + size) for start in range(0, len(clean), size)]
        return np.concatenate([self(clean[cut], labels[cut], seeds[cut]) for cut in cuts])


class Unperturbed(Perturbation):
    """The carrier is the clean picture itself: the null of every comparison."""

    name = "none"

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return clean.copy()
