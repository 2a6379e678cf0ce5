"""Uniform noise: the control that perturbations of the same size are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ripguard.images.rounding import rounded
from ripguard.methods.params import Params, option, share, word
from ripguard.perturb.base import Perturbation

EPS = 8 / 255


@dataclass(frozen=True, kw_only=True)
class NoiseParams(Params):
    method: ClassVar[str] = "noise"

    eps: float = option(
        EPS, "L∞ bound in 0..1", check=share, wanted="more than 0 and at most 1", word=word("ε {}"), usual=(None,)
    )


class Noise(Perturbation[NoiseParams]):
    """Adds uniform noise in ±``eps`` to each sample, from the image's own seed."""

    kind = NoiseParams

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        draws = [np.random.default_rng(int(seed)).uniform(-1, 1, clean.shape[1:]) for seed in seeds]
        return rounded(clean + 255 * self.params.eps * np.stack(draws))
