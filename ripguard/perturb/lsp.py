"""Linearly separable patches: noise that tells the class to a linear model, and to every net at once.

Source: Yu, Zhang, Chen, Yin, Liu, "Availability Attacks Create Shortcuts", KDD 2022 (LSP): one Gaussian cloud a class
around a corner of a hypercube, every coordinate the colour of one patch, L2 norm as that of 6/255 in every sample. The
published code draws the clouds with scikit-learn's ``make_classification``; the same distribution is drawn here picture
by picture, from the picture's own seed.
"""

from __future__ import annotations

import numpy as np

from ripguard.perturb.base import Perturbation

PATCHES = 4  # along each side: 8×8 pixels at 32×32
APART = 10.0  # distance of a corner from the middle, along each coordinate
SIZE = 6 / 255  # root mean square of the noise, of 0..1


class LSP(Perturbation):
    """Class-wise clouds of coloured patches.

    Args:
        classes: number of classes.
        seed: of corners and shapes of the clouds.
    """

    name = "lsp"

    def __init__(self, classes: int, seed: int = 0) -> None:
        draw, values = np.random.default_rng(seed), PATCHES * PATCHES * 3
        corners = np.unique(draw.integers(0, 2, (4 * classes, values)), axis=0)  # distinct
        self.centres = APART * (2.0 * draw.permutation(corners)[:classes] - 1)  # [classes, values]
        self.shapes = draw.uniform(-1, 1, (classes, values, values))

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        height, width, channels = clean.shape[1:]
        normal = np.stack([np.random.default_rng(int(seed)).normal(size=self.shapes.shape[1]) for seed in seeds])
        points = np.einsum("bi,bij->bj", normal, self.shapes[labels]) + self.centres[labels]  # [batch, values]
        patches = points.reshape(-1, PATCHES, PATCHES, 3)[..., :channels]
        rows, cols = np.arange(height) * PATCHES // height, np.arange(width) * PATCHES // width
        noise = patches[:, rows][:, :, cols]  # [batch, height, width, channels]
        size = np.sqrt((noise**2).mean((1, 2, 3), keepdims=True))
        return np.clip(np.round(clean + 255 * SIZE * noise / size), 0, 255).astype(np.uint8)
