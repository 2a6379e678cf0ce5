"""The bi-level training of a lock: a model learns locked images, and the lock makes them easier to learn.

As Peng and Chen: :data:`TRAIN_STEPS` steps of the model alternate with :data:`PASSES` passes of SGD over the training
images for the lock, until the model has :data:`DONE` of them right. There are these differences. Hiding writes a
payload over the low bits of locked images, so both see them with noise of that size. At the published learning rate of
0.01 the lock stays far below its bound, and below that noise, when the model has learned it; so ours is larger, and
there are at least :data:`LEAST` rounds. The model is a small one for CPUs instead of a ResNet-18, with its own learning
rate. The lock is projected into its bounds after each step instead of each round.
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
LEAST, LOOKED_AT = 5, 2000  # rounds; images that the accuracy is measured on
BATCH, MODEL_LR, MOMENTUM, DECAY = 128, 0.1, 0.9, 5e-4
LOCK_LR, PAYLOAD = 0.3, 8 / 255  # largest noise: what four low bit-planes change


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

    def accuracy(self, images: np.ndarray, labels: np.ndarray, device: str = "cpu") -> float:
        """Of the model, in percent, on uint8 ``[n, side, side, 3]`` images as they are."""
        right = 0
        for start in range(0, len(images), 500):
            x = torch.from_numpy(images[start : start + 500]).to(device).permute(0, 3, 1, 2).float() / 255
            with torch.no_grad(), fast_math(device):
                found = self.model(standard(x)).argmax(1).cpu().numpy()
            right += int((found == labels[start : start + 500]).sum())
        return 100 * right / len(images)


def search(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    form: str,
    eps: float,
    seed: int = 0,
    device: str = "cpu",
    most: int = 40,
) -> Found:
    """Train a lock.

    Args:
        images: uint8 ``[n, side, side, 3]``; labels: int64 ``[n]``.
        form: key of :data:`FORMS`; eps: its bound, for images in 0..1.
        most: rounds; fewer than :data:`LEAST` are all made.
    """
    torch.manual_seed(seed)
    both = _Both(images, labels, classes, FORMS[form](classes, images.shape[1], eps), seed, device)
    few = torch.randperm(len(images), generator=both.draw)[:LOOKED_AT].to(device)
    accuracies: list[float] = []
    bar = Bar(range(most), stage="learnability lock", unit="round")
    for _ in bar:
        both.train_model()
        both.train_lock()
        accuracies.append(both.accuracy(few))
        bar.set_postfix(accuracy=f"{accuracies[-1]:.2f}")
        if accuracies[-1] > DONE and len(accuracies) >= LEAST:
            break
    bar.close()
    return Found(both.lock.arrays(), accuracies, both.model.eval())


class _Both:
    """Model and lock, which take turns. Arguments as :func:`search`; ``lock`` is the untrained one."""

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, classes: int, lock: Linear | Residual, seed: int, device: str
    ) -> None:
        self.device, self.lock = device, lock.to(device)
        self.draw = torch.Generator().manual_seed(seed)
        self.images = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)  # [n, 3, side, side] uint8
        self.labels = torch.from_numpy(labels).to(device)
        model = FastNet(classes, WIDTHS)
        model.prepare(standard(self.images[:5000].cpu().float() / 255))
        self.model = model.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        learned = [one for one in model.parameters() if one.requires_grad]
        self.optimiser = torch.optim.SGD(learned, MODEL_LR, MOMENTUM, weight_decay=DECAY, nesterov=True)

    def loss(self, rows: Tensor) -> Tensor:
        """Cross-entropy of the model on locked images with the noise of a payload."""
        shown = self.lock(self.images[rows].float() / 255, self.labels[rows])
        noise = (2 * torch.rand(shown.shape, generator=self.draw) - 1).to(self.device) * PAYLOAD
        with fast_math(self.device):
            logits = self.model(standard((shown + noise).clamp(0, 1)))
        return F.cross_entropy(logits.float(), self.labels[rows])

    def train_model(self) -> None:
        self.model.train()
        self.lock.requires_grad_(False)
        count = len(self.images)
        for _ in range(TRAIN_STEPS):
            rows = torch.randint(count, (min(BATCH, count),), generator=self.draw).to(self.device)
            _step(self.optimiser, self.loss(rows))

    def train_lock(self) -> None:
        self.model.eval()
        self.lock.requires_grad_(True)
        optimiser = torch.optim.SGD(self.lock.parameters(), LOCK_LR, MOMENTUM)
        for _ in range(PASSES):
            for rows in torch.randperm(len(self.images), generator=self.draw).to(self.device).split(BATCH):
                _step(optimiser, self.loss(rows))
                self.lock.project()

    @torch.no_grad()
    def accuracy(self, rows: Tensor) -> float:
        """Of the model on locked images, in 0..1."""
        self.model.eval()
        right = 0
        for some in rows.split(BATCH):
            shown = self.lock(self.images[some].float() / 255, self.labels[some]).clamp(0, 1)
            right += int((self.model(standard(shown)).argmax(1) == self.labels[some]).sum())
        return right / len(rows)


def _step(optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def standard(x: Tensor) -> Tensor:
    """What the model gets: images in 0..1, float ``[batch, 3, side, side]``, moved and scaled, and enlarged if tiny."""
    if x.shape[2] < LEAST_SIDE:
        x = F.interpolate(x, LEAST_SIDE)
    return ((x - 0.45) / 0.25).contiguous(memory_format=torch.channels_last)
