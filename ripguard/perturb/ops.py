"""One-pixel shortcut: for each class, one position and extreme color with a large and uniform distance to its images.

Source: Wu, Chen, Xie, Huang, "One-Pixel Shortcut: On the Learning Preference of Deep Neural Networks", ICLR 2023 (OPS).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.perturb.base import Perturbation, TrainedParams, needed


def search(images: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """For each class row, column and color (0 or 255 in each channel): int64 ``[classes, 2 + channels]``.

    The score of a position and color is the mean over the standard deviation of the distance to the class's images. No
    two classes get the same position and color.

    Args:
        images: uint8 ``[n, height, width, channels]``.
    """
    height, width, channels = images.shape[1:]
    colors = np.array(list(itertools.product((0, 1), repeat=channels)))  # [colors, channels]
    taken: set[int] = set()
    found = []
    for label in range(classes):
        own = images[labels == label] / np.float32(255)  # [members, height, width, channels]
        scores = []
        for color in colors:
            distance = np.abs(color - own)  # [members, height, width, channels]
            scores.append(distance.mean((0, 3)) / (distance.std((0, 3)) + 1e-6))  # [height, width]
        order = np.argsort(-np.stack(scores).ravel(), kind="stable")
        best = next(int(place) for place in order if int(place) not in taken)
        taken.add(best)
        color, row, col = np.unravel_index(best, (len(colors), height, width))
        found.append([row, col, *(255 * colors[color])])
    return np.array(found, np.int64)


@dataclass(frozen=True, kw_only=True)
class OPSParams(TrainedParams):
    method: ClassVar[str] = "ops"


class OPS(Perturbation[OPSParams]):
    """Sets one pixel of each image to the color of its class; positions scale with the image size."""

    kind, needs = OPSParams, frozenset({Need.CLASSES, Need.TRAINING_IMAGES})

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        training = needed(training)
        pixels = search(training.images, training.labels, len(context.classes))
        return Fitted({"pixels": pixels, "size": np.array(training.images.shape[1:3])})

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        height, width, channels = clean.shape[1:]
        chosen, size = self.fitted["pixels"][labels], self.fitted["size"]  # [batch, 2 + channels]
        rows, cols = chosen[:, 0] * height // size[0], chosen[:, 1] * width // size[1]
        carriers = clean.copy()
        carriers[np.arange(len(clean)), rows, cols] = chosen[:, 2 : 2 + channels]
        return carriers
