"""PreResNet-110, as the tables of PrivDL and its peers count it: 1.70 million parameters for ten classes.

He, Zhang, Ren, Sun, "Identity Mappings in Deep Residual Networks" (ECCV 2016): batch norm and ReLU come before each
convolution. The name is that of Yang's widely used collection (bearpaw/pytorch-classification), which takes 18 blocks
a stage from a depth of 110 and then builds them as bottlenecks of three convolutions. So the network has 164 layers: it
is the one that He et al. call ResNet-164.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BLOCKS, WIDTHS, EXPANSION = 18, (16, 32, 64), 4


class Block(nn.Module):
    """Bottleneck: 1×1, 3×3 with the stride, 1×1; added to the input, or to its 1×1 projection."""

    def __init__(self, inputs: int, width: int, stride: int) -> None:
        super().__init__()
        outputs = EXPANSION * width
        self.norm1, self.conv1 = nn.BatchNorm2d(inputs), nn.Conv2d(inputs, width, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(width), nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.norm3, self.conv3 = nn.BatchNorm2d(width), nn.Conv2d(width, outputs, 1, bias=False)
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, inputs, height, width]`` → ``[batch, outputs, height/stride, width/stride]``."""
        y = self.conv1(F.relu(self.norm1(x)))
        y = self.conv2(F.relu(self.norm2(y)))
        return self.conv3(F.relu(self.norm3(y))) + self.shortcut(x)


class PreResNet(nn.Module):
    """Standardized ``[batch, 3, height, width]`` → logits ``[batch, classes]``."""

    def __init__(self, classes: int, blocks: int = BLOCKS) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTHS[0], 3, padding=1, bias=False)
        layers, inputs = list[nn.Module](), WIDTHS[0]
        for stage, width in enumerate(WIDTHS):
            for number in range(blocks):
                layers.append(Block(inputs, width, 2 if stage and not number else 1))
                inputs = EXPANSION * width
        self.blocks, self.norm = nn.Sequential(*layers), nn.BatchNorm2d(inputs)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(inputs, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # He et al. 2015, by the outputs
                count = math.prod(module.kernel_size) * module.out_channels
                nn.init.normal_(module.weight, 0, math.sqrt(2 / count))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.blocks(self.conv(x))))
        return self.head(torch.flatten(self.pool(x), 1))
