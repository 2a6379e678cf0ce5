"""Sample-wise error-minimizing noise: each image has its own noise, optimized to minimize the training loss.

Source: Huang, Ma, Erfani, Bailey, Wang, "Unlearnable Examples: Making Personal Data Unexploitable", ICLR 2021 (EM),
the sample-wise setting: a model is trained on images with noise, and the noise descends the loss of that model,
ε = 8/255, until the model's error is below a hundredth. There are two differences. Noise and model alternate batch by
batch, two steps of 1.6/255 and one of training, instead of ten batches of training and twenty steps of 0.8/255 for all
images. The published noise is computed again by twenty steps on the final model, image by image, so that it depends on
the image and the model only.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ripguard.bar import Bar
from ripguard.data.image_set import ImageSet
from ripguard.methods.fitted import FitContext, Fitted
from ripguard.perturb.base import TrainedParams, needed
from ripguard.perturb.em import EPS, STEP
from ripguard.perturb.scaled import Scaled

if TYPE_CHECKING:
    from torch import Tensor

    from ripguard.perturb.surrogate import Settings, Surrogate

TURNS, STRIDE = 2, 2 * STEP  # noise steps per training step, and their size
DONE = 0.01  # training error to stop at
STEPS = 20  # for the published noise
WIDTHS, EPOCHS, PEAK_LR = (16, 32, 64, 128), 15, 0.1  # of the model; EPOCHS is an upper bound


def train(images: np.ndarray, labels: np.ndarray, classes: int, settings: Settings, device: str = "cpu") -> Surrogate:
    """The model whose loss the noise minimizes; both are trained on uint8 ``[n, side, side, 3]`` images."""
    import torch
    import torch.nn.functional as F

    from ripguard.perturb.surrogate import Surrogate, freeze
    from ripguard.precision import fast_math

    torch.manual_seed(settings.seed)
    draw = torch.Generator().manual_seed(settings.seed)
    model: Surrogate = Surrogate(classes, settings).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.SGD(model.parameters(), settings.peak_lr, momentum=0.9, weight_decay=settings.weight_decay)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)  # [n, 3, side, side] uint8
    targets = torch.from_numpy(labels).to(device)
    noise = torch.zeros(tensor.shape, dtype=torch.float16, device=device)  # half the memory of float32
    count = len(images)
    batch = min(settings.batch, count)
    bar = Bar(total=settings.epochs * (count // batch), stage="error-minimizing noise", unit="step")
    for _ in range(settings.epochs):
        order = torch.randperm(count, generator=draw)
        wrong = seen = 0
        for start in range(0, count - batch + 1, batch):
            rows = order[start : start + batch].to(device)
            x, y = tensor[rows].float() / 255, targets[rows]
            model.eval()
            own = noise[rows].float()
            for _ in range(TURNS):
                own = down(model, x, own, y, STRIDE, device)
            noise[rows] = own.half()
            model.train()
            with fast_math(device):
                logits = model((x + own).clamp(0, 1)).float()  # [batch, classes]
            loss = F.cross_entropy(logits, y)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            wrong, seen = wrong + int((logits.argmax(1) != y).sum()), seen + len(y)
            bar.update()
        bar.set_postfix(error=f"{wrong / seen:.2f}")
        if wrong / seen < DONE:
            break
    bar.close()
    return freeze(model)


def down(model: Surrogate, x: Tensor, noise: Tensor, labels: Tensor, stride: float, device: str) -> Tensor:
    """One descent step of the noise: float ``[batch, channels, height, width]``, within ±ε."""
    import torch
    import torch.nn.functional as F

    from ripguard.precision import fast_math

    own = noise.detach().requires_grad_(True)
    with fast_math(device):
        logits = model((x + own).clamp(0, 1)).float()  # [batch, classes]
    (gradient,) = torch.autograd.grad(F.cross_entropy(logits, labels, reduction="sum"), own)
    return (own.detach() - stride * gradient.sign()).clamp(-EPS, EPS)


@dataclass(frozen=True, kw_only=True)
class EMSampleParams(TrainedParams):
    method: ClassVar[str] = "em-sample"
    form: ClassVar[int] = 2  # surrogate.DESIGN: the model is a surrogate


class EMSample(Scaled[EMSampleParams]):
    """Each image's noise minimizes the loss of its own label.

    Args:
        fitted: the model of :func:`train`.
    """

    kind, eps = EMSampleParams, EPS

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        from ripguard.perturb import surrogate

        training = needed(training)
        own = replace(settings(), seed=context.seed, side=training.images.shape[1])
        names = list(context.classes)
        path = surrogate.obtain(training.images, training.labels, names, own, context.device, train)
        return surrogate.to_fitted([str(path)])

    def attack(self, source: Tensor, labels: np.ndarray, seeds: np.ndarray, clean: np.ndarray | None) -> Tensor:
        import torch

        own, noise = torch.from_numpy(labels).to(self.device), torch.zeros_like(source)
        for _ in range(STEPS):
            noise = down(self.surrogate, source, noise, own, STEP, self.device)
        return noise


def settings() -> Settings:
    """Settings of the model; the caller sets seed and side."""
    from ripguard.perturb.surrogate import Settings

    return Settings(widths=WIDTHS, epochs=EPOCHS, peak_lr=PEAK_LR)
