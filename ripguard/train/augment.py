"""Random crop, zoom and horizontal flip of uint8 batches on the device, independent for each image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def random_crop(x: Tensor, padding: int, draw: torch.Generator) -> Tensor:
    """Shift each of uint8 ``[batch, 3, height, width]`` by its own offset in −padding..padding; reflected border."""
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
    """``[batch, …, width]``: flip the images with ``chosen[i]`` (bool ``[batch]``) horizontally."""
    return torch.where(chosen.to(x.device)[:, None, None, None], x.flip(3), x)


def random_zoom(x: Tensor, least: float, draw: torch.Generator) -> Tensor:
    """uint8 ``[batch, 3, height, width]``: a random part of each image, resized bilinearly to full size.

    The part has ``least``..1 of the area and an aspect ratio of 3/4..4/3 (Szegedy et al. 2015; torchvision's
    ``RandomResizedCrop``, but drawn for each image instead of for the batch).
    """
    batch = len(x)
    u = torch.rand(4, batch, generator=draw)
    area = least + (1 - least) * u[0]
    ratio = torch.exp((2 * u[1] - 1) * torch.log(torch.tensor(4 / 3)))
    high, wide = (area / ratio).sqrt().clamp(max=1), (area * ratio).sqrt().clamp(max=1)  # shares of the sides, [batch]
    down, right = (2 * u[2] - 1) * (1 - high), (2 * u[3] - 1) * (1 - wide)  # centre, in -1..1
    zero = torch.zeros(batch)
    moves = torch.stack([wide, zero, right, zero, high, down], 1).reshape(batch, 2, 3).to(x.device)
    grid = F.affine_grid(moves, list(x.shape), align_corners=False)  # [batch, height, width, 2]
    seen = F.grid_sample(x.float(), grid, mode="bilinear", padding_mode="reflection", align_corners=False)
    return seen.round().to(torch.uint8)
