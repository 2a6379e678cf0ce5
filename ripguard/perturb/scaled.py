"""What gradient perturbations share: they work at the surrogate's scale, and the carrier is rounded to 8 bits."""

from __future__ import annotations

from abc import abstractmethod
from typing import final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ripguard.perturb.base import Perturbation
from ripguard.perturb.surrogate import Surrogate, resize, to_tensor, working_size


class Scaled(Perturbation):
    """A perturbation found by gradients of a surrogate.

    Args:
        surrogate: the white box.
        eps: L∞ bound in units of the range 0..1 (0.07 is 17.85 grey levels; the carrier is rounded after).
        steps: gradient steps.
    """

    def __init__(self, surrogate: Surrogate, eps: float, steps: int, device: str) -> None:
        self.surrogate, self.eps, self.steps, self.device = surrogate, eps, steps, device

    @abstractmethod
    def attack(self, source: Tensor, labels: np.ndarray, seeds: np.ndarray, clean: np.ndarray | None) -> Tensor:
        """Perturbation, float32 ``[batch, channels, height, width]``, of ``source``, same shape, in 0..1.

        ``clean``: the same pictures as uint8 ``[batch, height, width, channels]``, None if ``source`` was reduced.
        """

    @final
    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        full = (clean.shape[1], clean.shape[2])
        small = working_size(*full, self.surrogate.side)
        x = to_tensor(clean, self.device)  # [batch, channels, height, width]
        delta = self.attack(resize(x, small), labels, seeds, clean if small == full else None)
        if small != full:  # pictures larger than the surrogate's scale get an enlarged, smooth perturbation
            delta = F.interpolate(delta, full, mode="bilinear").clamp(-self.eps, self.eps)
        return to_pictures(x + delta)


def to_pictures(x: Tensor) -> np.ndarray:
    """Float ``[batch, channels, height, width]`` in 0..1 → uint8 ``[batch, height, width, channels]``, rounded."""
    return (x.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()


def accumulate(momentum: Tensor, gradient: Tensor, decay: float = 1.0) -> Tensor:
    """Momentum of gradients that are divided by each picture's own L1 norm, so neighbours do not matter."""
    return decay * momentum + gradient / gradient.abs().sum((1, 2, 3), keepdim=True).clamp_min(1e-30)
