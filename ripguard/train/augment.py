"""Random crop and mirror image, picture by picture, on whole uint8 batches on the device."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def random_crop(x: Tensor, padding: int, draw: torch.Generator) -> Tensor:
    """uint8 ``[batch, 3, height, width]``: each picture shifted by its own -padding..padding, border reflected."""
    if padding == 0:
        return x
    batch, _, height, width = x.shape
    shift = torch.randint(2 * padding + 1, (2, batch, 1), generator=draw)  # drawn on the CPU: the same on any device
    rows = (shift[0] + torch.arange(height)).to(x.device)  # [batch, height]
    cols = (shift[1] + torch.arange(width)).to(x.device)  # [batch, width]
    wide = F.pad(x.float(), (padding,) * 4, mode="reflect").to(x.dtype)  # reflection is not defined on uint8
    which = torch.arange(batch, device=x.device)[:, None, None]
    return wide.permute(0, 2, 3, 1)[which, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)


def mirror(x: Tensor, chosen: Tensor) -> Tensor:
    """``[batch, …, width]``: the pictures with ``chosen[i]`` (bool ``[batch]``) turned left to right."""
    return torch.where(chosen.to(x.device)[:, None, None, None], x.flip(3), x)
