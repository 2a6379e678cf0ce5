"""How many images and epochs a model of an audit gets, so that it takes at most a tenth of the budget."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from ripguard.benchmark.attacks import restorer
from ripguard.benchmark.audit.clock import Budget, Now
from ripguard.data.image_set import ImageSet
from ripguard.train.loop import batches, fit
from ripguard.train.protocols import Protocol

MOST, LEAST = 1 / 14, 1 / 24  # shares of the budget for training one model; with its readings it takes a tenth
PASSES = 20_000  # images times epochs that a model gets if the budget allows them
STEPS = 200  # wanted batches of a model: batches get smaller, and few images are shown more often
BATCH = 32  # images of the smallest batch
PER_CLASS, EPOCHS = 20, 4  # images of a class, and epochs, that are never fewer while there are images
UNET = 1.5  # time of a U-Net, in models
UNET_STEPS = (30, 1500)  # least and most batches of a U-Net; the most is that of `experiments/undo.py`


@dataclass(frozen=True)
class Size:
    """What one model gets.

    Attributes:
        images, epochs, batch: of its training.
        steps: batches of a U-Net; 0: none is trained.
        seconds: estimate for a plain model.
        why: one sentence.
    """

    images: int
    epochs: int
    batch: int
    steps: int
    seconds: float
    why: str


def choose(
    speed: float, budget: Budget, available: int, classes: int, protocol: Protocol, wanted: int | None = None
) -> Size:
    """Images and epochs from the speed.

    Args:
        speed: images a second that plain training takes.
        available: number of training images at hand.
        wanted: number of images that the user chose; None: by the budget.
    """
    passes = speed * min(max(PASSES / speed, budget.seconds * LEAST), budget.seconds * MOST)
    if wanted is None:
        count = min(available, max(int(passes) // protocol.epochs, PER_CLASS * classes))
    else:
        count = min(available, wanted)
    shown = count * protocol.epochs if wanted else int(min(passes, count * protocol.epochs))
    batch = min(protocol.batch, max(BATCH, shown // STEPS), count)
    epochs = max(protocol.epochs, -(-STEPS // batches(count, dataclasses.replace(protocol, batch=batch))))
    if wanted is None:
        epochs = min(epochs, max(EPOCHS, int(passes) // count))
    seconds = count * epochs / speed
    of = "all" if count == available else f"of {available:,}"
    why = (
        f"each model sees {count:,} training images ({of}) in {epochs} epochs, in batches of {batch}: about "
        f"{seconds:.0f} s at {speed:,.0f} images a second"
    )
    return Size(count, epochs, batch, 0, seconds, why)


def with_networks(size: Size, seconds: float) -> Size:
    """The size with the number of batches of a U-Net, given the seconds of one."""
    least, most = UNET_STEPS
    return dataclasses.replace(size, steps=min(most, max(least, round(UNET * size.seconds / max(seconds, 1e-6)))))


def speed_of(
    data: ImageSet, protocol: Protocol, device: str, now: Now, objective: str = "plain", steps: int = 3
) -> float:
    """Images a second in the first steps of training, after one that warms up."""
    batch = min(protocol.batch, len(data.labels))
    for count in (min(8, batch), steps * batch):
        rows = np.resize(np.arange(len(data.labels)), count)
        began = now()
        recipe = dataclasses.replace(protocol, epochs=1, batch=min(batch, count))
        fit(
            data.images[rows], data.labels[rows], len(data.names), recipe, device=device, note="measuring the speed",
            objective=objective,
        )  # fmt: skip
    return count / max(now() - began, 1e-6)


def unet_seconds(data: ImageSet, device: str, now: Now) -> float:
    """Seconds that a batch of a U-Net takes, after one that warms up."""
    rows = np.resize(np.arange(len(data.labels)), restorer.BATCH)
    images, labels = data.images[rows], data.labels[rows]
    for steps in (1, 2):
        began = now()
        restorer.train(images, images, labels, len(data.names), steps, device=device)
    return (now() - began) / steps
