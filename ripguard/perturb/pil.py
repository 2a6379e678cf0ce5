"""Perturbation-induced linearization: noise by which a linear classifier predicts the class, on images that it cannot.

Source: "Perturbation-Induced Linearization: Constructing Unlearnable Data with Solely Linear Classifiers", ICLR 2026
(PIL), arXiv 2601.19967, and the authors' published code. Two linear maps without bias, one after the other, are trained
on the clean images. For its logits f, the noise δ of an image x of class y descends

    0.9 · CE(f(δ), y) + 0.1 · KL(uniform ‖ softmax f(x − δ))

by sign steps of ε/10 from uniform noise, ε = 8/255. The published image is x − δ, as in the code: it holds the opposite
of what the classifier reads in δ. There are three differences. The training images are shuffled, because theirs are in
random order already and files in folders are not. The noise starts from each image's own seed. Images of other sizes
get the noise of their resized copy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from ripguard.bar import Bar
from ripguard.data.image_set import ImageSet
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.methods.params import option, positive, share, word
from ripguard.perturb.base import Perturbation, TrainedParams, needed
from ripguard.perturb.scaled import to_images

if TYPE_CHECKING:
    from torch import Tensor

EPS, STRIDE = 8 / 255, 0.1  # the bound, and the size of a step, of ε
EPOCHS, BATCH, LR = 30, 512, 0.003  # of the classifier


def train(images: np.ndarray, labels: np.ndarray, classes: int, seed: int = 0, device: str = "cpu") -> np.ndarray:
    """The classifier: SGD with momentum 0.9, cosine schedule by epochs, no augmentation.

    Args:
        images: uint8 ``[n, side, side, channels]``; labels: int64 ``[n]``.

    Returns:
        The product of its two maps, float32 ``[classes, channels, side, side]``, for images in 0..1.
    """
    import torch
    import torch.nn.functional as F

    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)  # [n, channels, side, side] uint8
    targets = torch.from_numpy(labels).to(device)
    widths = ((tensor[0].numel(), classes), (classes, classes))
    model = torch.nn.Sequential(*(torch.nn.Linear(*own, bias=False) for own in widths)).to(device)
    optimiser = torch.optim.SGD(model.parameters(), LR, momentum=0.9)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in Bar(range(EPOCHS), stage="linear classifier", unit="epoch"):
        for rows in torch.randperm(len(tensor), generator=draw).to(device).split(BATCH):
            loss = F.cross_entropy(model(tensor[rows].flatten(1).float() / 255), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()
    first, second = (weights.detach() for weights in model.parameters())
    return (second @ first).reshape(classes, *tensor.shape[1:]).cpu().numpy()


def descend(weights: Tensor, x: Tensor, labels: Tensor, noise: Tensor, eps: float, steps: int, weight: float) -> Tensor:
    """The noise δ, float32 ``[batch, values]`` within ±``eps``. The classifier is linear, so gradients are products.

    Args:
        weights: float32 ``[classes, values]``; x: images in 0..1, float32 ``[batch, values]``.
        labels: int64 ``[batch]``; noise: start, shape of ``x``.
        weight: of the cross-entropy; the divergence has the rest.
    """
    import torch.nn.functional as F

    wanted = F.one_hot(labels, len(weights)).float()
    logits = x @ weights.T  # [batch, classes]
    for _ in range(steps):
        read = noise @ weights.T
        in_noise = read.softmax(1) - wanted
        in_image = (logits - read).softmax(1) - 1 / len(weights)
        gradient = (weight * in_noise - (1 - weight) * in_image) @ weights
        noise = (noise - STRIDE * eps * gradient.sign()).clamp(-eps, eps)
    return noise


@dataclass(frozen=True, kw_only=True)
class PILParams(TrainedParams):
    method: ClassVar[str] = "pil"

    eps: float = option(
        EPS, "L∞ bound in 0..1", check=share, wanted="more than 0 and at most 1", word=word("ε {}"), usual=(None,)
    )
    steps: int = option(
        30, "gradient steps", check=positive, wanted="at least 1", word=word("steps {}"), flag="attack-steps"
    )
    weight: float = option(
        0.9,
        "weight of the cross-entropy of the noise; the divergence of the rest of the image has what is left of 1",
        check=share,
        wanted="more than 0 and at most 1",
        word=word("weight {}"),
    )


class PIL(Perturbation[PILParams]):
    """Noise of each image that decides what a linear classifier predicts, and leaves the rest of the image undecided.

    Args:
        fitted: ``weights`` of :func:`train`.
    """

    kind, needs = PILParams, frozenset({Need.CLASSES, Need.TRAINING_IMAGES})

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        training = needed(training)
        classes = len(context.classes)
        return Fitted({"weights": train(training.images, training.labels, classes, context.seed, context.device)})

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        import torch
        import torch.nn.functional as F

        from ripguard.perturb.surrogate import resize, to_tensor

        own, device = self.params, self.context.device
        if device == "cpu":
            torch.set_num_threads(1)  # one process per core
        weights = torch.from_numpy(self.fitted["weights"]).to(device)  # [classes, 3, side, side]
        x = to_tensor(clean, device)  # [batch, channels, height, width]
        if x.shape[1] == 1:  # the same sample in all three channels
            weights = weights.sum(1, keepdim=True)
        small = resize(x, (weights.shape[2], weights.shape[3]))
        draws = [np.random.default_rng(int(seed)).uniform(-own.eps, own.eps, small.shape[1:]) for seed in seeds]
        start = torch.from_numpy(np.stack(draws).astype(np.float32)).to(device)
        truth = torch.from_numpy(labels).to(device)
        flat = (weights.flatten(1), small.flatten(1), truth, start.flatten(1))
        noise = descend(*flat, own.eps, own.steps, own.weight).reshape(small.shape)
        if small.shape != x.shape:
            noise = F.interpolate(noise, (x.shape[2], x.shape[3]), mode="bilinear").clamp(-own.eps, own.eps)
        return to_images(x - noise)
