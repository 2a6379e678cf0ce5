"""Every architecture takes small images, gives logits, and learns."""

from __future__ import annotations

import pytest
import torch
from helpers import SEED

from ripguard.fastnet import FastNet
from ripguard.train.models import MODELS, build

pytestmark = pytest.mark.numeric


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("side", [32, 64])
def test_shapes_and_gradients(name, side):  # type: ignore[no-untyped-def]
    """[batch, 3, side, side] → [batch, classes]; every trainable weight gets a gradient."""
    torch.manual_seed(SEED)
    model = build(name, 7, side)
    out = model(torch.randn(4, 3, side, side))
    assert out.shape == (4, 7)
    out.square().sum().backward()
    without = [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None]
    assert not without


def test_stems_differ():
    """The CIFAR stem keeps the size, the ImageNet stem divides it by four."""
    x = torch.randn(1, 3, 32, 32)
    for name, side in (("resnet18", 32), ("resnet18-imagenet", 8)):
        model = build(name, 10, 32)
        assert model.maxpool(model.relu(model.bn1(model.conv1(x)))).shape[2:] == (side, side)


def test_the_usual_sizes():
    """ResNet-18 for ten classes has 11.17 million weights in both the literature and here."""
    assert sum(p.numel() for p in build("resnet18", 10, 32).parameters()) == 11_173_962


def test_preresnet_110_has_the_published_size():
    """1.70 million parameters (Perez, Lopez, Arguello, ICASSP 2024), in 164 layers."""
    model = build("preresnet110", 10, 32)
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == 1.70
    layers = [one for name, one in model.named_modules() if hasattr(one, "weight") and "shortcut" not in name]
    assert sum(one.weight.ndim > 1 for one in layers) == 164


def test_the_whitened_stem_whitens(clean):  # type: ignore[no-untyped-def]
    """Its twelve positive filters give uncorrelated outputs of nearly equal size on the images it was made from."""
    model = FastNet(10)
    x = torch.from_numpy(clean).permute(0, 3, 1, 2).float() / 255
    x = (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)
    model.prepare(x)
    out = model.whiten(x)[:, :12].transpose(0, 1).flatten(1)  # [12, values]
    covariance = torch.cov(out)
    assert (covariance - torch.diag(covariance.diagonal())).abs().max() < 1e-3
    assert covariance.diagonal().max() <= 1 + 1e-3
    assert not model.whiten.weight.requires_grad


def test_thumbnails():
    """Larger images are averaged down to 32×32 before the first layer and the whitening; others stay as they are."""
    model, x = build("fastnet-thumbnail", 10, 96).eval(), torch.randn(4, 3, 96, 96)
    assert isinstance(model, FastNet)
    small = x.reshape(4, 3, 32, 3, 32, 3).mean((3, 5))
    model.prepare(x)
    stem = model.whiten.weight.clone()
    model.prepare(small)
    torch.testing.assert_close(model.whiten.weight, stem, rtol=0, atol=1e-3)
    torch.testing.assert_close(model(x), model(small), rtol=0, atol=1e-3)
    assert model.reduced(small) is small


def test_unknown_names_are_refused():
    """What is expected, what was given."""
    with pytest.raises(ValueError, match=r"expected one of resnet18, .*got 'resnet'"):
        build("resnet", 10, 32)
