"""Training of surrogates, and the cache of trained ones."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ripguard.bar import Bar
from ripguard.data.source import cache_root
from ripguard.errors import InputRefused, tell
from ripguard.perturb.surrogate.file import load, save
from ripguard.perturb.surrogate.model import Settings, Surrogate, freeze
from ripguard.precision import fast_math

DESIGN = 2  # version of the architecture and training; cached surrogates of another version are not used


def train(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    settings: Settings,
    device: str = "cpu",
    after: Callable[[int, Surrogate], None] | None = None,
) -> Surrogate:
    """Train on uint8 ``[n, side, side, 3]`` images: SGD, one-cycle schedule, random crop and flip.

    Args:
        after: called after each epoch with the number of epochs so far and the model.
    """
    torch.manual_seed(settings.seed)
    draw = torch.Generator().manual_seed(settings.seed)
    model: Surrogate = Surrogate(classes, settings).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    count = len(images)
    batch = min(settings.batch, max(2, count // 8))  # at least a few steps per epoch on small datasets
    steps = settings.epochs * (count // batch)
    optimiser = torch.optim.SGD(
        model.parameters(), settings.peak_lr, momentum=0.9, nesterov=True, weight_decay=settings.weight_decay
    )
    total = max(steps + 1, 20)  # the schedule needs enough steps for its warm-up
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.peak_lr, total_steps=total, pct_start=0.2)
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).to(device)  # [n, 3, side, side] uint8
    targets = torch.from_numpy(labels).to(device)
    bar = Bar(total=steps, stage="surrogate", unit="step")
    for epoch in range(settings.epochs):
        model.train()
        order = torch.randperm(count, generator=draw)
        for start in range(0, count - batch + 1, batch):
            rows = order[start : start + batch].to(device)
            x = _augment(tensor[rows].float() / 255, settings.crop_padding, draw)
            with fast_math(device):
                smoothing, logits = settings.label_smoothing, [one.float() for one in model.logits(x)]
                losses = [F.cross_entropy(one, targets[rows], label_smoothing=smoothing) for one in logits]
                loss = torch.stack(losses).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            bar.update()
        bar.set_postfix(loss=f"{loss.item():.2f}")
        if after:
            after(epoch + 1, model)
    bar.close()
    return freeze(model)


def _augment(x: Tensor, padding: int, draw: torch.Generator) -> Tensor:
    """One random crop for the batch, and a random horizontal flip for each image."""
    side = x.shape[2]
    if padding and side > padding:
        dy, dx = torch.randint(2 * padding + 1, (2,), generator=draw).tolist()
        x = F.pad(x, (padding,) * 4, mode="reflect")[:, :, dy : dy + side, dx : dx + side]
    flip = (torch.rand(len(x), generator=draw) < 0.5).to(x.device)
    return torch.where(flip[:, None, None, None], x.flip(3), x)


def obtain(
    images: np.ndarray,
    labels: np.ndarray,
    names: list[str],
    settings: Settings,
    device: str,
    how: Callable[[np.ndarray, np.ndarray, int, Settings, str], Surrogate] = train,
) -> Path:
    """Path of the surrogate for this dataset and these settings: from the cache, or trained now by ``how``."""
    about = [DESIGN, names, dataclasses.asdict(settings)] + ([] if how is train else [how.__module__])
    path = _place(about, images, labels)
    if not _whole(path, names, settings):
        save(how(images, labels, len(names), settings, device), names, settings, path)
    return path


def obtain_stages(
    images: np.ndarray, labels: np.ndarray, names: list[str], settings: Settings, device: str, count: int
) -> list[Path]:
    """Paths of ``count`` stages of one training, evenly spaced, at most one an epoch; the last is :func:`obtain`'s."""
    last = _place([DESIGN, names, dataclasses.asdict(settings)], images, labels)
    epochs = sorted({max(1, settings.epochs * (stage + 1) // count) for stage in range(count)})
    paths = {epoch: last.with_stem(f"{last.stem}-{epoch}") for epoch in epochs} | {settings.epochs: last}
    if not all([_whole(path, names, settings) for path in paths.values()]):

        def keep(epoch: int, model: Surrogate) -> None:
            if epoch in paths:
                save(model, names, settings, paths[epoch])

        train(images, labels, len(names), settings, device, keep)
    return list(paths.values())


def _place(about: list[Any], images: np.ndarray, labels: np.ndarray) -> Path:
    """Path in the cache of the model for this dataset and these settings."""
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    digest.update(str(images.shape).encode() + images.tobytes() + labels.astype("<i8").tobytes())
    return cache_root() / "surrogates" / f"{digest.hexdigest()[:20]}.pt"


def _whole(path: Path, names: list[str], settings: Settings) -> bool:
    """Whether the cache has this model; one that cannot be used is reported."""
    if not path.exists():
        return False
    if not os.access(path, os.R_OK):
        tell(f"ripguard: note: this user cannot read {path}; the surrogate is trained again")
        return False
    with contextlib.suppress(InputRefused):
        if load(path)[1:] == (names, settings):
            return True
    tell(f"ripguard: note: {path} is damaged and will be trained again")
    return False
