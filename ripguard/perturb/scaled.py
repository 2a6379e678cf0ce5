"""Common code of gradient-based perturbations: they run at the surrogate's resolution and round to 8 bits."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Self, TypeVar, final

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.errors import InputRefused, UsageError
from ripguard.methods.fitted import FitContext, Fitted, Need, RunContext
from ripguard.methods.params import DataStats, option, positive, share, word
from ripguard.perturb.base import Perturbation, TrainedParams, needed

if TYPE_CHECKING:
    from torch import Tensor

    from ripguard.perturb.surrogate import Surrogate

EPS, EPS_LARGE = 0.07, 0.1  # for small images and for large ones
THUMBNAIL = 16  # pixels: up to this side, images are cropped less than others, in proportion


@dataclass(frozen=True, kw_only=True)
class GradientParams(TrainedParams):
    """Parameters of methods that use a surrogate's gradients."""

    form: ClassVar[int] = 2  # surrogate.DESIGN; tests/perturb keeps them equal

    steps: int = option(
        20, "gradient steps", check=positive, wanted="at least 1", word=word("steps {}"), flag="attack-steps"
    )
    coarse: bool | None = option(
        None, "give the surrogate a second trunk with an ImageNet stem (default: from 48 pixels)"
    )
    surrogate: tuple[str, ...] = option(
        (),
        "file of a trained surrogate; repeat for an ensemble",
        repeat=True,
        stored=False,
        path=True,
        flag="surrogate-checkpoint",
    )
    surrogates: int | None = option(
        None,
        "number of surrogates to train (default 1)",
        check=positive,
        wanted="at least 1",
        flag="ensemble-size",
    )
    surrogate_epochs: int | None = option(
        None, "epochs of surrogate training (default 10)", check=positive, wanted="at least 1"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.surrogate and (self.surrogates or self.surrogate_epochs):
            raise UsageError(
                "--ensemble-size and --surrogate-epochs would change nothing with --surrogate-checkpoint",
                "leave them out",
            )

    def resolve(self, data: DataStats) -> Self:
        return replace(super().resolve(data), coarse=data.large if self.coarse is None else self.coarse)


@dataclass(frozen=True, kw_only=True)
class BoundedParams(GradientParams):
    """Parameters of methods with an L∞ bound."""

    eps: float | None = option(
        None, "L∞ bound in 0..1 (default 0.07, from 48 pixels 0.1)", check=share, wanted="more than 0 and at most 1",
        word=word("ε {}"), usual=(None, EPS, EPS_LARGE),
    )  # fmt: skip

    def resolve(self, data: DataStats) -> Self:
        return replace(super().resolve(data), eps=self.eps or (EPS_LARGE if data.large else EPS))


G = TypeVar("G", bound=TrainedParams)


class Scaled(Perturbation[G]):
    """A perturbation computed from gradients of a surrogate.

    Args:
        surrogate: the model to attack; None: the fitted one.
    """

    needs = frozenset({Need.CLASSES, Need.TRAINING_IMAGES})

    def __init__(
        self,
        params: G,
        fitted: Fitted | None = None,
        context: RunContext | None = None,
        surrogate: Surrogate | None = None,
    ) -> None:
        if surrogate is not None:
            self.surrogate = surrogate
            params = params.resolve(DataStats(surrogate.side, surrogate.classes))
        super().__init__(params, fitted, context)
        self.device = self.context.device

    @cached_property
    def surrogate(self) -> Surrogate:
        """The fitted model; an ensemble if there are several."""
        import torch

        from ripguard.perturb import surrogate

        if self.device == "cpu":
            torch.set_num_threads(1)  # one process per core: faster, and results do not depend on the number of workers
        return surrogate.from_fitted(self.fitted, self.device)

    @property
    @abstractmethod
    def eps(self) -> float:
        """L∞ bound for images in 0..1, before rounding (0.07 is 17.85 gray levels)."""

    @abstractmethod
    def attack(self, source: Tensor, labels: np.ndarray, seeds: np.ndarray, clean: np.ndarray | None) -> Tensor:
        """Perturbation, float32 ``[batch, channels, height, width]``, of ``source``, same shape, in 0..1.

        ``clean``: the same images, uint8 ``[batch, height, width, channels]``; None if ``source`` was downscaled.
        """

    @final
    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        import torch.nn.functional as F

        from ripguard.perturb.surrogate import resize, to_tensor, working_size

        full = (clean.shape[1], clean.shape[2])
        small = working_size(*full, self.surrogate.side)
        x = to_tensor(clean, self.device)  # [batch, channels, height, width]
        delta = self.attack(resize(x, small), labels, seeds, clean if small == full else None)
        if small != full:  # larger images get an upscaled, smooth perturbation
            delta = F.interpolate(delta, full, mode="bilinear").clamp(-self.eps, self.eps)
        return to_images(x + delta)


def fit_surrogates(
    params: GradientParams, training: ImageSet | None, context: FitContext, stages: int | None = None
) -> Fitted:
    """Load the given surrogates, or train some, or take those in the cache.

    Args:
        stages: take so many stages of one training, instead of ``params.surrogates`` models trained apart.

    Raises:
        InputRefused: a file is not a surrogate, or one for other classes.
    """
    from ripguard.perturb import surrogate

    training, names = needed(training), list(context.classes)
    side = training.images.shape[1]
    coarse = params.resolve(DataStats(side, len(names))).coarse if params.coarse is None else params.coarse
    settings = surrogate.Settings(seed=context.seed, side=side, coarse=surrogate.COARSE if coarse else ())
    if side <= THUMBNAIL:
        settings = replace(settings, crop_padding=side // 8)
    if params.surrogate_epochs:
        settings = replace(settings, epochs=params.surrogate_epochs)
    paths = list(params.surrogate)
    if stages and not paths:
        given = (training.images, training.labels, names, settings, context.device)
        paths = [str(path) for path in surrogate.obtain_stages(*given, stages)]
    for one in range(0 if paths else params.surrogates or 1):
        own = replace(settings, seed=settings.seed + one)
        paths.append(str(surrogate.obtain(training.images, training.labels, names, own, context.device)))
    fitted = surrogate.to_fitted(paths)
    if fitted.about["names"] != names:
        known = ", ".join(fitted.about["names"])[:200]
        raise InputRefused(f"{paths[0]} was trained on other classes: {known}", "train one on this dataset's classes")
    return fitted


def to_images(x: Tensor) -> np.ndarray:
    """Float ``[batch, channels, height, width]`` in 0..1 → uint8 ``[batch, height, width, channels]``, rounded."""
    import torch

    return (x.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def accumulate(momentum: Tensor, gradient: Tensor, decay: float = 1.0) -> Tensor:
    """Momentum of gradients, each divided by its image's own L1 norm, so that images are independent."""
    return decay * momentum + gradient / gradient.abs().sum((1, 2, 3), keepdim=True).clamp_min(1e-30)
