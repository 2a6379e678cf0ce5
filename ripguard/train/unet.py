"""A small U-Net (Ronneberger, Fischer, Brox, MICCAI 2015): a map from an image, for segmentation or for corrections."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

WIDTHS = (32, 64, 128)


class UNet(nn.Module):
    """Three scales of two 3×3 convolutions each: ``[batch, inputs, height, width]`` → ``[batch, outputs, …]``.

    The map has the size of the image; sides are divisible by 4. For segmentation, ``outputs`` are the logits of the
    classes of each pixel.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        first, second, third = WIDTHS
        self.down1, self.down2, self.middle = _pair(inputs, first), _pair(first, second), _pair(second, third)
        self.up2, self.up1 = _pair(third + second, second), _pair(second + first, first)
        self.last = nn.Conv2d(first, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        one = self.down1(x)  # [batch, 32, height, width]
        two = self.down2(F.max_pool2d(one, 2))  # [batch, 64, height / 2, width / 2]
        three = self.middle(F.max_pool2d(two, 2))  # [batch, 128, height / 4, width / 4]
        two = self.up2(torch.cat([F.interpolate(three, scale_factor=2.0), two], 1))
        return self.last(self.up1(torch.cat([F.interpolate(two, scale_factor=2.0), one], 1)))


def _pair(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for count in (inputs, outputs):
        layers += [nn.Conv2d(count, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
    return nn.Sequential(*layers)
