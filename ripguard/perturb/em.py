"""Class-wise error-minimizing noise: one pattern per class, optimized to minimize the training loss.

Source: Huang, Ma, Erfani, Bailey, Wang, "Unlearnable Examples: Making Personal Data Unexploitable", ICLR 2021 (EM). As
in the authors' class-wise setting: ten training steps of a model on perturbed images alternate with one descent step of
0.8/255 for the patterns on a fifth of the data, ε = 8/255, until the model's error on it is below a tenth. The model
has the surrogate's architecture instead of ResNet-18.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ripguard.bar import Bar
from ripguard.data.image_set import ImageSet
from ripguard.images.rounding import rounded
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.perturb.base import Perturbation, TrainedParams, needed

if TYPE_CHECKING:
    from torch import Tensor

EPS, STEP = 8 / 255, 0.8 / 255
TRAIN_STEPS, BATCH = 10, 128
SHARE, DONE, MOST = 0.2, 0.1, 40  # share of the data for the patterns; error to stop at; most rounds


def search(
    images: np.ndarray, labels: np.ndarray, classes: int, seed: int = 0, device: str = "cpu", most: int = MOST
) -> np.ndarray:
    """The patterns, float32 ``[classes, side, side, 3]`` within ±ε, for uint8 ``[n, side, side, 3]`` images."""
    import torch
    import torch.nn.functional as F

    from ripguard.perturb.surrogate import Settings, Surrogate
    from ripguard.precision import fast_math

    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)  # [n, 3, side, side] uint8
    targets = torch.from_numpy(labels).to(device)
    model = Surrogate(classes, replace(Settings(), side=images.shape[1])).to(device)
    optimiser = torch.optim.SGD(model.parameters(), 0.1, momentum=0.9, weight_decay=5e-4)
    patterns = (2 * torch.rand(classes, *tensor.shape[1:], generator=draw) - 1).to(device) * EPS
    few = torch.randperm(len(tensor), generator=draw)[: max(BATCH, round(SHARE * len(tensor)))]

    def perturbed(rows: Tensor) -> Tensor:
        return (tensor[rows].float() / 255 + patterns[targets[rows]]).clamp(0, 1)

    bar = Bar(range(most), stage="error-minimizing noise", unit="round")
    for _ in bar:
        model.train()
        for _ in range(TRAIN_STEPS):
            rows = torch.randint(len(tensor), (min(BATCH, len(tensor)),), generator=draw).to(device)
            with fast_math(device):
                loss = F.cross_entropy(model(perturbed(rows)).float(), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        model.eval()
        wrong = 0
        for rows in few.to(device).split(BATCH):
            own = patterns.detach().requires_grad_(True)
            x = (tensor[rows].float() / 255 + own[targets[rows]]).clamp(0, 1)
            with fast_math(device):
                logits = model(x).float()
            (gradient,) = torch.autograd.grad(F.cross_entropy(logits, targets[rows]), own)
            patterns = (own.detach() - STEP * gradient.sign()).clamp(-EPS, EPS)
            wrong += int((logits.argmax(1) != targets[rows]).sum())
        bar.set_postfix(error=f"{wrong / len(few):.2f}")
        if wrong / len(few) < DONE:
            break
    bar.close()
    return patterns.permute(0, 2, 3, 1).cpu().numpy()


@dataclass(frozen=True, kw_only=True)
class EMParams(TrainedParams):
    method: ClassVar[str] = "em"


class EM(Perturbation[EMParams]):
    """Each image gets the pattern of its class, resized to the image."""

    kind, needs = EMParams, frozenset({Need.CLASSES, Need.TRAINING_IMAGES})

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        training = needed(training)
        classes = len(context.classes)
        return Fitted({"patterns": search(training.images, training.labels, classes, context.seed, context.device)})

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        import torch
        import torch.nn.functional as F

        if self.context.device == "cpu":
            torch.set_num_threads(1)  # one process per core
        height, width, channels = clean.shape[1:]
        patterns = torch.from_numpy(self.fitted["patterns"]).permute(0, 3, 1, 2)  # [classes, 3, side, side]
        if tuple(patterns.shape[2:]) != (height, width):
            patterns = F.interpolate(patterns, (height, width), mode="bilinear").clamp(-EPS, EPS)
        noise = patterns[torch.from_numpy(labels), :channels].permute(0, 2, 3, 1).numpy()  # [batch, height, width, …]
        return rounded(clean + 255 * noise)
