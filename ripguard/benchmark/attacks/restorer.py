"""A model that learns to remove a protection from pairs of images, leaked or synthetic.

An attacker with m protected images and their clean images trains a small U-Net (Ronneberger, Fischer, Brox, MICCAI
2015) to predict the difference, applies it to the whole release, and trains a victim on the result. Without leaked
images, synthetic pairs serve: protected images in the role of clean ones, protected again by the published method with
random labels.

Labels are public, so the model may get the label of each image and look for the marks of that class. Its results are
then closer to the clean images, but its errors also depend on the label, which is a shortcut again.
"""

from __future__ import annotations

import copy

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ripguard.bar import Bar
from ripguard.precision import fast_math
from ripguard.train import unet
from ripguard.train.loop import on_device

BATCH, PEAK = 64, 2e-3
HELD_BACK, LOOKS = 8, 15  # one pair in 8 for validation; evaluations during training, of which the best model is kept
MOST_HELD = 256


class UNet(unet.UNet):
    """Predicts a difference to be added to an image.

    Args:
        classes: number of classes of the label input; 0: no label input.
    """

    def __init__(self, classes: int = 0) -> None:
        super().__init__(3 + classes, 3)
        self.classes = classes
        for values in self.last.parameters():  # initially it predicts no difference
            nn.init.zeros_(values)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]
        """Values in −1..1, float ``[batch, 3, height, width]``, sides divisible by 4, and labels, int64 ``[batch]``,
        → difference, shaped like the values."""
        if self.classes:
            planes = F.one_hot(labels, self.classes)[:, :, None, None].expand(-1, -1, *x.shape[2:])
            x = torch.cat([x, planes.to(x.dtype)], 1).contiguous(memory_format=torch.channels_last)
        return super().forward(x)


def train(
    protected: np.ndarray,
    clean: np.ndarray,
    labels: np.ndarray,
    classes: int = 0,
    steps: int = 1500,
    seed: int = 0,
    device: str = "cpu",
) -> UNet:
    """Train a U-Net on pairs, mirrored at random: Adam, one-cycle learning rate, mean squared error.

    Args:
        protected, clean: uint8 ``[m, side, side, 3]``, sides divisible by 4, m at least 2.
        labels: int64 ``[m]``, classes of the marks.
        classes: see :class:`UNet`.
        steps: number of batches of 64 pairs.

    Returns:
        The model with the lowest error on validation pairs.
    """
    torch.manual_seed(seed)
    draw = torch.Generator().manual_seed(seed)
    model = UNet(classes).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.Adam(model.parameters(), PEAK)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, PEAK, total_steps=steps)
    given, wanted = on_device(protected, device), on_device(clean, device)  # uint8 [m, 3, side, side]
    classes_of = torch.from_numpy(labels).to(device)
    held = min(MOST_HELD, -(-len(given) // HELD_BACK))
    order = torch.randperm(len(given), generator=draw)
    kept, rest = order[:held], order[held:]
    best, least = copy.deepcopy(model.state_dict()), float("inf")
    for step in Bar(range(1, steps + 1), stage="restorer", unit="step"):
        rows = rest[torch.randint(len(rest), (BATCH,), generator=draw)]
        loss = _error(model, given[rows], wanted[rows], classes_of[rows], bool(torch.rand((), generator=draw) < 0.5))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % -(-steps // LOOKS) == 0 or step == steps:
            model.eval()
            with torch.no_grad():
                found = float(_error(model, given[kept], wanted[kept], classes_of[kept]))
            if found < least:
                best, least = copy.deepcopy(model.state_dict()), found
            model.train()
    model.load_state_dict(best)
    return model.eval()


def _error(model: UNet, given: Tensor, wanted: Tensor, labels: Tensor, mirrored: bool = False) -> Tensor:
    """Mean squared error of the model on uint8 ``[batch, 3, side, side]``."""
    x, y = _scaled(given), _scaled(wanted)
    if mirrored:
        x, y = x.flip(3), y.flip(3)
    with fast_math(str(given.device)):
        found = x + model(x, labels)
    return F.mse_loss(found.float(), y)


def restored(model: UNet, images: np.ndarray, labels: np.ndarray, device: str = "cpu", batch: int = 256) -> np.ndarray:
    """Apply a model to uint8 ``[n, side, side, 3]`` with labels int64 ``[n]``; same shape and type."""
    classes_of = torch.from_numpy(labels).to(device)
    parts = []
    with torch.no_grad(), fast_math(device):
        for start in range(0, len(images), batch):
            x = _scaled(on_device(images[start : start + batch], device))
            y = (x + model(x, classes_of[start : start + batch]).float() + 1) * 127.5
            parts.append(y.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy())
    return np.concatenate(parts)


def _scaled(x: Tensor) -> Tensor:
    return (x.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
