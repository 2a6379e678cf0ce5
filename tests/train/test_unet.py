"""The U-Net: a map of the image's size, and gradients for every weight."""

from __future__ import annotations

import pytest
import torch
from helpers import SEED

from ripguard.train.unet import UNet

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("side", [(8, 8), (12, 20)])
def test_shapes_and_gradients(side):  # type: ignore[no-untyped-def]
    torch.manual_seed(SEED)
    model = UNet(3, 5)
    out = model(torch.randn(2, 3, *side))
    assert out.shape == (2, 5, *side)
    out.square().sum().backward()
    assert all(values.grad is not None and values.grad.any() for values in model.parameters())
