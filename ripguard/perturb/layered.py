"""Marks of the class over an adversarial perturbation: what is left when the marks are taken off teaches wrong names.

Ours: :class:`~ripguard.perturb.tap.TAP` first, then :class:`~ripguard.perturb.marks.Marks` on the result. A model that
finds marks stops looking, so its features are worth as little as those of marks alone. Who knows how marks are made can
train a model that takes them off, on pairs made up by marking the protected images once more. It cannot make up the
perturbation below in that way: that hangs on a model which knows clean images, and who has none cannot train it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.methods.fitted import FitContext, Fitted, Need, RunContext
from ripguard.methods.params import DataStats, option, word
from ripguard.perturb.base import Perturbation
from ripguard.perturb.marks import MarkedParams, Marks, MarksParams
from ripguard.perturb.scaled import GradientParams
from ripguard.perturb.tap import TAP, THROUGH, TAPParams
from ripguard.perturb.targets import CLASS_RULES

UNDER = 0.53  # ε of what is below, an L∞ bound, of that of the marks: about a quarter of all the noise's power
EPS, EPS_LARGE = 0.053, 0.058  # with what is below, a median of at least 26 dB; of small images and of large ones


@dataclass(frozen=True, kw_only=True)
class LayeredParams(GradientParams, MarkedParams):
    method: ClassVar[str] = "layered"

    target: str = option(
        "cyclic", "rule for the class that an image is pushed towards", choices=tuple(CLASS_RULES),
        word=word("target {}"),
    )  # fmt: skip
    through: tuple[str, ...] = option(
        (), "expectation over these transformations, in turn", choices=THROUGH,
        word=word("through {}"),
        flag="eot",
    )  # fmt: skip

    @property
    def marks(self) -> MarksParams:
        """Of the marks alone."""
        return MarksParams(eps=self.eps, sink=self.sink, cells=self.cells, surrogate_share=self.surrogate_share)

    @property
    def under(self) -> TAPParams:
        """Of what is below them."""
        return TAPParams(
            eps=UNDER * self.eps if self.eps else None, steps=self.steps, target=self.target, through=self.through,
            coarse=self.coarse, surrogate=self.surrogate, surrogates=self.surrogates,
            surrogate_epochs=self.surrogate_epochs,
        )  # fmt: skip

    @property
    def label_shift(self) -> int:
        """See :class:`ripguard.perturb.tap.TAPParams`: of what is below."""
        return self.under.label_shift

    def resolve(self, data: DataStats) -> Self:
        return replace(super().resolve(data), eps=self.eps or (EPS_LARGE if data.large else EPS))


class Layered(Perturbation[LayeredParams]):
    """Adversarial perturbation, rounded to 8 bits, and marks on top, through which nothing is aimed.

    Args:
        under: whose size should be about UNDER of the marks'; marks. None: as they were fitted.
    """

    kind, needs, colors = LayeredParams, frozenset({Need.CLASSES, Need.TRAINING_IMAGES}), True

    def __init__(
        self,
        params: LayeredParams,
        fitted: Fitted | None = None,
        context: RunContext | None = None,
        under: Perturbation | None = None,
        marks: Marks | None = None,
    ) -> None:
        super().__init__(params, fitted, context)
        alone = RunContext(self.context.device)
        self.under = under or TAP(params.under, self.fitted, alone)
        self.marks = marks or Marks(params.marks, fitted, alone)

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        below = TAP(self.params.under).fit(training, context)
        marks = Marks(self.params.marks).fit(training, context)
        return Fitted(below.arrays | marks.arrays, below.about, below.files)

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return self.marks(self.under(clean, labels, seeds), labels, seeds)
