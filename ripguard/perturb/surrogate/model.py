"""The networks of a surrogate: one or two small ResNet trunks with a head each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ripguard.precision import fast_math

STAGES = ("stage1", "stage2", "stage3")  # layers whose activations can be read; "features", after pooling, is another
COARSE = (64, 64, 128, 256)  # widths of a coarse trunk


@dataclass(frozen=True)
class Settings:
    """How a surrogate is trained.

    Attributes:
        widths: channels of the fine trunk's stem and stages.
        coarse: the same for a second, coarse trunk; () for none.
        side: side of the training images, in pixels.
    """

    widths: tuple[int, ...] = (32, 64, 128, 256)
    coarse: tuple[int, ...] = ()
    epochs: int = 10
    batch: int = 128
    peak_lr: float = 0.2
    weight_decay: float = 5e-4
    label_smoothing: float = 0.1
    crop_padding: int = 4
    seed: int = 0
    side: int = 32


class Residual(nn.Module):
    """Two 3×3 convolutions with batch norm, and a 1×1 shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(y)) + self.bn3(self.shortcut(x)))


class Trunk(nn.Module):
    """Stem and three stages, fully convolutional.

    The fine trunk has a CIFAR stem (3×3, stride 1), the coarse one an ImageNet stem (7×7, stride 2, pooling). Both
    kinds of model are trained in practice, and perturbations that affect one kind often do not transfer to the other.
    """

    def __init__(self, widths: tuple[int, ...], coarse: bool, alone: bool) -> None:
        super().__init__()
        self.stem = (
            nn.Conv2d(3, widths[0], 7, 2, 3, bias=False) if coarse else nn.Conv2d(3, widths[0], 3, 1, 1, bias=False)
        )
        self.bn = nn.BatchNorm2d(widths[0])
        self.pool = nn.MaxPool2d(3, 2, 1) if coarse else nn.Identity()
        self.stage1 = Residual(widths[0], widths[1], 1 if coarse else 2)
        self.stage2 = Residual(widths[1], widths[2], 2)
        self.stage3 = Residual(widths[2], widths[3], 2)
        # with two trunks, both must contribute equally to a distance
        self.scale = nn.Identity() if alone else nn.BatchNorm1d(widths[3], affine=False)

    def forward(self, x: Tensor, layer: str) -> Tensor:
        """Activations ``[batch, values]`` of one of :data:`STAGES`, or "features", for standardized images."""
        x = self.pool(F.relu(self.bn(self.stem(x))))  # [batch, width0, height, width]; coarse: a quarter of each side
        for name in STAGES:
            x = getattr(self, name)(x)
            if name == layer:
                return x.flatten(1).float()
        return self.scale(x.mean((2, 3)).float())  # [batch, width3]


class Surrogate(nn.Module):
    """One or two trunks with a head each; any image size, one or three channels, values in 0..1."""

    def __init__(self, classes: int, settings: Settings) -> None:
        super().__init__()
        self.classes, self.side = classes, settings.side
        kinds = [(settings.widths, False)] + ([(settings.coarse, True)] if settings.coarse else [])
        self.trunks = nn.ModuleList(Trunk(widths, coarse, len(kinds) == 1) for widths, coarse in kinds)
        self.heads = nn.ModuleList(nn.Linear(widths[3], classes) for widths, _ in kinds)

    def activation(self, x: Tensor, layer: str) -> Tensor:
        """Activations of one of :data:`STAGES`, or "features", of all trunks: ``[batch, values]``."""
        x = _standard(x)
        return torch.cat([trunk(x, layer) for trunk in self.trunks], 1)

    def logits(self, x: Tensor) -> list[Tensor]:
        """Logits of each trunk, ``[batch, classes]`` each."""
        x = _standard(x)
        return [head(trunk(x, "features")) for trunk, head in zip(self.trunks, self.heads)]

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack(self.logits(x)).mean(0)  # [batch, classes]


class Ensemble(Surrogate):
    """Several surrogates, used as one with more trunks; all with the same side and classes."""

    def __init__(self, members: list[Surrogate]) -> None:
        nn.Module.__init__(self)
        self.members = nn.ModuleList(members)
        self.classes, self.side = members[0].classes, members[0].side

    def activation(self, x: Tensor, layer: str) -> Tensor:
        return torch.cat([one.activation(x, layer) for one in self.members], 1)  # type: ignore[operator]

    def logits(self, x: Tensor) -> list[Tensor]:
        return [logits for one in self.members for logits in one.logits(x)]  # type: ignore[operator]


def _standard(x: Tensor) -> Tensor:
    return ((x.expand(-1, 3, -1, -1) - 0.45) / 0.25).contiguous(memory_format=torch.channels_last)


def working_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Size at which a surrogate processes an image: the shorter side is reduced to ``side`` pixels if it is larger."""
    scale = min(1.0, side / min(height, width))
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """``[batch, channels, height, width]``, resized bilinearly with antialiasing."""
    return x if tuple(x.shape[2:]) == size else F.interpolate(x, size, mode="bilinear", antialias=True)


def to_tensor(images: np.ndarray, device: str = "cpu") -> Tensor:
    """uint8 ``[batch, height, width, channels]`` → float32 ``[batch, channels, height, width]`` in 0..1."""
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2).float() / 255


def freeze(model: Surrogate) -> Surrogate:
    """Switch to evaluation mode, without parameter gradients."""
    return model.eval().requires_grad_(False)


def predict(model: Surrogate, images: np.ndarray, device: str = "cpu", batch: int = 512) -> np.ndarray:
    """Class probabilities, float32 ``[n, classes]``, of uint8 ``[n, height, width, channels]`` images."""
    parts = []
    with torch.no_grad(), fast_math(device):
        for start in range(0, len(images), batch):
            x = to_tensor(images[start : start + batch], device)
            x = resize(x, working_size(images.shape[1], images.shape[2], model.side))
            parts.append(model(x).float().softmax(1).cpu())
    return torch.cat(parts).numpy()
