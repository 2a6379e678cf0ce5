"""Converted networks: the clean network's logits on scrambled images, maps that stay scrambled, the same training."""

from __future__ import annotations

import copy
import itertools

import pytest
import torch
import torch.nn.functional as F
from helpers import SEED
from torch import Tensor, nn

from ripguard.errors import UsageError
from ripguard.schemes.pixel_order import pixel_order
from ripguard.train.models import build
from ripguard.train.privdl import convert, unscramble_output
from ripguard.train.privdl.layers import Gathering
from ripguard.train.unet import UNet

pytestmark = pytest.mark.numeric
KEY = bytes(range(32))
NETS = ("vgg16-bn", "resnet18", "resnet18-imagenet", "preresnet110")
CASES = [(name, trained) for name in NETS for trained in (False, True)]
CASES += [("fastnet-narrow", True), ("mobilenet-v2", False), pytest.param("densenet121", True, marks=pytest.mark.slow)]


def images(count: int, height: int = 32, width: int = 32, kind: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(count, 3, height, width, generator=torch.Generator().manual_seed(SEED)).to(kind)


def moved(x: Tensor, key: bytes = KEY) -> Tensor:
    order = torch.from_numpy(pixel_order(key, *x.shape[2:]))
    return x.flatten(2)[:, :, order].unflatten(2, x.shape[2:])


def as_if_trained(model: nn.Module) -> nn.Module:
    """Statistics and affine weights of batch norm, as far from their first values as training takes them."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values, low, high in ((module.weight.data, 0.5, 1.5), (module.bias.data, -0.3, 0.3),
                                      (module.running_mean, -0.5, 0.5), (module.running_var, 0.5, 2.0)):  # fmt: skip
                values.uniform_(low, high)
    return model


def net(name: str, trained: bool = False) -> nn.Module:
    torch.manual_seed(SEED)
    model = build(name, 10, 32)
    return (as_if_trained(model) if trained else model).double().eval()


@pytest.mark.parametrize(("name", "trained"), CASES)
def test_the_logits_of_the_clean_network(name, trained):  # type: ignore[no-untyped-def]
    """1e-9 relative in float64, 1e-4 in float32; another key, or none, gives others."""
    model, x = net(name, trained), images(3)
    converted = convert(model, KEY, 32)
    assert not converted.training
    assert list(converted.state_dict()) == list(model.state_dict())
    with torch.no_grad():
        wanted, scale = model(x), model(x).abs().max()
        assert (converted(moved(x)) - wanted).abs().max() <= 1e-9 * scale
        assert (converted(moved(x[:1])) - wanted[:1]).abs().max() <= 1e-9 * scale  # any batch size
        assert (converted(x) - wanted).abs().max() > 1e-3 * scale
        assert (converted(moved(x, bytes(32))) - wanted).abs().max() > 1e-3 * scale
        plain, single = copy.deepcopy(model).float(), converted.float()
        wanted = plain(x.float())
        assert (single(moved(x.float())) - wanted).abs().max() <= 1e-4 * wanted.abs().max()


def test_maps_stay_scrambled_and_every_layer_has_its_own_order():
    """The order of each map, found by comparing it with the clean network's: neither the image's order nor none."""
    model, x = net("vgg16-bn", True), images(1)
    converted = convert(model, KEY, 32)
    maps: dict[str, list[Tensor]] = {}
    for one in (model, converted):
        for name, module in one.named_modules():
            if isinstance(module, (nn.Conv2d, nn.MaxPool2d, Gathering)):
                module.register_forward_hook(lambda _, __, out, name=name: maps.setdefault(name, []).append(out[0]))
    with torch.no_grad():
        model(x)
        converted(moved(x))
    orders = []
    for clean, scrambled in maps.values():
        far = torch.cdist(scrambled.flatten(1).T, clean.flatten(1).T)  # [positions, positions]
        least, order = far.min(1)
        assert least.max() < 1e-6
        if len(order) > 4:
            assert (order == torch.arange(len(order))).float().mean() < 0.3
            orders.append(order)
    assert len(maps) == 18  # 13 convolutions, 5 pools
    orders.append(torch.from_numpy(pixel_order(KEY, 32, 32)))
    pairs = [(a, b) for a, b in itertools.combinations(orders, 2) if len(a) == len(b)]
    assert pairs
    assert all((a == b).float().mean() < 0.3 for a, b in pairs)


def test_branches_of_a_residual_block_end_in_one_order():
    """What is added has one order; the first convolution of each block has its own."""
    converted = convert(net("resnet18"), KEY, 32)
    places = {name: module.places for name, module in converted.named_modules() if isinstance(module, Gathering)}
    assert set(places) == {name for name, one in net("resnet18").named_modules() if isinstance(one, nn.Conv2d)}
    one, other = (places[f"layer1.{number}.conv1"] for number in (0, 1))  # of one map to maps of two orders
    assert (one == other).float().mean() < 0.1
    later = (places[f"layer1.{number}.conv2"][:, 4] for number in (0, 1))  # the middle tap undoes the first's order
    (a, b), back = later, [torch.empty(1024, dtype=torch.int64) for _ in "ab"]
    for own, table, tap in zip(back, (a, b), (one, other)):
        own[:] = tap[:, 4][table]
    assert torch.equal(*back)  # both blocks end in the order that they began with


@pytest.mark.parametrize(
    "name", ["resnet18-imagenet", *(pytest.param(n, marks=pytest.mark.slow) for n in NETS if n != "resnet18-imagenet")]
)
def test_training_on_scrambled_images_is_training_on_clean_ones(name):  # type: ignore[no-untyped-def]
    """One step of SGD: the same loss, gradients, weights and statistics."""
    model, x, labels = net(name).train(), images(6), torch.arange(6)
    converted = convert(model, KEY, 32)
    for one, given in ((model, x), (converted, moved(x))):
        optimiser = torch.optim.SGD(one.parameters(), 0.1)
        F.cross_entropy(one(given), labels).backward()
        optimiser.step()
    first = net(name).state_dict()
    for (own, wanted), found in zip(model.state_dict().items(), converted.state_dict().values()):
        torch.testing.assert_close(found, wanted, rtol=1e-7, atol=1e-9, msg=own)
    changed = [own for own, value in model.state_dict().items() if not torch.equal(value, first[own])]
    assert len(changed) == len(first)


def test_segmentation():
    """The map of a U-Net, of any size, is unscrambled exactly; a copy of the network knows how, too."""
    torch.manual_seed(SEED)
    model, x = as_if_trained(UNet(3, 5)).double().eval(), images(2, 12, 20)
    converted = copy.deepcopy(convert(model, KEY, (12, 20)))
    with torch.no_grad():
        wanted, found = model(x), converted(moved(x))
    assert (found - wanted).abs().max() > 0.01
    assert (unscramble_output(converted, found) - wanted).abs().max() < 1e-12
    assert list(converted.state_dict()) == list(model.state_dict())
    with pytest.raises(UsageError, match="no map"):
        unscramble_output(convert(net("fastnet-narrow"), KEY, 32), found)


def test_the_model_itself_stays_as_it_is():
    model = net("fastnet-narrow")
    before = copy.deepcopy(model.state_dict())
    converted = convert(model, KEY, 32)
    with torch.no_grad():
        next(converted.parameters()).add_(1)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class TwoInputs(nn.Module):
    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return x + y


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (build("vit-small", 10, 32), "cannot run on scrambled images"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(3600, 2)), "Flatten"),
        (nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(2)), "AdaptiveAvgPool2d"),
        (nn.Sequential(nn.Conv2d(4, 4, 3, padding=1), nn.PixelShuffle(2)), "PixelShuffle"),
        (TwoInputs(), "more than images"),
        (nn.Sequential(*[nn.Conv2d(3, 3, 1)] * 2), "used twice"),
    ],
    ids=["vit", "flatten", "pool", "shuffle", "inputs", "twice"],
)
def test_what_needs_to_know_where_a_pixel_is_is_refused(model, said):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match=said):
        convert(model, KEY, 32)


def test_images_that_the_model_does_not_take():
    with pytest.raises(UsageError, match="does not take images of 4×4 pixels"):
        convert(net("fastnet-narrow"), KEY, 4)
