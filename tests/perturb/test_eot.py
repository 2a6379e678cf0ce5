"""Differentiable victims' tricks: near the real ones, and gradients pass where they should."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from helpers import crop
from PIL import Image

from ripguard.perturb.eot import THROUGH, jpeg_at, posterise, soft_round

pytestmark = pytest.mark.numeric

X = torch.from_numpy(np.stack([crop(i, 32, 40) for i in range(6)])).permute(0, 3, 1, 2).float() / 255


@pytest.mark.parametrize("quality", [10, 30, 60, 90])
def test_jpeg_is_near_libjpegs(quality):  # type: ignore[no-untyped-def]
    """Within a gray level or two of Pillow's on average, and far nearer to it than to the image."""
    for channels in (3, 1):
        ours = (255 * jpeg_at(X[:, :channels], quality)).round()
        for one, mine in zip(X[:, :channels], ours):
            image = (255 * one).round().byte().permute(1, 2, 0).numpy().squeeze()
            buffer = io.BytesIO()
            Image.fromarray(image).save(buffer, "JPEG", quality=quality)
            theirs = np.asarray(Image.open(buffer)).astype(float).reshape(32, 40, channels)
            error = np.abs(mine.permute(1, 2, 0).numpy() - theirs).mean()
            assert error < 2.0
            assert error < 0.6 * np.abs(image.reshape(32, 40, channels) - theirs).mean() + 0.6


def test_gradients_of_what_is_swallowed_are_small():
    """At quality 10 a checkerboard disappears: hardly any gradient reaches it; brightness passes."""
    checker = (torch.arange(32)[:, None] + torch.arange(40)[None]) % 2 * 2.0 - 1
    received = {}
    for name, pattern in (("checkerboard", checker), ("brightness", torch.ones(32, 40))):
        x = X.clone().requires_grad_(True)
        (jpeg_at(x, 10) * torch.rand(X.shape, generator=torch.Generator().manual_seed(0))).sum().backward()
        assert x.grad is not None
        received[name] = float((x.grad * pattern).sum().abs())
    assert received["checkerboard"] < 0.2 * received["brightness"]


def test_soft_rounding():
    """Whole values; the gradient is three times the square of what was cut off."""
    x = torch.tensor([0.0, 0.25, 0.5, 1.4, -2.3], requires_grad=True)
    y = soft_round(x)
    torch.testing.assert_close(y, x.detach().round())
    y.sum().backward()
    assert x.grad is not None
    torch.testing.assert_close(x.grad, 3 * (x.detach() - x.detach().round()) ** 2)


@pytest.mark.parametrize("name", THROUGH)
@pytest.mark.parametrize(("height", "width", "channels"), [(32, 32, 3), (13, 21, 3), (16, 8, 1), (2, 3, 3), (1, 1, 1)])
def test_every_one(name, height, width, channels):  # type: ignore[no-untyped-def]
    """Same shape, within 0..1 and a little, a gradient for the input, repeatable from the generator."""
    x = torch.rand(2, channels, height, width, generator=torch.Generator().manual_seed(1)).requires_grad_(True)
    y = THROUGH[name](x, torch.Generator().manual_seed(2))
    assert y.shape == x.shape
    assert y.min() >= -0.01
    assert y.max() <= 1.01
    y.square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    torch.testing.assert_close(THROUGH[name](x, torch.Generator().manual_seed(2)), y)


def test_posterised_values():
    """Those of two or three bits."""
    for seed in range(4):
        values = {round(float(v), 5) for v in posterise(X, torch.Generator().manual_seed(seed)).unique()}
        assert values <= {round(k / 8, 5) for k in range(8)}


def test_planes():
    """High bits stay, three to five low ones are random, and the gradient is that of the image as it is."""
    whole = (255 * X).round()
    for seed in range(6):
        x = X.clone().requires_grad_(True)
        y = THROUGH["planes"](x, torch.Generator().manual_seed(seed))
        told = (255 * y.detach()).round()
        changed = max(k for k in range(9) if ((told.int() ^ whole.int()) >> k).any())  # the highest bit, from 0
        assert changed in (2, 3, 4)
        assert float((told % 2**3).std()) > 2  # random: evenly over 0..7
        y.sum().backward()
        torch.testing.assert_close(x.grad, torch.ones_like(X))


def test_colors_and_crops():
    """Colours change in brightness, contrast and saturation, gray stays gray; a crop of a ramp is a smaller ramp."""
    changed = [THROUGH["colour"](X, torch.Generator().manual_seed(seed)) for seed in range(20)]
    means = [float(one.mean() / X.mean()) for one in changed]
    assert min(means) < 0.85 < 1.1 < max(means)
    spreads = [float(one.std() / (one.mean() * X.std() / X.mean())) for one in changed]
    assert min(spreads) < 0.9 < 1.1 < max(spreads)  # contrast
    chroma = [float(one.std(1).mean() / (one.std() * X.std(1).mean() / X.std())) for one in changed]
    assert min(chroma) < 0.9 < 1.1 < max(chroma)  # saturation
    gray = X.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    jittered = THROUGH["colour"](gray, torch.Generator().manual_seed(0))
    torch.testing.assert_close(jittered, jittered[:, :1].expand_as(jittered), atol=1e-3, rtol=0)
    ramp = (torch.arange(40) / 39).expand(1, 1, 32, 40)
    for seed in range(10):
        cut = THROUGH["crop"](ramp, torch.Generator().manual_seed(seed))
        assert 0.4 < float(cut.max() - cut.min()) < 0.95
        assert (cut.diff(dim=3) >= 0).all()
