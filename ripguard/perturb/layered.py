"""Class-wise marks over an adversarial perturbation, so that removing the marks still leaves poisoned images.

Ours: :class:`~ripguard.perturb.tap.TAP` first, then :class:`~ripguard.perturb.marks.Marks` on the result. A model
trained on the result learns the marks, so its features are as weak as those learned from marks alone. An attacker who
knows how marks are made can train a model that removes them, on synthetic pairs: protected images, marked once more.
The adversarial perturbation cannot be synthesized in this way, because it depends on a model of the clean images.
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

UNDER = 0.53  # L∞ bound of the adversarial part relative to the marks' ε: about a quarter of the total power
EPS, EPS_LARGE = 0.053, 0.058  # for small and large images; median PSNR at least 26 dB, adversarial part included


@dataclass(frozen=True, kw_only=True)
class LayeredParams(GradientParams, MarkedParams):
    method: ClassVar[str] = "layered"

    target: str = option(
        "cyclic", "rule for the target class of an image", choices=tuple(CLASS_RULES),
        word=word("target {}"),
    )  # fmt: skip
    through: tuple[str, ...] = option(
        (), "expectation over these transformations, one per step in turn", choices=THROUGH,
        word=word("through {}"),
        flag="eot",
    )  # fmt: skip

    @property
    def marks(self) -> MarksParams:
        """Parameters of the marks."""
        return MarksParams(eps=self.eps, sink=self.sink, cells=self.cells, surrogate_share=self.surrogate_share)

    @property
    def under(self) -> TAPParams:
        """Parameters of the adversarial perturbation underneath."""
        return TAPParams(
            eps=UNDER * self.eps if self.eps else None, steps=self.steps, target=self.target, through=self.through,
            coarse=self.coarse, surrogate=self.surrogate, surrogates=self.surrogates,
            surrogate_epochs=self.surrogate_epochs,
        )  # fmt: skip

    @property
    def label_shift(self) -> int:
        """See :class:`ripguard.perturb.tap.TAPParams`."""
        return self.under.label_shift

    def resolve(self, data: DataStats) -> Self:
        return replace(super().resolve(data), eps=self.eps or (EPS_LARGE if data.large else EPS))


class Layered(Perturbation[LayeredParams]):
    """Adversarial perturbation, rounded to 8 bits, then marks. The gradients do not account for the marks.

    Args:
        under: the adversarial perturbation, of about UNDER times the marks' size; None: the fitted one.
        marks: None: the fitted ones.
    """

    kind, needs, colors = LayeredParams, frozenset({Need.CLASSES, Need.TRAINING_IMAGES}), True
    libraries = ("scipy",)

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

    @classmethod
    def public_span(cls, params: LayeredParams, classes: int, shape: tuple[int, int]) -> np.ndarray:
        return Marks.public_span(params.marks, classes, shape)

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        below = TAP(self.params.under).fit(training, context)
        marks = Marks(self.params.marks).fit(training, context)
        return Fitted(below.arrays | marks.arrays, below.about, below.files)

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return self.marks(self.under(clean, labels, seeds), labels, seeds)
