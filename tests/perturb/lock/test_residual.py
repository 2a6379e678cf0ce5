"""The i-ResNet lock: contractions, so that the inverse exists; bounded, undone; strips and batches do not matter."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ripguard.perturb.lock import residual

EPS = 16 / 255


def net(seed: int = 0, smooth: bool = False) -> list[np.ndarray]:
    """Of one class; smooth: kernels that average, so that colors move far."""
    draw = torch.Generator().manual_seed(seed)
    *made, bias = [torch.randn(shape, generator=draw) for shape in residual.shapes(1)]
    if smooth:
        made = [one.abs().mean((3, 4), keepdim=True).expand(one.shape) for one in made]
    return [*(residual.bounded(one)[0].numpy() for one in made), bias[0].numpy()]


def test_each_convolution_is_a_contraction():
    """The largest ratio of norms that power iteration finds; near the bound for averages."""
    for one in (*net()[:-1], *net(smooth=True)[:-1]):
        weight = torch.from_numpy(one).double()
        x = torch.rand(1, weight.shape[1], 24, 24, generator=torch.Generator().manual_seed(1)).double()
        for _ in range(40):
            y = torch.nn.functional.conv2d(x, weight, padding="same")
            ratio = float(y.norm() / x.norm())
            x = torch.nn.functional.conv_transpose2d(y, weight, padding=weight.shape[-1] // 2)
            x = x / x.norm()
        assert 0.2 < ratio <= residual.LIPSCHITZ + 1e-6
    assert ratio > 0.9


@pytest.mark.parametrize("smooth", [False, True])
@pytest.mark.parametrize("shape", [(32, 32, 3), (13, 21, 1), (1, 1, 3), (9, 40, 1)])
def test_bounded_and_undone(shape, smooth):  # type: ignore[no-untyped-def]
    """Within ε; samples that were not cut off, nor next to one, come back within a level."""
    clean = np.random.default_rng(0).integers(40, 216, shape).astype(np.uint8)
    own = net(smooth=smooth)
    shown = residual.locked(clean, own, EPS)
    assert shown.shape == clean.shape
    moved = np.abs(shown.astype(int) - clean)
    assert moved.max() <= 16
    assert moved.max() > 0
    off = np.abs(residual.unlocked(shown, own, EPS).astype(int) - clean)
    assert off.max() <= 1
    assert (off == 0).mean() > 0.95


def test_the_inverse_is_the_fixed_point():
    """Without rounding, it is exact: ε = 1 is the widest lock there is."""
    clean = np.random.default_rng(1).integers(40, 216, (12, 12, 3)) / 255
    own = net(2, smooth=True)
    y = x = clean + residual._moved(clean, own, 1.0)
    for _ in range(residual.MOST):
        x = y - residual._moved(x, own, 1.0)
    np.testing.assert_allclose(x, clean, atol=1e-9)


def test_strips_do_not_matter(monkeypatch):  # type: ignore[no-untyped-def]
    """A large image is computed in parts, to the same samples."""
    clean = np.random.default_rng(3).integers(0, 256, (50, 20, 3)).astype(np.uint8)
    whole = residual.locked(clean, net(smooth=True), EPS)
    for part in (20, 140, 999):
        monkeypatch.setattr(residual, "PART", part)
        np.testing.assert_array_equal(residual.locked(clean, net(smooth=True), EPS), whole)
