"""Linearly separable patches: noise from which a linear model can predict the class.

Source: Yu, Zhang, Chen, Yin, Liu, "Availability Attacks Create Shortcuts", KDD 2022 (LSP): one Gaussian cluster per
class around a corner of a hypercube; each coordinate is the color of one patch; L2 norm equal to 6/255 in every sample.
The published code uses scikit-learn's ``make_classification``. Here the same distribution is drawn image by image, from
the image's own seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.images.rounding import rounded
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.methods.params import Params
from ripguard.perturb.base import Perturbation

PATCHES = 4  # along each side: 8×8 pixels at 32×32
APART = 10.0  # distance of a corner from the origin, along each coordinate
SIZE = 6 / 255  # root mean square of the noise, images in 0..1


@dataclass(frozen=True, kw_only=True)
class LSPParams(Params):
    method: ClassVar[str] = "lsp"


class LSP(Perturbation[LSPParams]):
    """Class-wise clusters of color patches."""

    kind, needs = LSPParams, frozenset({Need.CLASSES})

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        return Fitted(clouds(len(context.classes)))

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        height, width, channels = clean.shape[1:]
        centres, shapes = self.fitted["centres"], self.fitted["shapes"]
        normal = np.stack([np.random.default_rng(int(seed)).normal(size=shapes.shape[1]) for seed in seeds])
        points = np.einsum("bi,bij->bj", normal, shapes[labels]) + centres[labels]  # [batch, values]
        patches = points.reshape(-1, PATCHES, PATCHES, 3)[..., :channels]
        rows, cols = np.arange(height) * PATCHES // height, np.arange(width) * PATCHES // width
        noise = patches[:, rows][:, :, cols]  # [batch, height, width, channels]
        size = np.sqrt((noise**2).mean((1, 2, 3), keepdims=True))
        return rounded(clean + 255 * SIZE * noise / size)


def clouds(classes: int, seed: int = 0) -> dict[str, np.ndarray]:
    """Cluster centers, float64 ``[classes, values]``, and linear maps, float64 ``[classes, values, values]``."""
    draw, values = np.random.default_rng(seed), PATCHES * PATCHES * 3
    corners = np.unique(draw.integers(0, 2, (4 * classes, values)), axis=0)  # distinct
    centres = APART * (2.0 * draw.permutation(corners)[:classes] - 1)
    return {"centres": centres, "shapes": draw.uniform(-1, 1, (classes, values, values))}
