"""Training protocols of victims, each with its source."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Protocol:
    """How a victim is trained.

    Attributes:
        source: publication of the recipe, and our additions to it.
        optimiser: ``adam`` or ``sgd`` (momentum 0.9).
        schedule: ``constant``, ``cosine`` (to zero, by step), ``steps`` (times ``gamma`` at ``milestones``, epochs) or
            ``triangle`` (linear up over the first fifth, linear down to zero).
        crop: width of the reflected border for random crops, as a share of the side (1/8: 4 pixels of 32).
        zoom: least share of the area in a random zoom; 1: no zoom.
        flip: ``none``, ``random``, or ``alternating`` (flipped every second epoch, as in airbench).
        mirror_at_test: average the logits of an image and its mirror image.
        standardise: subtract the mean and divide by the SD of the training images, per channel.
    """

    name: str
    source: str
    model: str
    optimiser: str
    lr: float
    epochs: int
    batch: int
    schedule: str
    weight_decay: float = 0.0
    nesterov: bool = False
    milestones: tuple[int, ...] = ()
    gamma: float = 0.1
    crop: float = 0.0
    zoom: float = 1.0
    flip: str = "none"
    label_smoothing: float = 0.0
    mirror_at_test: bool = False
    standardise: bool = True


_ALL = (
    Protocol(
        "paper",
        "Xue et al., section 4: ResNet-18 from scratch, Adam, initial lr 0.01, batch 128, 80 epochs. Ours, as they are "
        "not stated: ImageNet stem, cosine decay, crop and flip (docs/explanation/reproduction.md)",
        "resnet18-imagenet", "adam", 0.01, 80, 128, "cosine", crop=1 / 8, flip="random",
    ),
    Protocol(
        "standard",
        "Liu et al. 2023 (image shortcut squeezing): ResNet-18, SGD 0.1/0.9/5e-4, cosine, 60 epochs, batch 128, crop "
        "and flip",
        "resnet18", "sgd", 0.1, 60, 128, "cosine", weight_decay=5e-4, crop=1 / 8, flip="random",
    ),
    Protocol(
        "apbench",
        "Qin et al. 2023 (APBench): ResNet-18, SGD 0.1/0.9/5e-4, 200 epochs, halved at 100, batch 256, crop and flip, "
        "pixels not standardised",
        "resnet18", "sgd", 0.1, 200, 256, "steps", weight_decay=5e-4, milestones=(100,), gamma=0.5, crop=1 / 8,
        flip="random", standardise=False,
    ),
    Protocol(
        "fast",
        "in the spirit of Jordan 2024 (cifar10-airbench): small model, whitened stem, Nesterov SGD, alternating flip",
        "fastnet", "sgd", 0.2, 8, 256, "triangle", weight_decay=5e-4, nesterov=True, crop=1 / 16, flip="alternating",
        label_smoothing=0.2, mirror_at_test=True,
    ),
    Protocol(
        "small",
        "the fast protocol with a narrow model: many victims on two cores, as for 20,000 images a few minutes each",
        "fastnet-narrow", "sgd", 0.1, 12, 128, "triangle", weight_decay=5e-4, nesterov=True, crop=1 / 16,
        flip="alternating", mirror_at_test=True,
    ),
    Protocol(
        "smoke",
        "the fast protocol with a narrow model: under a minute on 5,000 small images, to see that all parts work",
        "fastnet-narrow", "sgd", 0.1, 8, 128, "triangle", weight_decay=5e-4, nesterov=True, crop=1 / 16,
        flip="alternating", label_smoothing=0.2, mirror_at_test=True,
    ),
    Protocol(
        "demo",
        "the fast protocol with a narrow model on thumbnails: under a minute on 2,500 images of 96×96, to show what "
        "protection does",
        "fastnet-thumbnail", "sgd", 0.1, 10, 64, "triangle", weight_decay=5e-4, nesterov=True, crop=1 / 16,
        flip="alternating", label_smoothing=0.2, mirror_at_test=True,
    ),
)  # fmt: skip
PROTOCOLS: dict[str, Protocol] = {protocol.name: protocol for protocol in _ALL}


def called(name: str, model: str | None = None, epochs: int | None = None) -> str:
    """Name in records of a protocol with another model or number of epochs: ``small (24 epochs)``."""
    own = PROTOCOLS[name]
    other = [model] if model and model != own.model else []
    other += [f"{epochs} epochs"] if epochs and epochs != own.epochs else []
    return name + (f" ({', '.join(other)})" if other else "")
