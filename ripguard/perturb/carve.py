"""Keep a thumbnail of each image, replace everything finer, and aim the thumbnail at another class.

Ours. Other perturbations add to an image, so an attacker who removes what was added has the image again. Here the
published image does not contain the fine content at all; only the encrypted payload does. Without the key, a model can
learn from it no more than from thumbnails: the ceiling that ``experiments/ceiling.py`` measures. Only a scheme that
restores the images exactly can afford this (``--hide seal``).

**What is kept** are the ``keep``×``keep`` lowest DCT coefficients, a thumbnail (:mod:`ripguard.images.bands`). It is
perturbed as in :mod:`ripguard.perturb.tap`, by a surrogate that is trained on thumbnails: the perturbation lies wholly
inside the kept band, so neither a low pass nor JPEG separates it from the content.

**Targets** follow no public rule. A secret order of the classes and several secret shifts give each class ``targets``
target classes; which one an image gets depends on its thumbnail, by a secret direction that sorts each class. Renaming
the outputs then gives little back, but for datasets of two or three classes, which have one other class or two. The
secret is a digest of the clean training images: nobody without them can compute it.

Images without a class get no perturbation of the thumbnail, and a pattern of their own.

**What is replaced** gets a fill: the same secret pattern for all images of a class, which plain training learns instead
of the content, or noise.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.errors import UsageError
from ripguard.images.bands import enlarged, thumbnail
from ripguard.images.rounding import rounded
from ripguard.methods.fitted import FitContext, Fitted, RunContext
from ripguard.methods.params import DataStats, option, positive, share, word
from ripguard.perturb.base import Perturbation, needed
from ripguard.perturb.scaled import GradientParams, fit_surrogates
from ripguard.perturb.tap import TAP, TAPParams

KEEP = 8  # coefficients along each side
EPS = 32 / 255  # of the thumbnail's values
LEAST = 5  # on smaller thumbnails, bfloat16 training of the surrogate diverged
TARGETS = 3
GRAIN = 8 / 255  # root mean square of the fill
FINEST = 4  # the fill has frequencies up to this multiple of the kept ones, so that it survives moderate resizing


@dataclass(frozen=True, kw_only=True)
class CarveParams(GradientParams):
    method: ClassVar[str] = "carve"

    keep: int | None = option(
        None, f"DCT coefficients kept along each side: a thumbnail of so many pixels (default {KEEP})",
        check=lambda value: value >= LEAST, wanted=f"at least {LEAST}: no surrogate learns from less",
        word=word("keep {}"), usual=(None, KEEP),
    )  # fmt: skip
    eps: float | None = option(
        None, "L∞ bound of the thumbnail's perturbation, in 0..1 (default 0.125); 0: none",
        check=lambda value: 0 <= value <= 1, wanted="0 to 1", word=word("ε {}"), usual=(None, EPS),
    )  # fmt: skip
    targets: int = option(
        TARGETS, "target classes of each class", check=positive, wanted="at least 1", word=word("targets {}"),
    )  # fmt: skip
    fill: str = option(
        "pattern", "what replaces the fine content", choices=("pattern", "noise", "none"), word=word("fill {}"),
    )  # fmt: skip
    grain: float = option(
        GRAIN, "root mean square of the fill, in 0..1", check=share, wanted="more than 0 and at most 1",
        word=word("grain {}"),
    )  # fmt: skip

    def resolve(self, data: DataStats) -> Self:
        keep = self.keep or max(LEAST, min(KEEP, data.side // 2))
        if keep > data.side // 2:
            raise UsageError(
                f"--keep: a thumbnail of {keep} pixels is more than half of images of {data.side}",
                "name another --perturb" if keep == LEAST else "name a smaller --keep",
            )
        own = replace(self, keep=keep, eps=EPS if self.eps is None else self.eps)
        return replace(own, coarse=False if self.coarse is None else self.coarse)

    @property
    def under(self) -> TAPParams:
        """Parameters of the thumbnail's perturbation."""
        return TAPParams(
            eps=self.eps or None, steps=self.steps, coarse=self.coarse, surrogate=self.surrogate,
            surrogates=self.surrogates, surrogate_epochs=self.surrogate_epochs,
        )  # fmt: skip


class Carve(Perturbation[CarveParams]):
    """Thumbnails aimed at another class, enlarged, with a fill in place of the fine content.

    Args:
        fitted: surrogates of thumbnails; arrays ``order``, ``shifts``, ``direction`` and ``bounds``, see :meth:`fit`;
            ``secret`` among its values, hexadecimal.
    """

    kind, needs, replaces = CarveParams, TAP.needs, True
    libraries = ("scipy",)
    without_label = "a clean thumbnail"

    def __init__(self, params: CarveParams, fitted: Fitted | None = None, context: RunContext | None = None) -> None:
        super().__init__(params, fitted, context)
        self.keep = params.keep or KEEP

    @cached_property
    def under(self) -> TAP:
        """The perturbation of thumbnails."""
        return TAP(self.params.under, self.fitted, RunContext(self.context.device))

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        """Train surrogates on thumbnails, and draw the targets.

        Returns:
            The surrogates, and arrays: ``order`` int64 ``[classes]``, a cycle of the classes; ``shifts`` int64
            ``[targets]``, steps along it; ``direction`` float32 ``[keep, keep, 3]``; ``bounds`` float32 ``[classes,
            targets − 1]``, between the parts of each class along the direction.
        """
        training, own = needed(training), self.params
        small = thumbnail(training.images, self.keep)
        seen = rounded(small)
        found = fit_surrogates(own, replace(training, images=seen), context) if own.eps else Fitted()
        # not of training.digest, which records publish
        digest = hashlib.sha256(f"ripguard carve {context.seed}".encode() + training.labels.astype("<i8").tobytes())
        digest.update(np.ascontiguousarray(training.images).data)
        secret = digest.hexdigest()
        draw, classes = _generator(secret), len(context.classes)
        order = draw.permutation(classes)
        shifts = 1 + draw.permutation(classes - 1)[: own.targets]
        direction = draw.normal(size=small.shape[1:]).astype(np.float32)
        along = _along(small, direction)
        parts = np.linspace(0, 1, len(shifts) + 1)[1:-1]
        bounds = np.stack([np.quantile(along[training.labels == label], parts) for label in range(classes)])
        arrays: dict[str, np.ndarray] = {"order": order, "shifts": shifts, "direction": direction}
        arrays["bounds"] = bounds.astype(np.float32)
        return Fitted(found.arrays | arrays, found.about | {"secret": secret}, found.files)

    def aimed(self, small: np.ndarray, labels: np.ndarray) -> np.ndarray:
        """Target class of each image, int64 ``[batch]``; never its own class.

        Args:
            small: thumbnails, float32 ``[batch, keep, keep, 1 or 3]``; labels: int64 ``[batch]``.
        """
        order, shifts = self.fitted["order"], self.fitted["shifts"]
        part = (_along(small, self.fitted["direction"])[:, None] > self.fitted["bounds"][labels]).sum(1)
        place = np.argsort(order)  # of each class in the cycle
        return order[(place[labels] + shifts[part]) % len(order)]

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        import torch

        small = thumbnail(clean, self._kept(*clean.shape[1:3]))
        known = labels >= 0
        if self.params.eps and known.any():
            source = torch.from_numpy(small[known]).permute(0, 3, 1, 2).to(self.context.device) / 255
            source = source.clamp(0, 1)  # the lowest coefficients alone may leave the range
            found = source + self.under.towards(source, self.aimed(small[known], labels[known]))
            small[known] = 255 * found.clamp(0, 1).permute(0, 2, 3, 1).cpu().numpy()
        height, width = clean.shape[1:3]
        carriers = enlarged(small, height, width) + self._fill(height, width, labels, seeds)[..., None]
        return rounded(carriers)

    def _kept(self, height: int, width: int) -> int:
        """Coefficients kept of an image: fewer of those that are smaller than twice the thumbnail."""
        return max(1, min(self.keep, min(height, width) // 2))

    def _fill(self, height: int, width: int, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """What replaces the fine content: gray values, float64 ``[batch, height, width]``, without coarse content."""
        kind, size, kept = self.params.fill, 255 * self.params.grain, self._kept(height, width)
        if kind == "none":
            return np.zeros((len(labels), height, width))
        if kind == "noise":
            draws = [np.random.default_rng(int(seed)) for seed in seeds]
            return size * np.stack([_texture(draw, kept, height, width) for draw in draws])
        secret = self.fitted.about["secret"]
        patterns = {
            label: _texture(_generator(secret, int(label) + 2), kept, height, width) for label in np.unique(labels)
        }
        return size * np.stack([patterns[label] for label in labels])


def _generator(secret: str, number: int = 0) -> np.random.Generator:
    """Random numbers of a use: 0 for the targets, 1 for the pattern of images without a class, then one a class."""
    return np.random.default_rng([int(secret, 16), number])


def _along(small: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Position of thumbnails along a direction: float32 ``[batch]``. A gray thumbnail counts as one in color."""
    shown = np.broadcast_to(small, (*small.shape[:3], 3))
    rows, cols = (min(one, other) for one, other in zip(shown.shape[1:3], direction.shape[:2]))
    products = shown[:, :rows, :cols] * direction[:rows, :cols]
    return products.reshape(len(small), -1).sum(1)


def _texture(draw: np.random.Generator, keep: int, height: int, width: int) -> np.ndarray:
    """Random content above the kept band, root mean square 1: float64 ``[height, width]``.

    It is symmetric about the vertical axis, as training mirrors images. Zeros where an image has nothing above the
    band.
    """
    from scipy.fft import idct

    side = FINEST * keep
    drawn = draw.normal(size=(side, side))
    drawn[:keep, :keep] = 0
    drawn[:, 1::2] = 0  # these are antisymmetric
    drawn = drawn[:height, :width]
    # few waves make a large image: two products of small matrices are faster than a transform of its size
    down, along = (idct(np.eye(count, long), norm="ortho") for count, long in zip(drawn.shape, (height, width)))
    found = down.T @ drawn @ along
    size = float(np.sqrt((drawn**2).sum() / (height * width)))  # as the transform is orthonormal
    return found / max(size, 1e-9)
