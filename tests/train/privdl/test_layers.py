"""Layers on scrambled maps: the ordinary layer's map, scrambled; and the deformable convolution of the paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import SEED
from torch import Tensor, nn

from ripguard._torchvision import torchvision
from ripguard.errors import UsageError
from ripguard.schemes.pixel_order import pixel_order
from ripguard.train.privdl.layers import (
    Scrambled,
    ScrambledAvgPool2d,
    ScrambledConv2d,
    ScrambledEnlargement,
    ScrambledMaxPool2d,
    ScrambledOutput,
    average_window,
    max_window,
)


def moved(maps: Tensor, order: Scrambled) -> Tensor:
    return maps.flatten(2)[:, :, torch.from_numpy(order.order)].unflatten(2, order.size)


def made(height: int, width: int, key: int) -> Scrambled:
    return Scrambled((height, width), pixel_order(bytes([key]) * 32, height, width))


def maps_of(channels: int, height: int, width: int) -> Tensor:
    return torch.randn(2, channels, height, width, dtype=torch.float64, generator=torch.Generator().manual_seed(SEED))


CONVS = {
    "3x3": nn.Conv2d(4, 6, 3, padding=1),
    "1x1": nn.Conv2d(4, 6, 1, bias=False),
    "stride 2": nn.Conv2d(4, 6, 3, 2, 1),
    "7x7": nn.Conv2d(4, 6, 7, 2, 3, bias=False),
    "rows and columns": nn.Conv2d(4, 6, (1, 3), (2, 1), (0, 2)),
    "dilation": nn.Conv2d(4, 6, 3, padding=2, dilation=2),
    "groups": nn.Conv2d(4, 6, 3, padding=1, groups=2),
    "no padding": nn.Conv2d(4, 6, 2),
}


@pytest.mark.parametrize("name", CONVS)
def test_convolutions(name):  # type: ignore[no-untyped-def]
    conv, x = CONVS[name].double(), maps_of(4, 9, 7)
    wanted = conv(x)
    before, after = made(9, 7, 1), made(*wanted.shape[2:], 2)
    found = ScrambledConv2d(conv, before, after)(moved(x, before))
    torch.testing.assert_close(found, moved(wanted, after), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(found, wanted)


@pytest.mark.parametrize(
    "pool",
    [nn.MaxPool2d(2), nn.MaxPool2d(3, 2, 1), nn.MaxPool2d((1, 2), dilation=2), nn.AvgPool2d(2), nn.AvgPool2d(3, 1)],
    ids=str,
)
def test_pools(pool):  # type: ignore[no-untyped-def]
    x = maps_of(3, 9, 7) - 5  # all below zero: padding must not count
    wanted = pool(x)
    before, after = made(9, 7, 1), made(*wanted.shape[2:], 2)
    average = isinstance(pool, nn.AvgPool2d)
    own = (
        ScrambledAvgPool2d(average_window(pool), before, after)
        if average
        else ScrambledMaxPool2d(max_window(pool), before, after)
    )
    torch.testing.assert_close(own(moved(x, before)), moved(wanted, after))


def test_enlargement_and_output():
    x = maps_of(3, 4, 5)
    wanted = F.interpolate(x, scale_factor=2.0)
    before, after = made(4, 5, 1), made(8, 10, 2)
    found = ScrambledEnlargement(before, after)(moved(x, before))
    assert torch.equal(found, moved(wanted, after))
    assert torch.equal(ScrambledOutput(after).clean(found), wanted)


@pytest.mark.parametrize(
    ("what", "make"),
    [
        ("padding", lambda one: ScrambledConv2d(nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect"), one, one)),
        ("padding", lambda one: ScrambledConv2d(nn.Conv2d(1, 1, 3, padding="same"), one, one)),
        ("ceil_mode", lambda one: max_window(nn.MaxPool2d(2, ceil_mode=True))),
        ("padding", lambda one: average_window(nn.AvgPool2d(3, padding=1))),
    ],
)
def test_what_no_window_describes_is_refused(what, make):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=what):
        make(made(4, 4, 1))


def test_the_key_is_not_among_the_weights():
    order = made(5, 5, 1)
    assert set(ScrambledConv2d(nn.Conv2d(2, 2, 3, padding=1), order, order).state_dict()) == {"weight", "bias"}


def offsets_of(before: Scrambled, after: Scrambled, kernel: int, stride: int, padding: int) -> np.ndarray:
    """Offsets as the paper's repository defines them, one position after the other: ``[2·taps, height, width]``."""
    (height, width), inverse = before.size, np.argsort(before.order)
    found = np.zeros((2 * kernel * kernel, *after.size))
    for p in range(len(after.order)):
        i, j = divmod(p, after.size[1])
        row, col = divmod(int(after.order[p]), after.size[1])
        for tap in range(kernel * kernel):
            by_row, by_col = divmod(tap, kernel)
            r = np.array([i * stride - padding + by_row, j * stride - padding + by_col])
            q = (row * stride - padding + by_row, col * stride - padding + by_col)
            place = np.array([-1, -1])  # outside: sampled as zero
            if 0 <= q[0] < height and 0 <= q[1] < width:
                place = np.array(divmod(int(inverse[q[0] * width + q[1]]), width))
            found[2 * tap : 2 * tap + 2, i, j] = place - r
    return found


def deformable(x: Tensor, offsets: np.ndarray, weight: Tensor, stride: int, padding: int) -> Tensor:
    """A deformable convolution with integer offsets, one position after the other."""
    kernel, (high, wide) = weight.shape[2], offsets.shape[1:]
    out = torch.zeros(len(x), len(weight), high, wide, dtype=x.dtype)
    for i, j, tap in np.ndindex(high, wide, kernel * kernel):
        row = int(i * stride - padding + tap // kernel + offsets[2 * tap, i, j])
        col = int(j * stride - padding + tap % kernel + offsets[2 * tap + 1, i, j])
        if 0 <= row < x.shape[2] and 0 <= col < x.shape[3]:
            out[:, :, i, j] += x[:, :, row, col] @ weight[:, :, tap // kernel, tap % kernel].T
    return out


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("operator", ["written here", "torchvision"])
def test_it_is_the_deformable_convolution_of_the_paper(stride, operator):  # type: ignore[no-untyped-def]
    conv, x = nn.Conv2d(3, 4, 3, stride, 1, bias=False).double(), maps_of(3, 6, 5)
    before, after = made(6, 5, 1), made((6 - 1) // stride + 1, (5 - 1) // stride + 1, 2)
    offsets, given = offsets_of(before, after, 3, stride, 1), moved(x, before)
    if operator == "torchvision":
        if not torchvision.extension._has_ops():
            pytest.skip("torchvision's compiled operators do not load here")
        several = torch.from_numpy(offsets).expand(len(x), -1, -1, -1)
        wanted = torchvision.ops.deform_conv2d(given, several, conv.weight, stride=stride, padding=1)
    else:
        wanted = deformable(given, offsets, conv.weight, stride, 1)
    found = ScrambledConv2d(conv, before, after)(given)
    torch.testing.assert_close(found, wanted, rtol=1e-12, atol=1e-12)
