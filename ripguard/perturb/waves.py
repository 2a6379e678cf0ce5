"""Class waves: every picture carries smooth waves whose direction and length tell its class, at phases of its own.

Ours: a shortcut as linearly separable patches and autoregressive noise are (Yu et al., KDD 2022; Sandoval-Segura et
al., NeurIPS 2022), made to outlive what undoes those. Waves are grey, so grayscale leaves them; several pixels long,
so JPEG, blur and resizing leave them and hiding follows them closely; larger than the bound of adversarial training;
and their phase is the picture's own, so no pixel and no linear projection tells the class. A net learns them at once
and has no reason then to look at anything else.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from ripguard.perturb.base import Perturbation

EPS = 0.064  # at least 26 dB to the clean picture, hiding included
DIRECTIONS = 5  # from level to upright; their mirror images are of the same class, as nets are trained with both
BANDS: tuple[tuple[float, float], ...] = ((4.0, 6.4),)  # from, to, in cycles a side; every band tells the whole class
FEW = 45  # classes that two lengths are enough for: pairs of 2 × 5 waves


def words(classes: int, letters: int) -> np.ndarray:
    """Which waves a class has: int64 ``[classes, waves]``, all different, as few waves as will do."""
    count = next(n for n in range(1, letters + 1) if math.comb(letters, n) >= classes)
    known = list(itertools.combinations(range(letters), count))
    return np.array([known[i * len(known) // classes] for i in range(classes)], np.int64)


class Waves(Perturbation):
    """Waves of the class, one or more in each band.

    Args:
        classes: number of classes.
        eps: amplitude of a wave that is alone, in 0..1; the root mean square of all waves together is eps/√2.
        bands: longest and shortest waves of each band, in cycles along the shorter side.
        seed: of which class has which waves.
    """

    name = "waves"

    def __init__(
        self, classes: int, eps: float = EPS, bands: tuple[tuple[float, float], ...] = BANDS, seed: int = 0
    ) -> None:
        draw = np.random.default_rng(seed)
        angles, cycles = [], []
        for longest, shortest in bands:
            lengths = np.geomspace(longest, shortest, 2 if classes <= FEW else 4)
            own = words(classes, DIRECTIONS * len(lengths))[draw.permutation(classes)]  # [classes, waves]
            angles.append(own % DIRECTIONS * (np.pi / 2 / (DIRECTIONS - 1)))
            cycles.append(lengths[own // DIRECTIONS])
        self.angles, self.cycles = np.concatenate(angles, 1), np.concatenate(cycles, 1)  # [classes, waves] each
        self.size = 255 * eps / np.sqrt(2)

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        height, width = clean.shape[1:3]
        draws = [np.random.default_rng(int(seed)) for seed in seeds]
        waves = self.angles.shape[1]
        phase = np.stack([draw.uniform(0, 2 * np.pi, waves) for draw in draws])  # [batch, waves]
        mirror = np.stack([draw.choice([-1, 1], waves) for draw in draws])
        turns = 2 * np.pi * self.cycles[labels] / min(height, width)  # radians a pixel, [batch, waves]
        down = (np.sin(self.angles[labels]) * turns)[..., None] * np.arange(height)  # [batch, waves, height]
        along = (mirror * np.cos(self.angles[labels]) * turns)[..., None] * np.arange(width) + phase[..., None]
        # cos(a + b), a matrix product a picture
        noise = np.cos(down).swapaxes(1, 2) @ np.cos(along) - np.sin(down).swapaxes(1, 2) @ np.sin(along)
        noise *= self.size / np.maximum(np.sqrt((noise**2).mean((1, 2), keepdims=True)), 0.1)  # [batch, height, width]
        return np.clip(np.round(clean + noise[..., None]), 0, 255).astype(np.uint8)
