"""Convolution, pooling and enlargement of scrambled feature maps.

The paper lets deformable convolutions fetch their inputs: at position ``p`` of the output, tap ``a`` is moved by the
offset between where an ordinary convolution samples and where the key has put the pixel that position ``K'[p]`` of the
ordinary output needs. All offsets are integers, so no interpolation takes place, and a gather and a matrix product give
the same. ``places`` has, for each output position and tap, the position to gather from.

A converted layer holds the key of its maps, as the table of places. The table is no part of its ``state_dict``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ripguard.errors import UsageError

Size = tuple[int, int]


def pair(value: int | tuple[int, ...]) -> Size:
    """A number or two as two: rows, columns."""
    return (value, value) if isinstance(value, int) else (value[0], value[1])


@dataclass(frozen=True)
class Scrambled:
    """Size of a map in pixels, and the order of its positions, int64 ``[height·width]``."""

    size: Size
    order: np.ndarray = field(repr=False)

    @property
    def positions(self) -> np.ndarray:
        """int64 ``[height, width]``: where the scrambled map has each pixel."""
        found = np.empty_like(self.order)
        found[self.order] = np.arange(len(self.order))
        return found.reshape(self.size)


@dataclass(frozen=True)
class Window:
    """Kernel, stride, padding and dilation of a layer, as rows and columns each."""

    kernel: Size
    stride: Size
    padding: Size
    dilation: Size = (1, 1)

    def places(self, before: Scrambled, after: Scrambled) -> np.ndarray:
        """Where each tap of each output position finds its pixel: int64 ``[positions, taps]``.

        Both maps are scrambled. Pixels of the padding are at the position behind the last.

        Raises:
            ValueError: the window does not give a map of the size of ``after``.
        """
        height, width = before.size
        place = np.full((height + 2 * self.padding[0], width + 2 * self.padding[1]), height * width)
        rows, cols = (slice(own, own + side) for own, side in zip(self.padding, before.size))
        place[rows, cols] = before.positions
        reach = [1 + (kernel - 1) * step for kernel, step in zip(self.kernel, self.dilation)]
        size = tuple((side - own) // step + 1 for side, own, step in zip(place.shape, reach, self.stride))
        if size != after.size:
            raise ValueError(f"a map of {before.size} gives {size}, not {after.size}")
        windows = np.lib.stride_tricks.sliding_window_view(place, reach)  # [rows, columns, reach, reach]
        windows = windows[:: self.stride[0], :: self.stride[1], :: self.dilation[0], :: self.dilation[1]]
        ordinary = windows.reshape(len(after.order), -1)  # [positions of an ordinary output, taps]
        return ordinary[after.order]


class Gathering(nn.Module):
    """A layer that fetches its inputs at ``places``; its output has ``size``."""

    places: Tensor

    def __init__(self, places: np.ndarray, size: Size) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("places", torch.from_numpy(places), persistent=False)

    def gathered(self, x: Tensor, outside: float = 0.0) -> Tensor:
        """``[batch, channels, height, width]`` → ``[batch, positions, taps, channels]``."""
        rows = F.pad(x.flatten(2).transpose(1, 2), (0, 0, 0, 1), value=outside)  # whole rows of channels move: fast
        return rows.index_select(1, self.places.flatten()).unflatten(1, self.places.shape)

    def as_map(self, rows: Tensor) -> Tensor:
        """``[batch, positions, channels]`` → ``[batch, channels, height, width]``, channels last in memory."""
        return rows.transpose(1, 2).unflatten(2, self.size)


class ScrambledConv2d(Gathering):
    """A convolution of scrambled maps, with the parameters of an ordinary one."""

    def __init__(self, conv: nn.Conv2d, before: Scrambled, after: Scrambled) -> None:
        if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            raise UsageError(
                "privdl: a convolution with this padding cannot be converted", "pad with zeros, by numbers"
            )
        window = Window(*(pair(own) for own in (conv.kernel_size, conv.stride, conv.padding, conv.dilation)))
        super().__init__(window.places(before, after), after.size)
        self.weight, self.bias, self.groups = conv.weight, conv.bias, conv.groups

    def forward(self, x: Tensor) -> Tensor:
        """``[batch, inputs, height, width]`` → ``[batch, outputs, height', width']``."""
        inputs, outputs = self.weight.shape[1], len(self.weight) // self.groups  # of a group
        columns = self.gathered(x).unflatten(3, (self.groups, inputs))  # [batch, positions, taps, groups, inputs]
        columns = columns.permute(3, 0, 1, 2, 4).reshape(self.groups, len(x) * len(self.places), -1)
        weight = self.weight.flatten(2).unflatten(0, (self.groups, outputs)).permute(0, 3, 2, 1)
        out = torch.bmm(columns, weight.reshape(self.groups, -1, outputs))  # [groups, batch·positions, outputs]
        out = out.transpose(0, 1).reshape(len(x), len(self.places), -1)
        return self.as_map(out if self.bias is None else out + self.bias)


class ScrambledMaxPool2d(Gathering):
    """Maximum pooling of scrambled maps."""

    def __init__(self, window: Window, before: Scrambled, after: Scrambled) -> None:
        super().__init__(window.places(before, after), after.size)

    def forward(self, x: Tensor) -> Tensor:
        return self.as_map(self.gathered(x, float("-inf")).amax(2))


class ScrambledAvgPool2d(Gathering):
    """Average pooling of scrambled maps, without padding."""

    def __init__(self, window: Window, before: Scrambled, after: Scrambled) -> None:
        super().__init__(window.places(before, after), after.size)

    def forward(self, x: Tensor) -> Tensor:
        return self.as_map(self.gathered(x).mean(2))


class ScrambledEnlargement(Gathering):
    """Enlargement of scrambled maps by a whole factor; each pixel becomes equal ones (nearest neighbor)."""

    def __init__(self, before: Scrambled, after: Scrambled) -> None:
        rows, cols = (np.arange(new) * old // new for old, new in zip(before.size, after.size))
        super().__init__(before.positions[rows][:, cols].reshape(-1, 1)[after.order], after.size)

    def forward(self, x: Tensor) -> Tensor:
        return self.as_map(self.gathered(x)[:, :, 0])


class ScrambledOutput(Gathering):
    """The end of a network whose output is a map. It stays scrambled; :meth:`clean` puts its pixels back."""

    def __init__(self, after: Scrambled) -> None:
        super().__init__(after.positions.reshape(-1, 1), after.size)

    def forward(self, x: Tensor) -> Tensor:
        return x

    def clean(self, maps: Tensor) -> Tensor:
        """``[batch, channels, height, width]``, scrambled → the same map, each pixel at its place."""
        return self.as_map(self.gathered(maps)[:, :, 0])


def max_window(pool: nn.MaxPool2d) -> Window:
    """Raises :class:`UsageError` for a pool that a window does not describe."""
    if pool.ceil_mode or pool.return_indices:
        raise UsageError("privdl: a pool with ceil_mode or return_indices cannot be converted")
    stride = cast("int | tuple[int, ...]", pool.stride or pool.kernel_size)
    return Window(pair(pool.kernel_size), pair(stride), pair(pool.padding), pair(pool.dilation))


def average_window(pool: nn.AvgPool2d) -> Window:
    """Raises :class:`UsageError` for a pool that a window does not describe."""
    if pool.ceil_mode or pair(pool.padding) != (0, 0) or pool.divisor_override:
        raise UsageError("privdl: an average pool with padding, ceil_mode or a divisor cannot be converted")
    return Window(pair(pool.kernel_size), pair(pool.stride or pool.kernel_size), (0, 0))
