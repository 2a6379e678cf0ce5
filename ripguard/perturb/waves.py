"""Class marks that a net learns instead of the picture: smooth waves, and faint patches of colour.

Ours: a shortcut as linearly separable patches and autoregressive noise are (Yu et al., KDD 2022; Sandoval-Segura et
al., NeurIPS 2022), made to outlive what undoes those. Waves have the class's own direction and length. They are grey,
so grayscale leaves them; several pixels long, so JPEG, blur and resizing leave them and hiding follows them closely;
larger than the bound of adversarial training; and their phase is the picture's own, so no pixel and no linear
projection tells the class. The patches are those of Yu et al.: what a net sees first, until somebody takes them away.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from ripguard.perturb import lsp
from ripguard.perturb.base import Perturbation

EPS = 0.064  # at least 26 dB to the clean picture, hiding included
PATCHES = 0.25  # of the noise's power; the waves have the rest
DIRECTIONS = 5  # from level to upright; their mirror images are of the same class, as nets are trained with both
LENGTHS = (4.0, 6.4)  # longest and shortest wave, in cycles along the shorter side
FEW = 45  # classes that two lengths are enough for: pairs of 2 × 5 waves


def words(classes: int, letters: int) -> np.ndarray:
    """Which waves a class has: int64 ``[classes, waves]``, all different, as few waves as will do."""
    count = next(n for n in range(1, letters + 1) if math.comb(letters, n) >= classes)
    known = list(itertools.combinations(range(letters), count))
    return np.array([known[i * len(known) // classes] for i in range(classes)], np.int64)


class Waves(Perturbation):
    """Waves and patches of the class.

    Args:
        classes: number of classes.
        eps: root mean square of the noise is eps/√2, in 0..1: as large as one wave of amplitude eps.
        patches: share of its power that the patches have.
        seed: of which class has which waves and patches.
    """

    name = "waves"

    def __init__(self, classes: int, eps: float = EPS, patches: float = PATCHES, seed: int = 0) -> None:
        lengths = np.geomspace(*LENGTHS, 2 if classes <= FEW else 4)
        own = np.random.default_rng(seed).permutation(words(classes, DIRECTIONS * len(lengths)))  # [classes, waves]
        self.angles = own % DIRECTIONS * (np.pi / 2 / (DIRECTIONS - 1))
        self.cycles = lengths[own // DIRECTIONS]
        self.size, self.share = 255 * eps / np.sqrt(2), patches
        self.patches = lsp.LSP(classes, seed)

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        noise = np.sqrt(1 - self.share) * _even(self.waves(clean.shape[1:3], labels, seeds))[..., None]
        noise = noise + np.sqrt(self.share) * _even(self.patches.noise(clean.shape[1:], labels, seeds))
        return np.clip(np.round(clean + self.size * _even(noise)), 0, 255).astype(np.uint8)

    def waves(self, size: tuple[int, int], labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Float64 ``[batch, height, width]``, of any size, at phases and mirror images from the pictures' seeds."""
        draws = [np.random.default_rng(int(seed)) for seed in seeds]
        waves = self.angles.shape[1]
        phase = np.stack([draw.uniform(0, 2 * np.pi, waves) for draw in draws])  # [batch, waves]
        mirror = np.stack([draw.choice([-1, 1], waves) for draw in draws])
        turns = 2 * np.pi * self.cycles[labels] / min(size)  # radians a pixel, [batch, waves]
        down = (np.sin(self.angles[labels]) * turns)[..., None] * np.arange(size[0])  # [batch, waves, height]
        along = (mirror * np.cos(self.angles[labels]) * turns)[..., None] * np.arange(size[1]) + phase[..., None]
        # cos(a + b), added over the waves by a matrix product a picture
        return np.cos(down).swapaxes(1, 2) @ np.cos(along) - np.sin(down).swapaxes(1, 2) @ np.sin(along)


def _even(noise: np.ndarray) -> np.ndarray:
    """With a root mean square of 1 in every picture ``noise[i]``; a single pixel's may be smaller."""
    axes = tuple(range(1, noise.ndim))
    return noise / np.maximum(np.sqrt((noise**2).mean(axes, keepdims=True)), 0.1)
