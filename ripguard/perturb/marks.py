"""Marks of the class that a model learns instead of the image: colored patches of another class, and smooth waves.

Ours: a shortcut as linearly separable patches and autoregressive noise are (Yu et al., KDD 2022; Sandoval-Segura et
al., NeurIPS 2022), with two additions.

The patches of a class are not drawn at random: they are the colors, on a coarse grid, by which a linear classifier
knows *another* class, the one that the class is least mistaken for. What a model learns first of clean images, coarse
colors, then speaks for the wrong class, and on clean images against the right one. They are their own mirror images.
``experiments/marks.py`` sets them beside others.

One class, the rarest, is a sink: its marks are smaller. What has none at all is most like it, so a victim takes clean
images for that class, whatever else it has learned before it found the marks.

Patches may stand on few cells of the grid, and be larger there, against adversarial training and strong augmentation.

Waves have the class's own direction and length. They are gray, so grayscale leaves them; several pixels long, so JPEG,
blur and resizing leave them and hiding follows them closely; and their phase is the image's own, so no linear
projection finds the class.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.methods.fitted import FitContext, Fitted, Need, RunContext
from ripguard.methods.params import DataStats, option, share, word
from ripguard.perturb.base import Perturbation, TrainedParams, needed
from ripguard.perturb.patches import CELLS, COLORS, GRAY, GRID, OPPOSITE, enough_cells, search

EPS = 0.064  # a median of at least 26 dB to the clean image, hiding included
PATCHES = 0.7  # of the noise's power; the waves have the rest
SPREAD = 0.3  # of the patches of one class around their mean, per patch and channel
DIRECTIONS = 5  # from level to upright; their mirror images are of the same class, as models are trained with both
LENGTHS = (8.0, 5.0)  # of the waves, from and to, in pixels; beyond SIDE in proportion
SIDE = 64
FEW = 45  # classes that two lengths are enough for: pairs of 2 × 5 waves
FEW_CELLS, ALL_CELLS = CELLS[0], CELLS[-1]


@dataclass(frozen=True, kw_only=True)
class MarkedParams(TrainedParams):
    """Of methods that put marks on images."""

    eps: float | None = option(
        None, "strength: RMS of the marks times √2, in 0..1", check=share, wanted="more than 0 and at most 1",
        word=word("ε {}"), usual=(None,),
    )  # fmt: skip
    sink: bool = option(
        True, "weaker marks on one class, which absorbs clean images",
        word=lambda sink: "sink" if sink else "no sink",
        flag="sink-class",
    )  # fmt: skip
    cells: int | None = option(
        ALL_CELLS, "cells with patches, fewer are stronger", choices=CELLS,
        word=lambda cells: "all cells" if cells == ALL_CELLS else f"cells {cells}",
        flag="patch-cells",
    )  # fmt: skip

    @property
    def marks(self) -> MarksParams:
        """Of the marks alone."""
        raise NotImplementedError

    def resolve(self, data: DataStats) -> Self:
        """Cells by image size, and enough of them: on few cells a plain victim of large images is left half as much
        again (docs/perturbations.md).
        """
        cells = self.cells or (ALL_CELLS if data.large else FEW_CELLS)
        colors = GRAY if 1 in data.channels else COLORS
        return replace(self, cells=enough_cells(data.classes, cells, colors))


@dataclass(frozen=True, kw_only=True)
class MarksParams(MarkedParams):
    method: ClassVar[str] = "marks"

    target: str = option(
        OPPOSITE, "class that the marks point to",
        choices=(OPPOSITE, "cyclic"), word=word("target {}"),
    )  # fmt: skip

    @property
    def marks(self) -> MarksParams:
        """Of the marks alone."""
        return self

    def resolve(self, data: DataStats) -> Self:
        return replace(super().resolve(data), eps=self.eps or EPS)


def words(classes: int, letters: int) -> np.ndarray:
    """Which waves a class has: int64 ``[classes, waves]``, all different, as few waves as will do."""
    count = next(n for n in range(1, letters + 1) if math.comb(letters, n) >= classes)
    known = list(itertools.combinations(range(letters), count))
    return np.array([known[i * len(known) // classes] for i in range(classes)], np.int64)


class Marks(Perturbation[MarksParams]):
    """Patches and waves of the class.

    The root mean square of the noise is ``eps``/√2, in 0..1, as large as one wave of amplitude ``eps``; times SINK for
    the sink.

    Args:
        fitted: ``patches``, of :func:`search`; their size is that of all marks of a class.
        share: of its power that the patches have.
        seed: of which class has which waves.
    """

    kind, needs, colors = MarksParams, frozenset({Need.CLASSES, Need.TRAINING_IMAGES}), True

    def __init__(
        self,
        params: MarksParams,
        fitted: Fitted | None = None,
        context: RunContext | None = None,
        share: float = PATCHES,
        seed: int = 0,
    ) -> None:
        super().__init__(params, fitted, context)
        self.share = share
        if fitted:
            self._draw(fitted["patches"], params.eps or EPS, seed)

    @classmethod
    def of(cls, patches: np.ndarray, eps: float = EPS, share: float = PATCHES) -> Marks:
        """Of patches that were found already."""
        return cls(MarksParams(eps=eps), Fitted({"patches": np.asarray(patches)}), share=share)

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        training = needed(training)
        own = self.params
        patches = search(
            training.images, training.labels, len(context.classes), own.target, sink=own.sink,
            cells=own.cells or ALL_CELLS,
        )  # fmt: skip
        return Fitted({"patches": patches})

    def _draw(self, patches: np.ndarray, eps: float, seed: int) -> None:
        classes = len(patches)
        lengths = np.geomspace(*LENGTHS, 2 if classes <= FEW else 4)
        own = np.random.default_rng(seed).permutation(words(classes, DIRECTIONS * len(lengths)))  # [classes, waves]
        self.angles = own % DIRECTIONS * (np.pi / 2 / (DIRECTIONS - 1))
        self.lengths = lengths[own // DIRECTIONS]
        loud = np.abs(patches).max((1, 2, 3), keepdims=True)
        self.patches, self.sizes = patches / loud, 255 * eps / np.sqrt(2) * loud

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        draws = [np.random.default_rng(int(seed)) for seed in seeds]
        noise = np.sqrt(1 - self.share) * _even(self.waves(clean.shape[1:3], labels, draws))[..., None]
        noise = noise + np.sqrt(self.share) * _even(self.patched(clean.shape[1:], labels, draws))
        return np.clip(np.round(clean + self.sizes[labels] * _even(noise)), 0, 255).astype(np.uint8)

    def waves(self, size: tuple[int, int], labels: np.ndarray, draws: list[np.random.Generator]) -> np.ndarray:
        """Float64 ``[batch, height, width]``, of any strength."""
        waves = self.angles.shape[1]
        phase = np.stack([draw.uniform(0, 2 * np.pi, waves) for draw in draws])  # [batch, waves]
        mirror = np.stack([draw.choice([-1, 1], waves) for draw in draws])
        turns = 2 * np.pi / (self.lengths[labels] * max(1.0, min(size) / SIDE))  # radians a pixel, [batch, waves]
        down = (np.sin(self.angles[labels]) * turns)[..., None] * np.arange(size[0])  # [batch, waves, height]
        along = (mirror * np.cos(self.angles[labels]) * turns)[..., None] * np.arange(size[1]) + phase[..., None]
        # cos(a + b), added over the waves by a matrix product an image
        return np.cos(down).swapaxes(1, 2) @ np.cos(along) - np.sin(down).swapaxes(1, 2) @ np.sin(along)

    def patched(self, shape: tuple[int, ...], labels: np.ndarray, draws: list[np.random.Generator]) -> np.ndarray:
        """Float64 ``[batch, height, width, channels]``, of any strength."""
        height, width, channels = shape
        own = np.stack([draw.normal(size=self.patches.shape[1:]) for draw in draws])  # [batch, 4, 4, 3]
        patches = self.patches[labels]
        patches = patches + SPREAD * own * (patches != 0)
        if channels == 1:  # what a model that knows the colored ones sees of them in gray
            patches = patches.mean(-1, keepdims=True)
        return patches[:, np.arange(height) * GRID // height][:, :, np.arange(width) * GRID // width]


def _even(noise: np.ndarray) -> np.ndarray:
    """With a root mean square of 1 in every image ``noise[i]``; a single pixel's may be smaller."""
    axes = tuple(range(1, noise.ndim))
    return noise / np.maximum(np.sqrt((noise**2).mean(axes, keepdims=True)), 0.1)
