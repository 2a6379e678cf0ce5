"""Differentiable image transformations, for expectation over transformation (EOT; Athalye et al., ICML 2018).

All map float ``[batch, channels, height, width]`` in 0..1 to the same shape; random strengths come from a generator.
Rounding has the gradient of Shin and Song (2017): the rounded value plus the cube of the rounding error, so that
changes that quantization removes get no gradient.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

Through = Callable[[Tensor, torch.Generator], Tensor]

# ITU-T T.81, annex K: libjpeg scales these tables by quality
_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55,
    14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
    18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99,
    24, 26, 56, 99, 99, 99, 99, 99, 47, 66, 99, 99, 99, 99, 99, 99,
    *[99] * 32,
)  # fmt: skip
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))


def soft_round(x: Tensor) -> Tensor:
    """Rounded values; the gradient is 3·(x − round x)², which is 0 at integers."""
    whole = x.round()
    left = x - whole.detach()
    return whole.detach() + left**3 - (left**3).detach()


def jpeg_at(x: Tensor, quality: int) -> Tensor:
    """JPEG as in libjpeg at this quality, with 4:2:0 chroma subsampling, in floating point."""
    scale = 5000 / quality if quality < 50 else 200 - 2 * quality
    tables = [((torch.tensor(t) * scale + 50) / 100).floor().clamp(1, 255).reshape(8, 8) for t in (_LUMA, _CHROMA)]
    if x.shape[1] == 1:
        return (_blocks(255 * x - 128, tables[0].to(x)) + 128).clamp(0, 255) / 255
    matrix = torch.tensor(_TO_YCC, dtype=x.dtype, device=x.device)
    planes = torch.einsum("ij,bjhw->bihw", matrix, 255 * x)  # Y 0..255, color about 0
    luma = _blocks(planes[:, :1] - 128, tables[0].to(x)) + 128
    small = F.avg_pool2d(planes[:, 1:], 2, ceil_mode=True, count_include_pad=False)
    color = _blocks(small, tables[1].to(x))
    color = F.interpolate(color, scale_factor=2, mode="bilinear")[..., : x.shape[2], : x.shape[3]]
    back = torch.einsum("ij,bjhw->bihw", torch.linalg.inv(matrix), torch.cat([luma, color], 1))
    return back.clamp(0, 255) / 255


def _blocks(plane: Tensor, table: Tensor) -> Tensor:
    """Quantized DCT of 8×8 blocks, inverted: ``[batch, channels, height, width]``; edges padded to whole blocks."""
    batch, channels, height, width = plane.shape
    padded = F.pad(plane, (0, -width % 8, 0, -height % 8), mode="replicate")
    rows, cols = padded.shape[2] // 8, padded.shape[3] // 8
    cut = padded.reshape(batch, channels, rows, 8, cols, 8).transpose(3, 4)  # [batch, channels, rows, cols, 8, 8]
    dct = _dct().to(plane)
    found = soft_round(dct @ cut @ dct.T / table) * table
    back = (dct.T @ found @ dct).transpose(3, 4).reshape(batch, channels, 8 * rows, 8 * cols)
    return back[..., :height, :width]


@lru_cache(maxsize=1)
def _dct() -> Tensor:
    """The orthonormal DCT-II of 8 values, float32 ``[8, 8]``."""
    k, n = np.arange(8)[:, None], np.arange(8)[None, :]
    matrix = np.cos(np.pi * k * (2 * n + 1) / 16) * np.where(k == 0, math.sqrt(1 / 8), 0.5)
    return torch.from_numpy(matrix.astype(np.float32))


def jpeg(x: Tensor, draw: torch.Generator) -> Tensor:
    """JPEG at a quality of 10 to 60."""
    return jpeg_at(x, int(torch.randint(10, 61, (), generator=draw)))


def grayscale(x: Tensor, draw: torch.Generator) -> Tensor:
    """Luma in all channels."""
    if x.shape[1] == 1:
        return x
    return torch.einsum("j,bjhw->bhw", torch.tensor(_TO_YCC[0], dtype=x.dtype, device=x.device), x)[:, None].expand_as(
        x
    )


def blur(x: Tensor, draw: torch.Generator) -> Tensor:
    """Gaussian blur, SD 0.5 to 1.2 pixels."""
    sd = 0.5 + 0.7 * float(torch.rand((), generator=draw))
    line = torch.exp(-0.5 * (torch.arange(-3, 4, dtype=x.dtype, device=x.device) / sd) ** 2)
    line = (line / line.sum()).expand(x.shape[1], 1, 1, 7)
    mode = "reflect" if min(x.shape[2:]) > 3 else "replicate"  # reflection by 3 pixels needs a side of at least 4
    wide = F.conv2d(F.pad(x, (3, 3, 0, 0), mode=mode), line, groups=x.shape[1])
    return F.conv2d(F.pad(wide, (0, 0, 3, 3), mode=mode), line.transpose(2, 3), groups=x.shape[1])


def resize(x: Tensor, draw: torch.Generator) -> Tensor:
    """Reduce to half or three quarters of the side, and enlarge again."""
    share = 0.5 if torch.rand((), generator=draw) < 0.5 else 0.75
    size = [max(1, round(share * side)) for side in x.shape[2:]]
    small = F.interpolate(x, size, mode="bilinear", antialias=True)
    return F.interpolate(small, list(x.shape[2:]), mode="bilinear")


def posterise(x: Tensor, draw: torch.Generator) -> Tensor:
    """Reduce to two or three bits per sample."""
    levels = 4 if torch.rand((), generator=draw) < 0.5 else 8
    return soft_round((x * 255 / 256 * levels - 0.5).clamp(min=0)) / levels


def planes(x: Tensor, draw: torch.Generator) -> Tensor:
    """Replace the three to five lowest bits of each sample by random ones, as `seal` does; identity gradient."""
    levels = 2 ** int(torch.randint(3, 6, (), generator=draw))
    whole = (255 * x.detach()).round()
    sealed = torch.randint(levels, x.shape, generator=draw).to(x)
    return (whole - whole % levels + sealed) / 255 + x - x.detach()


def crop(x: Tensor, draw: torch.Generator) -> Tensor:
    """One random crop for all images, half to nine tenths of each side, enlarged to full size."""
    height, width = x.shape[2:]
    share, down, along = torch.rand(3, generator=draw).tolist()
    rows, cols = (max(1, round((0.5 + 0.4 * share) * side)) for side in (height, width))
    top, left = round(down * (height - rows)), round(along * (width - cols))
    return F.interpolate(x[:, :, top : top + rows, left : left + cols], (height, width), mode="bilinear")


def color(x: Tensor, draw: torch.Generator) -> Tensor:
    """Brightness, contrast and saturation, each by a factor of 0.6 to 1.4, as torchvision's ColorJitter."""
    bright, contrast, saturation = (0.6 + 0.8 * torch.rand(3, generator=draw)).tolist()
    x = (bright * x).clamp(0, 1)
    gray = grayscale(x, draw)
    mean = gray.mean((1, 2, 3), keepdim=True)
    x = (mean + contrast * (x - mean)).clamp(0, 1)
    return x if x.shape[1] == 1 else (grayscale(x, draw) * (1 - saturation) + saturation * x).clamp(0, 1)


def as_it_is(x: Tensor, draw: torch.Generator) -> Tensor:
    """Identity."""
    return x


THROUGH: dict[str, Through] = {
    "none": as_it_is,
    "jpeg": jpeg,
    "grayscale": grayscale,
    "blur": blur,
    "resize": resize,
    "posterise": posterise,
    "planes": planes,
    "crop": crop,
    "colour": color,
}
