"""A small model that trains on CIFAR-10 in minutes on two cores, modeled on Jordan's cifar10-airbench (2024).

A 2×2 stem, three groups of two 3×3 convolutions with pooling inside the group, GELU, and a scaled linear head. The stem
has fixed whitening filters of the training images, which saves the first epochs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Group(nn.Module):
    """Convolution, 2×2 pooling, convolution; batch norm and GELU after each."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        for conv in (self.conv1, self.conv2):  # initialize as close to the identity as the shape allows
            nn.init.dirac_(conv.weight[: conv.in_channels])

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))  # [batch, outputs, height/2, width/2]
        return F.gelu(self.norm2(self.conv2(x)))


class FastNet(nn.Module):
    """Standardized ``[batch, 3, height, width]`` → logits ``[batch, classes]``; sides from 17 pixels.

    Args:
        thumbnail: side that larger images are averaged down to first; None: images as they are.
    """

    def __init__(
        self, classes: int, widths: tuple[int, int, int] = (64, 256, 256), thumbnail: int | None = None
    ) -> None:
        super().__init__()
        self.thumbnail = thumbnail
        self.whiten = nn.Conv2d(3, 24, 2)  # 12 principal filters and their negatives
        self.groups = nn.Sequential(
            Group(24, widths[0]), Group(widths[0], widths[1]), Group(widths[1], widths[2]), nn.AdaptiveMaxPool2d(1)
        )
        self.head = nn.Linear(widths[2], classes, bias=False)

    def prepare(self, images: Tensor) -> None:
        """Set the stem from standardized training images ``[n, 3, height, width]``; call once, before training."""
        patches = F.unfold(self.reduced(images.float()), 2).transpose(1, 2).reshape(-1, 12)  # [n·positions, 12]
        values, vectors = torch.linalg.eigh(torch.cov(patches.T))  # ascending; [12], [12, 12]
        filters = (vectors / (values + 5e-2).sqrt()).T.flip(0).reshape(12, 3, 2, 2)
        with torch.no_grad():
            self.whiten.weight.copy_(torch.cat([filters, -filters]))
            self.whiten.bias.zero_()  # type: ignore[union-attr]
        self.whiten.requires_grad_(False)

    def reduced(self, x: Tensor) -> Tensor:
        """What the first layer gets."""
        large = self.thumbnail is not None and min(x.shape[2:]) > self.thumbnail
        return F.adaptive_avg_pool2d(x, self.thumbnail) if large else x

    def features(self, x: Tensor) -> Tensor:
        """Inputs of the head: ``[batch, widths[2]]``."""
        return self.groups(F.gelu(self.whiten(self.reduced(x)))).flatten(1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x)) / 9  # airbench's scale, for stable first steps
