"""Class-targeted cross-entropy: each image is perturbed until the surrogate predicts another class.

Source: Fowl, Goldblum, Chiang, Geiping, Czaja, Goldstein, "Adversarial Examples Make Strong Poisons", NeurIPS 2021
(TAP): projected gradient descent on the cross-entropy of a fixed other label, over random crops and flips. There are
three differences. Steps are fewer, larger, and use momentum. A view is a shift that is the same for all images of a
step, so a carrier does not depend on other images. The gradient is taken at the image that hiding makes of the carrier,
and applied to the carrier unchanged (backward pass differentiable approximation: Athalye, Carlini, Wagner, ICML 2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.methods.fitted import FitContext, Fitted, RunContext
from ripguard.methods.params import option, word
from ripguard.perturb.scaled import BoundedParams, Scaled, accumulate, fit_surrogates, to_images
from ripguard.perturb.targets import CLASS_RULES

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from ripguard.perturb.surrogate import Surrogate

DECAY = 0.9  # of the momentum
STRIDE = 0.25  # of ε, per step
FRESH = 2  # steps between two simulations of hiding
# names in ripguard.perturb.eot, which imports torch; tests/perturb compares them
THROUGH = ("none", "jpeg", "grayscale", "blur", "resize", "posterise", "planes", "crop", "colour")


@dataclass(frozen=True, kw_only=True)
class TAPParams(BoundedParams):
    method: ClassVar[str] = "tap"

    target: str = option(
        "cyclic", "rule for the target class of an image",
        choices=tuple(CLASS_RULES), word=word("target {}"),
    )  # fmt: skip
    through: tuple[str, ...] = option(
        (),
        "expectation over these transformations, one per step in turn",
        choices=THROUGH,
        word=word("through {}"),
        flag="eot",
    )

    @property
    def label_shift(self) -> int:
        """Offset from an image's label to its target class, where the rule is ``cyclic``; 0 for the others."""
        return int(self.target == "cyclic")


class TAP(Scaled[TAPParams]):
    """Class-targeted cross-entropy, over random views and, if the context simulates it, over hiding.

    For images larger than the surrogate's resolution hiding is not simulated: their perturbation is smooth, and hiding
    preserves most of it.

    Args:
        fitted: a surrogate, and the owner's ``seed``, for the rule ``permutation``.
        views: whether each step shifts and flips the images at random.

    Attributes:
        decay: of the momentum; stride: size of a step, of ε.
    """

    kind = TAPParams
    decay: ClassVar[float] = DECAY
    stride: ClassVar[float] = STRIDE

    def __init__(
        self,
        params: TAPParams,
        fitted: Fitted | None = None,
        context: RunContext | None = None,
        surrogate: Surrogate | None = None,
        views: bool = True,
    ) -> None:
        super().__init__(params, fitted, context, surrogate)
        self.views = views

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        found = fit_surrogates(self.params, training, context)
        return Fitted(found.arrays, found.about | {"seed": context.seed}, found.files)

    @property
    def eps(self) -> float:
        return self.params.eps or 0.0

    @cached_property
    def through(self) -> list[Any]:
        from ripguard.perturb import eot

        return [eot.THROUGH[name] for name in self.params.through] or [eot.as_it_is]

    def targets(self, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        """Class that each image is moved towards, int64 ``[batch]``."""
        rule = CLASS_RULES[self.params.target]
        return rule(labels, self.surrogate.classes, seeds, self.fitted.about.get("seed", 0))

    def attack(self, source: Tensor, labels: np.ndarray, seeds: np.ndarray, clean: np.ndarray | None) -> Tensor:
        return self.towards(source, self.targets(labels, seeds), clean)

    def towards(self, source: Tensor, aimed: np.ndarray, clean: np.ndarray | None = None) -> Tensor:
        """Perturbation towards the classes ``aimed``, int64 ``[batch]``; the rest as :meth:`attack`."""
        import torch
        import torch.nn.functional as F

        from ripguard.perturb.surrogate import to_tensor
        from ripguard.precision import fast_math

        own, simulate = self.params, self.context.simulate
        goal = torch.from_numpy(aimed).to(self.device)  # [batch]
        delta, momentum = torch.zeros_like(source), torch.zeros_like(source)
        change = torch.zeros_like(source)  # change that hiding makes to the carrier
        views = torch.Generator().manual_seed(0)
        for step in range(own.steps):
            carrier = (source + delta).clamp(0, 1)
            if clean is not None and simulate and step % FRESH == 0:
                change = to_tensor(simulate(clean, to_images(carrier)), self.device) - carrier
            x = (carrier + change).requires_grad_(True)
            seen = self.through[step % len(self.through)](x, views)
            with fast_math(self.device):
                # for each trunk, [batch, classes]
                logits = self.surrogate.logits(_view(seen, views) if self.views else seen)
            loss = torch.stack([F.cross_entropy(_bounded(one), goal, reduction="sum") for one in logits]).sum()
            (gradient,) = torch.autograd.grad(loss, x)
            momentum = accumulate(momentum, gradient, self.decay)
            delta = (delta - self.stride * self.eps * momentum.sign()).clamp(-self.eps, self.eps)
        return delta


def _bounded(logits: Tensor) -> Tensor:
    """Logits scaled to magnitudes of at most 30; beyond that, the gradient of cross-entropy vanishes in float32."""
    logits = logits.float()
    return logits * (30 / logits.detach().abs().amax(1, keepdim=True).clamp_min(30))


def _view(x: Tensor, views: Generator) -> Tensor:
    """A random view of the batch: rolled by up to a sixteenth of each side, and flipped with probability one half.

    Thumbnails are rolled by up to one pixel.
    """
    import torch

    reach = [max(1, side // 16) for side in x.shape[2:]]
    moves = [int(torch.randint(-most, most + 1, (), generator=views)) for most in reach]
    x = torch.roll(x, moves, (2, 3))
    return x.flip(3) if torch.rand((), generator=views) < 0.5 else x
