"""Training objectives: plain cross-entropy, and cross-entropy with augmentations that serve as defences.

Each is a function of (look, images, labels, draw, smoothing): ``look`` maps float images 0..255,
``[batch, 3, height, width]``, to logits ``[batch, classes]``; random numbers come from ``draw``, a CPU generator, so
that training can be resumed. It returns the loss to minimize and the logits that count for the training accuracy.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from ripguard import libraries
from ripguard._torchvision import torchvision
from ripguard.errors import MissingExtra

Look = Callable[[Tensor], Tensor]
Objective = Callable[[Look, Tensor, Tensor, torch.Generator, float], tuple[Tensor, Tensor]]

RADIUS, STEPS = 8.0, 10  # of the adversary, in gray levels; as in APBench and Madry et al.
DRAWS = 5  # augmentations per image that UEraser chooses from


def plain(look: Look, x: Tensor, y: Tensor, draw: torch.Generator, smoothing: float) -> tuple[Tensor, Tensor]:
    """Cross-entropy."""
    out = look(x)
    return F.cross_entropy(out, y, label_smoothing=smoothing), out


def cutout(look: Look, x: Tensor, y: Tensor, draw: torch.Generator, smoothing: float) -> tuple[Tensor, Tensor]:
    """A gray square of half the side at a random position, possibly over the edge (DeVries, Taylor 2017)."""
    return plain(look, x.masked_fill(_boxes(x, torch.full((len(x),), 0.5), draw), 128.0), y, draw, smoothing)


def mixup(look: Look, x: Tensor, y: Tensor, draw: torch.Generator, smoothing: float) -> tuple[Tensor, Tensor]:
    """Images and losses mixed with those of a shuffled batch, weight uniform in 0..1 (Zhang et al. 2018, α = 1)."""
    share, other = float(torch.rand((), generator=draw)), torch.randperm(len(x), generator=draw).to(x.device)
    out = look(share * x + (1 - share) * x[other])
    return _mixed(out, y, y[other], share, smoothing), out


def cutmix(look: Look, x: Tensor, y: Tensor, draw: torch.Generator, smoothing: float) -> tuple[Tensor, Tensor]:
    """A rectangle from another image, with its share of the loss (Yun et al. 2019, α = 1)."""
    side = (1 - torch.rand((), generator=draw)).sqrt()
    box = _boxes(x[:1], side[None], draw).expand_as(x)
    other = torch.randperm(len(x), generator=draw).to(x.device)
    out = look(torch.where(box, x[other], x))
    return _mixed(out, y, y[other], 1 - float(box[0, 0].float().mean()), smoothing), out


def ueraser_max(look: Look, x: Tensor, y: Tensor, draw: torch.Generator, smoothing: float) -> tuple[Tensor, Tensor]:
    """The augmentation with the largest loss, of five strong ones for each image (UEraser-max, Qin et al. 2023).

    Raises:
        MissingExtra: kornia, which provides the published augmentations, is not installed.
    """
    augment = augmentations()
    with torch.random.fork_rng(devices=[x.device] if x.is_cuda else []):  # kornia draws from the global generator
        torch.manual_seed(int(torch.randint(2**62, (), generator=draw)))
        tries = [(augment(x / 255) * 255).clamp(0, 255) for _ in range(DRAWS)]
    with torch.no_grad():
        losses = torch.stack([F.cross_entropy(look(one), y, reduction="none") for one in tries])  # [DRAWS, batch]
    chosen = torch.stack(tries)[losses.argmax(0), torch.arange(len(x), device=x.device)]
    return plain(look, chosen, y, draw, smoothing)


def autoaugment(look: Look, x: Tensor, y: Tensor, draw: torch.Generator, smoothing: float) -> tuple[Tensor, Tensor]:
    """AutoAugment with the policies found on CIFAR-10, one drawn for each image (Cubuk et al. 2019), by torchvision.

    On the CPU: its operations are made for single uint8 images. What is moved in from outside is black, as there.
    """
    augment = torchvision.transforms.AutoAugment(torchvision.transforms.AutoAugmentPolicy.CIFAR10)
    with torch.random.fork_rng(devices=[]):  # torchvision draws from the global generator
        torch.manual_seed(int(torch.randint(2**62, (), generator=draw)))
        seen = torch.stack([augment(one) for one in x.round().clamp(0, 255).to("cpu", torch.uint8)])
    return plain(look, seen.to(x.device).float(), y, draw, smoothing)


def adversarial(
    look: Look, x: Tensor, y: Tensor, draw: torch.Generator, smoothing: float, radius: float = RADIUS
) -> tuple[Tensor, Tensor]:
    """Adversarial training: 10 ascent steps of 2 gray levels within 8 on each image (Madry et al. 2018).

    The model stays in training mode, so the adversary uses the statistics of its own batch.
    """
    start = (2 * torch.rand(x.shape, generator=draw) - 1).to(x.device) * radius
    delta = start
    for _ in range(STEPS):
        seen = (x + delta).clamp(0, 255).requires_grad_(True)
        (gradient,) = torch.autograd.grad(F.cross_entropy(look(seen), y), seen)
        delta = (delta + radius / 4 * gradient.sign()).clamp(-radius, radius)
    return plain(look, (x + delta).clamp(0, 255), y, draw, smoothing)


OBJECTIVES: dict[str, Objective] = {
    "plain": plain,
    "cutout": cutout,
    "mixup": mixup,
    "cutmix": cutmix,
    "autoaugment": autoaugment,
    "ueraser-max": ueraser_max,
    "adversarial": adversarial,
    "adversarial-16": partial(adversarial, radius=2 * RADIUS),
}


def _mixed(out: Tensor, y: Tensor, other: Tensor, share: float, smoothing: float) -> Tensor:
    first, second = (F.cross_entropy(out, labels, label_smoothing=smoothing) for labels in (y, other))
    return share * first + (1 - share) * second


def _boxes(x: Tensor, side: Tensor, draw: torch.Generator) -> Tensor:
    """A box around a random pixel of each image, ``side[i]`` of its height and width: bool ``[batch, 1, …]``."""
    batch, _, height, width = x.shape
    inside = []
    for length in (height, width):
        middle = torch.randint(length, (batch, 1), generator=draw)
        start = middle - (side[:, None] * length / 2).round().long()
        stop = start + (side[:, None] * length).round().long()
        place = torch.arange(length)[None]
        inside.append((place >= start) & (place < stop))  # [batch, length]
    return (inside[0][:, None, :, None] & inside[1][:, None, None, :]).to(x.device)


@cache
def augmentations() -> Callable[[Tensor], Tensor]:
    """Plasma brightness and contrast, channel shuffle with probability one half, one operation of TrivialAugment."""
    try:
        from kornia import augmentation as one
        from kornia.augmentation.auto import TrivialAugment
    except ImportError:
        raise MissingExtra("UEraser needs kornia, which is not installed", libraries.of_extra("defences")) from None
    return torch.nn.Sequential(
        one.RandomPlasmaBrightness(roughness=(0.1, 0.7), intensity=(0.0, 1.0), p=1.0),
        one.RandomPlasmaContrast(roughness=(0.1, 0.7), p=1.0),
        one.RandomChannelShuffle(p=0.5),
        TrivialAugment(),
    )
