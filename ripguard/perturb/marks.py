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
from ripguard.errors import expected
from ripguard.methods.fitted import FitContext, Fitted, Need, RunContext
from ripguard.methods.params import DataStats, option, share, word
from ripguard.perturb.base import Perturbation, TrainedParams, needed
from ripguard.perturb.targets import next_class

EPS = 0.064  # a median of at least 26 dB to the clean image, hiding included
PATCHES = 0.7  # of the noise's power; the waves have the rest
GRID = 4  # patches along each side
CELLS = (2, 4, GRID * GRID)  # that a class may have its patches on; others are not tried
COLORS, GRAY = 8, 2  # signs that a patch may have in three channels, and in one
SPREAD = 0.3  # of the patches of one class around their mean, per patch and channel
RIDGE = 0.01  # of the linear classifier, against standardised colors
DIRECTIONS = 5  # from level to upright; their mirror images are of the same class, as models are trained with both
LENGTHS = (8.0, 5.0)  # of the waves, from and to, in pixels; beyond SIDE in proportion
SIDE = 64
FEW = 45  # classes that two lengths are enough for: pairs of 2 × 5 waves
OPPOSITE = "opposite"
SINK = 0.4  # size of the sink's marks, where that of the others is 1
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


def search(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    target: str = OPPOSITE,
    mirrored: bool = True,
    sink: bool = True,
    cells: int = CELLS[-1],
) -> np.ndarray:
    """Patches of every class: the signs by which a linear classifier of coarse colors knows another class.

    Ridge regression of the classes on the mean colors of a 4×4 grid, standardised; a color that the images vary
    little in weighs more, as it should.

    Args:
        images: uint8 ``[n, side, side, 3]``, labels int64 ``[n]``.
        target: which other class: ``opposite``, see :func:`opposites`, or ``cyclic``: the next one.
        mirrored: count every image with its mirror image, so that patches are their own mirror images: models are
            trained with both, and have one pattern a class to find instead of two.
        sink: whether the class with the fewest images, the first of several, gets smaller marks.
        cells: that a class has its patches on: all of the grid, or fewer, see :func:`few_cells`, if mirrored; more
            where those do not tell the classes apart.

    Returns:
        float64 ``[classes, 4, 4, 3]``, −1 or 1, or 0 where a class has no patch; times SINK for the sink.
    """
    members = np.bincount(labels, minlength=classes)
    if not members.all():
        raise ValueError(expected("labels", "some of every class", f"none of class {members.argmin()}"))
    cells = enough_cells(classes, cells)
    colors = _coarse(images)  # [n, values]
    if mirrored:
        colors, labels = np.concatenate([colors, _coarse(images[:, :, ::-1])]), np.concatenate([labels, labels])
    sd = colors.std(0) + 1e-9
    known = (colors - colors.mean(0)) / sd
    wanted = np.eye(classes)[labels]
    wanted -= wanted.mean(0)
    scatter = known.T @ known / len(known) + RIDGE * np.eye(known.shape[1])
    weights = np.linalg.solve(scatter, known.T @ wanted / len(known)).T  # [classes, values]
    if target == OPPOSITE:
        told = known @ weights.T  # [n, classes]
        aim = opposites(np.stack([told[labels == label].mean(0) for label in range(classes)]))
    elif target == "cyclic":
        aim = next_class(np.arange(classes), classes, np.zeros(classes, np.uint64), 0)
    else:
        raise ValueError(expected("target", f"{OPPOSITE} or cyclic", target))
    weights = weights / sd
    chosen = (weights - weights.mean(0))[aim].reshape(classes, GRID, GRID, 3)
    if mirrored:
        chosen = chosen + chosen[:, :, ::-1]  # what rounding left of a difference
    if cells == GRID * GRID:
        signs = np.where(chosen < 0, -1.0, 1.0)
    else:  # gray images get gray patches: those of one channel could not show others
        gray = (images[..., :1] == images).all() and enough_cells(classes, cells, GRAY) == cells
        signs = few_cells(chosen, cells, GRAY if gray else COLORS)
    if sink:
        signs[members.argmin()] *= SINK
    return signs


def opposites(told: np.ndarray) -> np.ndarray:
    """For every class another, each once, so that together they are least mistaken for each other: int64 ``[classes]``.

    A model that finds no marks in a clean image still tells coarse kinds of images apart, animals from vehicles. With
    the next class of an alphabet, which may be of the same kind, such a guess is often right; with these it is wrong.

    Args:
        told: float64 ``[classes, classes]``, what a classifier says on average, by true class (row).
    """
    from scipy.optimize import linear_sum_assignment  # here: who only restores needs no SciPy

    barred = np.eye(len(told)) * (np.ptp(told) * len(told) + 1)  # dearer than any choice without it
    return linear_sum_assignment(told + barred)[1]


def few_cells(weights: np.ndarray, cells: int, colors: int = COLORS) -> np.ndarray:
    """Patches on the few cells that tell most, no two classes the same: −1, 0 or 1, as ``weights``.

    The power that patches have is then on an eighth or a quarter of the image, 2.8 or 2 times as large there. An
    adversary who may change every sample by a few gray levels, as in adversarial training, takes patches of about that
    size away; not these.

    Args:
        weights: float64 ``[classes, 4, 4, 3]``, their own mirror images.
        cells: 2 or 4 of the 16, in mirrored pairs; enough for that many classes, see :func:`enough_cells`.
        colors: COLOURS, or GREY for the same sign in all channels.
    """
    from scipy.optimize import linear_sum_assignment

    places, signs = codes(cells, colors)
    classes = len(weights)
    left = weights[:, :, : GRID // 2].reshape(classes, -1, 3)  # [classes, 8, 3]
    left = left / (np.linalg.norm(left, axis=(1, 2), keepdims=True) + 1e-12)  # no class counts for more than another
    told = np.einsum("cpjk,sjk->cps", left[:, places], signs).reshape(classes, -1)
    place, sign = np.divmod(linear_sum_assignment(-told)[1], len(signs))
    found = np.zeros((classes, GRID * GRID // 2, 3))
    found[np.arange(classes)[:, None], places[place]] = signs[sign]
    half = found.reshape(classes, GRID, GRID // 2, 3)
    return np.concatenate([half, half[:, :, ::-1]], 2)


def codes(cells: int, colors: int = COLORS) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of cells that a class may have patches on, ``[places, pairs]``, and their signs, ``[signs, pairs, 3]``."""
    pairs = cells // 2
    places = np.array(list(itertools.combinations(range(GRID * GRID // 2), pairs)))
    patch = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))  # [colors, 3]
    patch = patch if colors == COLORS else patch[[0, -1]]
    return places, patch[np.array(list(itertools.product(range(colors), repeat=pairs)))]


def enough_cells(classes: int, cells: int, colors: int = COLORS) -> int:
    """So many cells, or as many more as it takes for every class to have patches of its own."""
    few = (n for n in CELLS[:-1] if n >= cells and math.prod(map(len, codes(n, colors))) >= classes)
    return next(few, CELLS[-1])


def _coarse(images: np.ndarray) -> np.ndarray:
    """Sums over the cells of the grid, float64 ``[n, 4 · 4 · 3]``."""
    edges = np.arange(GRID) * images.shape[1] // GRID
    sums = np.add.reduceat(np.add.reduceat(images, edges, 1, np.float64), edges, 2)  # [n, 4, 4, 3]
    return sums.reshape(len(sums), -1)


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
