"""The bi-level training of a lock: a model learns locked images, and the lock makes them easier to learn.

As Peng and Chen: :data:`TRAIN_STEPS` steps of the model alternate with :data:`PASSES` passes of SGD over the training
images for the lock, until the model has :data:`DONE` of them right.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ripguard.bar import Bar
from ripguard.fastnet import FastNet
from ripguard.perturb.lock import residual
from ripguard.perturb.lock.linear import fixed
from ripguard.precision import fast_math

WIDTHS, LEAST_SIDE = (32, 96, 128), 17  # of the model, and of its images
TRAIN_STEPS, PASSES, DONE = 30, 2, 0.9
BATCH, MODEL_LR, MOMENTUM, DECAY = 128, 0.1, 0.9, 5e-4


class Linear(nn.Module):
    """x' = W ⊙ x + B: W within 1 ± ε/2, B within ± ε/2, for each class, channel and pixel."""

    def __init__(self, classes: int, side: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.scale = nn.Parameter(torch.ones(classes, 3, side, side))
        self.offset = nn.Parameter(torch.zeros(classes, 3, side, side))

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        return self.scale[labels] * x + self.offset[labels]

    @torch.no_grad()
    def project(self) -> None:
        self.scale.clamp_(1 - self.eps / 2, 1 + self.eps / 2)
        self.offset.clamp_(-self.eps / 2, self.eps / 2)

    def arrays(self) -> dict[str, np.ndarray]:
        scale, offset = (one.detach().cpu().permute(0, 2, 3, 1).numpy() for one in (self.scale, self.offset))
        return fixed(scale, offset)


class Residual(nn.Module):
    """x' = x + ε·tanh(h(x)), h three convolutions of each class; see :mod:`ripguard.perturb.lock.residual`."""

    def __init__(self, classes: int, side: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        *kernels, bias = residual.shapes(classes)
        self.kernels = nn.ParameterList(torch.randn(shape) for shape in kernels)
        self.bias = nn.Parameter(torch.zeros(bias))

    def bounded(self) -> list[Tensor]:
        return [*(residual.bounded(kernel) for kernel in self.kernels), self.bias]

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        nets, moved = self.bounded(), torch.empty_like(x)
        for label in labels.unique().tolist():
            own = labels == label
            moved[own] = residual.moves(x[own], [part[label] for part in nets], self.eps)
        return x + moved

    def project(self) -> None:
        """The kernels are bounded wherever they are used."""

    def arrays(self) -> dict[str, np.ndarray]:
        names = [*(f"kernel {i}" for i in range(len(self.kernels))), "bias"]
        return {name: one.detach().cpu().numpy() for name, one in zip(names, self.bounded())}


FORMS: dict[str, type[Linear] | type[Residual]] = {"linear": Linear, "iresnet": Residual}
RATES = {"linear": 0.01, "iresnet": 0.01}  # learning rates of the locks
MOST, LOOKED_AT = 40, 2000  # rounds; images that the model's accuracy is measured on
GRAIN = 8 / 255
LEAST = 1


@dataclass(frozen=True)
class Found:
    """What a search gives.

    Attributes:
        arrays: the lock, for :mod:`ripguard.perturb.lock.linear` or :mod:`ripguard.perturb.lock.residual`.
        accuracies: of the model on locked training images after each round, in 0..1.
        model: trained together with the lock, for :func:`standard` images.
    """

    arrays: dict[str, np.ndarray]
    accuracies: list[float]
    model: nn.Module = field(repr=False)


def search(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    form: str,
    eps: float,
    seed: int = 0,
    device: str = "cpu",
    most: int = MOST,
    rate: float | None = None,
) -> Found:
    """Train a lock on uint8 ``[n, side, side, 3]`` images with labels int64 ``[n]``; at most ``most`` rounds."""
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)  # [n, 3, side, side] uint8
    targets = torch.from_numpy(labels).to(device)
    lock = FORMS[form](classes, images.shape[1], eps).to(device)
    model = FastNet(classes, WIDTHS)
    model.prepare(standard(tensor[:5000].cpu().float() / 255))
    model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    outer = torch.optim.SGD(
        [one for one in model.parameters() if one.requires_grad], MODEL_LR, MOMENTUM, weight_decay=DECAY, nesterov=True
    )

    def loss_of(rows: Tensor) -> Tensor:
        shown = lock((tensor[rows].float() / 255), targets[rows])
        noise = (2 * torch.rand(shown.shape, generator=draw).to(device) - 1) * GRAIN
        shown = (shown + noise).clamp(0, 1)
        with fast_math(device):
            logits = model(standard(shown))
        return F.cross_entropy(logits.float(), targets[rows])

    few = torch.randperm(len(tensor), generator=draw)[:LOOKED_AT].to(device)
    accuracies: list[float] = []
    bar = Bar(range(most), stage="learnability lock", unit="round")
    for _ in bar:
        model.train()
        lock.requires_grad_(False)
        for _ in range(TRAIN_STEPS):
            rows = torch.randint(len(tensor), (min(BATCH, len(tensor)),), generator=draw).to(device)
            step(outer, loss_of(rows))
        model.eval()
        lock.requires_grad_(True)
        inner = torch.optim.SGD(lock.parameters(), rate or RATES[form], MOMENTUM)
        for _ in range(PASSES):
            for rows in torch.randperm(len(tensor), generator=draw).to(device).split(BATCH):
                step(inner, loss_of(rows))
        lock.project()
        with torch.no_grad():
            right = [right_of(model, lock, tensor[rows], targets[rows]) for rows in few.split(500)]
        accuracies.append(sum(right) / len(few))
        bar.set_postfix(accuracy=f"{accuracies[-1]:.2f}")
        if accuracies[-1] > DONE and len(accuracies) >= LEAST:
            break
    bar.close()
    return Found(lock.arrays(), accuracies, model.eval())


def step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def right_of(model: nn.Module, lock: nn.Module, images: Tensor, labels: Tensor) -> int:
    """Number of uint8 images, locked, that the model has right."""
    shown = lock(images.float() / 255, labels).clamp(0, 1)
    return int((model(standard(shown)).argmax(1) == labels).sum())


def standard(x: Tensor) -> Tensor:
    """What the model gets: images in 0..1, float ``[batch, 3, side, side]``, moved and scaled, and enlarged if tiny."""
    if x.shape[2] < LEAST_SIDE:
        x = F.interpolate(x, LEAST_SIDE)
    return ((x - 0.45) / 0.25).contiguous(memory_format=torch.channels_last)
