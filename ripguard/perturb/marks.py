"""Class-wise marks that a model learns instead of the content: color patches of another class, and smooth waves.

Ours: a shortcut like linearly separable patches and autoregressive noise (Yu et al., KDD 2022; Sandoval-Segura et al.,
NeurIPS 2022), with two additions.

**Patches** are not random. They are the colors, on a coarse grid, with which a linear classifier recognizes *another*
class: the one that this class is least often mistaken for. Models learn coarse colors first; with these patches, coarse
colors indicate the wrong class on clean images. Patches are mirror-symmetric. ``experiments/marks.py`` compares them
with alternatives.

The rarest class is a **sink**: its marks are weaker. Images without marks are closest to it, so a model trained on
marked images predicts it for most clean images.

Patches may cover few cells of the grid, with a larger amplitude, against adversarial training and strong augmentation.

**Waves** have a direction and a length per class. They are gray, so grayscale conversion keeps them. They are several
pixels long, so JPEG, blur and resizing keep them, and hiding reproduces them well. Their phase is random for each
image, so no linear projection separates the classes.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.images.rounding import rounded
from ripguard.methods.fitted import FitContext, Fitted, Need, RunContext
from ripguard.methods.params import DataStats, option, share, word
from ripguard.perturb.base import Perturbation, TrainedParams, needed
from ripguard.perturb.patches import CELLS, COLORS, GRAY, GRID, OPPOSITE, enough_cells, search

EPS = 0.064  # median PSNR to the clean image at least 26 dB, after hiding
PATCHES = 0.7  # share of the noise's power; the waves have the rest
SPREAD = 0.3  # SD of a class's patches around their mean, per patch and channel
DIRECTIONS = 5  # from horizontal to vertical; mirrored waves belong to the same class, as training mirrors images
ANGLE = np.pi / 2 / (DIRECTIONS - 1)  # between two directions
LENGTHS = (8.0, 5.0)  # longest and shortest wave in pixels, for images up to SIDE pixels; larger ones in proportion
SIDE = 64
FEW = 45  # classes for which two lengths suffice: pairs of 2 × 5 waves
FEW_CELLS, ALL_CELLS = CELLS[0], CELLS[-1]


@dataclass(frozen=True, kw_only=True)
class MarkedParams(TrainedParams):
    """Parameters of methods that add marks."""

    eps: float | None = option(
        None, "strength: RMS of the marks times √2, in 0..1", check=share, wanted="more than 0 and at most 1",
        word=word("ε {}"), usual=(None,),
    )  # fmt: skip
    sink: bool = option(
        True, "weaker marks on the rarest class, which models then predict for clean images",
        word=lambda sink: "sink" if sink else "no sink",
        flag="sink-class",
    )  # fmt: skip
    cells: int | None = option(
        ALL_CELLS, "grid cells with patches; fewer cells get a larger amplitude", choices=CELLS,
        word=lambda cells: "all cells" if cells == ALL_CELLS else f"cells {cells}",
        flag="patch-cells",
    )  # fmt: skip

    @property
    def marks(self) -> MarksParams:
        """Parameters of the marks alone."""
        raise NotImplementedError

    def resolve(self, data: DataStats) -> Self:
        """Fill in the number of cells: few for small images, all for large ones, and enough for the classes.

        On large images, few cells protect less against training without a defence (docs/explanation/perturbations.md).
        """
        cells = self.cells or (ALL_CELLS if data.large else FEW_CELLS)
        colors = GRAY if 1 in data.channels else COLORS
        return replace(self, cells=enough_cells(data.classes, cells, colors))


@dataclass(frozen=True, kw_only=True)
class MarksParams(MarkedParams):
    method: ClassVar[str] = "marks"

    target: str = option(
        OPPOSITE, "rule for the class whose colors a class's patches get",
        choices=(OPPOSITE, "cyclic"), word=word("target {}"),
    )  # fmt: skip

    @property
    def marks(self) -> MarksParams:
        """Parameters of the marks alone."""
        return self

    def resolve(self, data: DataStats) -> Self:
        return replace(super().resolve(data), eps=self.eps or EPS)


def words(classes: int, letters: int) -> np.ndarray:
    """Waves of each class, int64 ``[classes, waves]``: distinct combinations of the fewest waves that suffice."""
    count = next(n for n in range(1, letters + 1) if math.comb(letters, n) >= classes)
    known = list(itertools.combinations(range(letters), count))
    return np.array([known[i * len(known) // classes] for i in range(classes)], np.int64)


def _lengths(classes: int) -> np.ndarray:
    """Wavelengths in pixels of images up to :data:`SIDE` pixels: two or four."""
    return np.geomspace(*LENGTHS, 2 if classes <= FEW else 4)


class Marks(Perturbation[MarksParams]):
    """Patches with the colors of another class, and waves; one pattern per class.

    The root mean square of the noise is ``eps``/√2 (images in 0..1), that of one wave of amplitude ``eps``. For the
    sink class it is multiplied by :data:`ripguard.perturb.patches.SINK`.

    Args:
        fitted: array ``patches`` from :func:`search`; its magnitude scales all marks of a class.
        share: share of the noise's power in the patches.
        seed: of the assignment of waves to classes.
    """

    kind, needs, colors = MarksParams, frozenset({Need.CLASSES, Need.TRAINING_IMAGES}), True
    libraries = ("scipy",)

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
        """Marks from given patches."""
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
        lengths = _lengths(classes)
        own = np.random.default_rng(seed).permutation(words(classes, DIRECTIONS * len(lengths)))  # [classes, waves]
        self.angles = own % DIRECTIONS * ANGLE
        self.lengths = lengths[own // DIRECTIONS]
        loud = np.abs(patches).max((1, 2, 3), keepdims=True)
        self.patches, self.sizes = patches / loud, 255 * eps / np.sqrt(2) * loud

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        draws = [np.random.default_rng(int(seed)) for seed in seeds]
        noise = np.sqrt(1 - self.share) * _even(self.waves(clean.shape[1:3], labels, draws))[..., None]
        noise = noise + np.sqrt(self.share) * _even(self.patched(clean.shape[1:], labels, draws))
        return rounded(clean + self.sizes[labels] * _even(noise))

    def waves(self, size: tuple[int, int], labels: np.ndarray, draws: list[np.random.Generator]) -> np.ndarray:
        """Waves, float64 ``[batch, height, width]``, not normalized."""
        waves = self.angles.shape[1]
        phase = np.stack([draw.uniform(0, 2 * np.pi, waves) for draw in draws])  # [batch, waves]
        mirror = np.stack([draw.choice([-1, 1], waves) for draw in draws])
        turns = 2 * np.pi / (self.lengths[labels] * max(1.0, min(size) / SIDE))  # radians a pixel, [batch, waves]
        down = (np.sin(self.angles[labels]) * turns)[..., None] * np.arange(size[0])  # [batch, waves, height]
        along = (mirror * np.cos(self.angles[labels]) * turns)[..., None] * np.arange(size[1]) + phase[..., None]
        # cos(a + b), summed over the waves by one matrix product per image
        return np.cos(down).swapaxes(1, 2) @ np.cos(along) - np.sin(down).swapaxes(1, 2) @ np.sin(along)

    @classmethod
    def public_span(cls, params: MarksParams, classes: int, shape: tuple[int, int]) -> np.ndarray:
        """Cosine and sine of the waves of all classes, and of their mirror images."""
        turns = 2 * np.pi / (_lengths(classes) * max(1.0, min(shape) / SIDE))  # radians a pixel
        angles = np.arange(DIRECTIONS) * ANGLE
        down = (np.sin(angles)[:, None] * turns).ravel()[:, None, None] * np.arange(shape[0])[:, None]
        along = (np.cos(angles)[:, None] * turns).ravel()[:, None, None] * np.arange(shape[1])
        return np.concatenate([part(down + side * along) for part in (np.cos, np.sin) for side in (-1, 1)])

    def patched(self, shape: tuple[int, ...], labels: np.ndarray, draws: list[np.random.Generator]) -> np.ndarray:
        """Patches, float64 ``[batch, height, width, channels]``, not normalized."""
        height, width, channels = shape
        own = np.stack([draw.normal(size=self.patches.shape[1:]) for draw in draws])  # [batch, 4, 4, 3]
        patches = self.patches[labels]
        patches = patches + SPREAD * own * (patches != 0)
        if channels == 1:  # the gray value of the color patches
            patches = patches.mean(-1, keepdims=True)
        return self.spread(patches, height, width)

    def spread(self, patches: np.ndarray, height: int, width: int) -> np.ndarray:
        """Patches ``[batch, 4, 4, channels]`` at full size, each a cell with sharp borders.

        Cells that pass into each other protect large images less (``experiments/blending.py``).
        """
        return patches[:, np.arange(height) * GRID // height][:, :, np.arange(width) * GRID // width]


def _even(noise: np.ndarray) -> np.ndarray:
    """Normalize each ``noise[i]`` to a root mean square of 1; values below 0.1 are only scaled by 10."""
    axes = tuple(range(1, noise.ndim))
    return noise / np.maximum(np.sqrt((noise**2).mean(axes, keepdims=True)), 0.1)
