"""A color offset for each class, over an adversarial perturbation against several stages of a surrogate's training.

Source: Wang, Zhang, Pan, Zhou, Jiang, Zeng, Jia, "Dual-branch Robust Unlearnable Examples", ICML 2026 (DUNE), arXiv
2605.01718, and the authors' published code. Both parts aim at class y+3 mod C. The adversarial part takes thirty sign
steps of ε/16 along the mean gradient over five checkpoints, ε = 8/255, without momentum and views. The offset is one
color for all images of a class. A particle swarm of ten particles and ten rounds finds it: it minimizes the
cross-entropy of the target class, and soft limits keep PSNR above 20 dB and SSIM above 0.8.

There are these differences. The checkpoints are evenly spaced stages of one training, as in the code, of our surrogate
instead of a ResNet-18. The swarm sees 32 images of a class instead of 1,000. It does not measure LPIPS, whose model
this package does not have, so its offsets may be larger. They stay within ±0.1 (theirs start there and may leave it).
The best position is kept as it was found; in the code it goes on moving. Both parts are rounded to 8 bits. A shift that
would lead back to the own class, as with three classes, starts again at 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

from ripguard.bar import Bar
from ripguard.data.image_set import ImageSet
from ripguard.errors import UsageError
from ripguard.images.quality import likeness
from ripguard.methods.fitted import FitContext, Fitted, Need, RunContext
from ripguard.methods.params import DataStats, option, positive, share, word
from ripguard.perturb.base import Perturbation, needed
from ripguard.perturb.scaled import BoundedParams, fit_surrogates
from ripguard.perturb.tap import TAP, TAPParams
from ripguard.perturb.targets import other_class, shifted_class

if TYPE_CHECKING:
    from ripguard.perturb.surrogate import Surrogate

EPS, STRIDE = 8 / 255, 1 / 16  # of the adversarial part; a step, of ε
STAGES, EPOCHS = 5, 10  # of the surrogate; EPOCHS is the surrogate's own default
SHIFT, OFFSET = 3, 0.1
PARTICLES, ROUNDS, FEW = 10, 10, 32  # of the swarm; images of a class that it sees
INERTIA, PULL = 0.5, 0.3  # pull to a particle's best position, and to the best of all
LEAST_DB, LEAST_SSIM = 20.0, 0.8  # soft limits of an image's quality


@dataclass(frozen=True, kw_only=True)
class DUNEParams(BoundedParams):
    method: ClassVar[str] = "dune"

    eps: float | None = option(
        EPS, "L∞ bound of the adversarial part in 0..1", check=share, wanted="more than 0 and at most 1",
        word=word("ε {}"), usual=(None,),
    )  # fmt: skip
    steps: int = option(
        30, "gradient steps", check=positive, wanted="at least 1", word=word("steps {}"), flag="attack-steps"
    )
    surrogates: int | None = option(
        None,
        "number of stages of the surrogate's training to average over (default 5)",
        check=positive,
        wanted="at least 1",
        flag="ensemble-size",
    )
    shift: int = option(
        SHIFT, "target class of an image: its own number plus this", check=positive, wanted="at least 1",
        word=word("shift {}"), usual=(SHIFT,),
    )  # fmt: skip
    offset: float = option(
        OFFSET, "bound of the color offsets in 0..1", check=share, wanted="more than 0 and at most 1",
        word=word("offset {}"), usual=(None,),
    )  # fmt: skip

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.surrogates or 1) > self.epochs:
            raise UsageError(
                f"--ensemble-size: expected at most one stage for each of {self.epochs} epochs, got {self.surrogates}",
                "set --surrogate-epochs",
            )

    @property
    def epochs(self) -> int:
        """Epochs of the surrogate's training."""
        return self.surrogate_epochs or EPOCHS

    @property
    def stages(self) -> int:
        """Stages of the surrogate's training."""
        return self.surrogates or min(STAGES, self.epochs)

    @property
    def under(self) -> TAPParams:
        """Parameters of the adversarial part; its rule for the target class is replaced by ``shift``."""
        return TAPParams(
            eps=self.eps, steps=self.steps, coarse=self.coarse, surrogate=self.surrogate,
            surrogate_epochs=self.surrogate_epochs, surrogate_share=self.surrogate_share,
        )  # fmt: skip

    @property
    def label_shift(self) -> int:
        """See :class:`ripguard.perturb.tap.TAPParams`."""
        return self.shift

    def resolve(self, data: DataStats) -> Self:
        return replace(super().resolve(data), shift=other_class(self.shift, data.classes))


class Shifted(TAP):
    """Steps of DUNE's adversarial part.

    Args:
        shift: from an image's class to its target class.
    """

    decay, stride = 0.0, STRIDE

    def __init__(
        self, params: TAPParams, shift: int, fitted: Fitted, context: RunContext, surrogate: Surrogate | None
    ) -> None:
        super().__init__(params, fitted, context, surrogate, views=False)
        self.shift = shift

    def targets(self, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        return shifted_class(labels, self.surrogate.classes, self.shift)


class DUNE(Perturbation[DUNEParams]):
    """An adversarial perturbation, rounded to 8 bits, then the color offset of the class. Hiding is not simulated.

    Args:
        fitted: the surrogates, and ``offsets`` of :func:`search`.
        surrogate: the models to attack; None: the fitted ones.
    """

    kind, needs, colors = DUNEParams, frozenset({Need.CLASSES, Need.TRAINING_IMAGES}), True
    libraries = ("skimage",)

    def __init__(
        self,
        params: DUNEParams,
        fitted: Fitted | None = None,
        context: RunContext | None = None,
        surrogate: Surrogate | None = None,
    ) -> None:
        super().__init__(params, fitted, context)
        alone = RunContext(self.context.device)
        self.under = Shifted(params.under, params.shift, self.fitted, alone, surrogate)

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        from ripguard.perturb.surrogate import from_fitted

        own, training = self.params, needed(training)
        found = fit_surrogates(own, training, context, own.stages)
        model = from_fitted(found, context.device)
        offsets = search(model, training.images, training.labels, own.shift, own.offset, context.seed, context.device)
        return Fitted(found.arrays | {"offsets": offsets}, found.about, found.files)

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        offsets = 255 * self.fitted["offsets"][labels][:, None, None]  # [batch, 1, 1, 3]
        if clean.shape[3] == 1:
            offsets = offsets.mean(3, keepdims=True)
        carriers = self.under(clean, labels, seeds) + np.round(offsets)
        return np.clip(carriers, 0, 255).astype(np.uint8)


def search(
    model: Surrogate,
    images: np.ndarray,
    labels: np.ndarray,
    shift: int,
    bound: float = OFFSET,
    seed: int = 0,
    device: str = "cpu",
) -> np.ndarray:
    """Color offsets, float64 ``[classes, 3]`` within ±``bound``, of images in 0..1; zeros for a class without images.

    Args:
        model: the surrogate or ensemble.
        images: uint8 ``[n, side, side, 3]``; labels: int64 ``[n]``.
    """
    found = np.zeros((model.classes, 3))
    goals = shifted_class(np.arange(model.classes), model.classes, shift)
    for label in Bar(np.unique(labels), stage="color offsets", unit="class"):
        draw = np.random.default_rng([seed, int(label)])
        some = images[draw.permutation(np.flatnonzero(labels == label))[:FEW]]
        place = draw.uniform(-bound, bound, (PARTICLES, 3))
        speed = draw.uniform(-bound / 10, bound / 10, (PARTICLES, 3))
        best, least = place.copy(), np.full(PARTICLES, np.inf)
        for _ in range(ROUNDS):
            costs = np.array([cost(model, some, one, int(goals[label]), device) for one in place])
            better = costs < least
            best[better], least[better] = place[better], costs[better]
            speed = INERTIA * speed + PULL * (best - place) + PULL * (best[least.argmin()] - place)
            place = np.clip(place + speed, -bound, bound)
        found[label] = best[least.argmin()]
    return found


def cost(model: Surrogate, images: np.ndarray, offset: np.ndarray, goal: int, device: str = "cpu") -> float:
    """Cross-entropy of class ``goal``, mean over images and models, and what the quality of the images falls short by.

    Args:
        images: uint8 ``[n, side, side, 3]``; offset: float ``[3]``.
    """
    import torch
    import torch.nn.functional as F

    from ripguard.perturb.surrogate import to_tensor
    from ripguard.precision import fast_math

    shown = np.clip(images + np.round(255 * offset), 0, 255).astype(np.uint8)
    with torch.no_grad(), fast_math(device):
        logits = [one.float() for one in model.logits(to_tensor(shown, device))]  # for each trunk, [n, classes]
    wanted = torch.full((len(images),), goal, device=device)
    entropy = np.mean([F.cross_entropy(one, wanted).item() for one in logits])
    return float(entropy + np.mean([_short(one, other) for one, other in zip(shown, images)]))


def _short(shown: np.ndarray, clean: np.ndarray) -> float:
    """What the quality of an image falls short by, dB and SSIM added up as in the code."""
    looks = likeness(shown, clean)
    pairs = ((LEAST_DB, looks["psnr"]), (LEAST_SSIM, looks["ssim"]))  # tiny images have no SSIM
    return sum(max(0.0, least - value) for least, value in pairs if value is not None)
