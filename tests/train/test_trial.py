"""Models that do not take images of a size are refused before they are trained."""

from __future__ import annotations

import pytest
import torch

from ripguard.errors import InputRefused
from ripguard.train.trial import tried


@pytest.mark.parametrize(("model", "side"), [("vgg16-bn", 16), ("fastnet", 8), ("vit-small", 20)])
def test_images_that_it_does_not_take(model, side):
    with pytest.raises(InputRefused, match=f"{model} does not take images of {side}×{side} pixels"):
        tried(model, 3, side)


def test_images_that_it_takes():
    model = tried("fastnet-narrow", 3, 32)
    assert model.training
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 3)
