"""The training loop: uint8 tensors on the device, augmented there, with exact resume from any checkpoint.

All random numbers come from one CPU generator that is part of the checkpoint. So an interrupted and resumed run ends
with the same weights as an uninterrupted one, on the same machine with the same number of threads.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ripguard.bar import Bar
from ripguard.errors import out_of_memory, tell
from ripguard.files import NotRegular, open_regular
from ripguard.memory import keep_freed
from ripguard.precision import fast_math
from ripguard.train.augment import mirror, random_crop, random_zoom
from ripguard.train.models import build
from ripguard.train.objectives import OBJECTIVES
from ripguard.train.protocols import Protocol
from ripguard.train.start import Start
from ripguard.weights import save_whole, write_whole

Forward = Callable[[Tensor], Tensor]
SAVE_EVERY = 20 * 60.0  # seconds of work that an interrupted run may lose, even if an epoch takes hours


class Unfinished(Exception):
    """The time limit was reached before the last epoch. The same call resumes from the checkpoint."""


class Victim:
    """A model with the standardization of its training; takes uint8 images."""

    def __init__(self, protocol: Protocol, classes: int, side: int, device: str = "cpu") -> None:
        self.protocol, self.classes, self.side, self.device = protocol, classes, side, device
        model = build(protocol.model, classes, side).to(device)
        self.model: nn.Module = model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.mean = torch.zeros(1, 3, 1, 1, device=device)
        self.sd = torch.ones(1, 3, 1, 1, device=device)

    def standardise(self, x: Tensor) -> Tensor:
        """Images 0..255, uint8 or float, ``[batch, 3, height, width]`` → float32 of the same shape."""
        return ((x.float() / 255 - self.mean) / self.sd).contiguous(memory_format=torch.channels_last)

    def look_at(self, images: Tensor) -> None:
        """Compute mean and SD, and the whitened stem if the model has one, from the training images."""
        if self.protocol.standardise:
            x = images.float() / 255
            self.mean = x.mean((0, 2, 3), keepdim=True)
            self.sd = x.std((0, 2, 3), keepdim=True).clamp_min(1e-3)
        if hasattr(self.model, "prepare"):
            self.model.prepare(self.standardise(images[:5000]))  # type: ignore[operator]

    def logits(self, images: np.ndarray, batch: int = 500) -> np.ndarray:
        """Logits, float32 ``[n, classes]``, of uint8 ``[n, side, side, 3]`` images."""
        self.model.eval()
        parts = []
        with torch.no_grad(), fast_math(self.device):
            for start in range(0, len(images), batch):
                x = self.standardise(on_device(images[start : start + batch], self.device))
                out = self.model(x).float()
                if self.protocol.mirror_at_test:
                    out = (out + self.model(x.flip(3)).float()) / 2
                parts.append(out.cpu())
        return torch.cat(parts).numpy()

    def state(self) -> dict[str, Any]:
        return {"net": self.model.state_dict(), "mean": self.mean, "sd": self.sd}

    def restore(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["net"])
        self.mean, self.sd = state["mean"].to(self.device), state["sd"].to(self.device)


def on_device(images: np.ndarray, device: str) -> Tensor:
    """uint8 ``[n, height, width, 3]`` → uint8 ``[n, 3, height, width]`` on the device."""
    return torch.from_numpy(images).to(device).permute(0, 3, 1, 2)


def fit(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    protocol: Protocol,
    seed: int = 0,
    device: str = "cpu",
    checkpoint: Path | None = None,
    log: Path | None = None,
    seconds: float | None = None,
    compile: bool = False,
    watch: tuple[np.ndarray, np.ndarray] | None = None,
    note: str = "training",
    objective: str = "plain",
    save_every: float = SAVE_EVERY,
    start: Start | None = None,
) -> Victim:
    """Train a victim, from scratch unless a start is given.

    Args:
        images: uint8 ``[n, side, side, 3]``.
        labels: int64 ``[n]`` in ``0..classes-1``.
        checkpoint: file written after every epoch, and within an epoch every ``save_every`` seconds. Training resumes
            from it if it is of the same images, protocol, seed and start. A damaged file is reported and removed.
        log: JSON Lines file, one line per epoch; its lines are part of the checkpoint.
        seconds: time limit; training stops before an epoch that would exceed it.
        compile: whether to ``torch.compile`` the model.
        watch: other images and labels whose accuracy is logged after every epoch; not used otherwise.
        objective: name in :data:`ripguard.train.objectives.OBJECTIVES`.
        start: weights to begin with, of the protocol's model; None: random ones.

    Raises:
        Unfinished: the time limit was reached; resuming needs a checkpoint.
        ValueError: images or labels have the wrong shape or type.
    """
    _check(images, labels, classes)
    began, count = time.monotonic(), len(images)
    if device == "cpu":
        keep_freed()
    torch.manual_seed(seed)  # initial weights, dropout
    draw = torch.Generator().manual_seed(seed)
    victim = Victim(protocol, classes, images.shape[1], device)
    tensor = on_device(images, device)
    victim.look_at(tensor)
    if start:
        victim.restore(start.state_for(victim.model))
        start.freeze(victim.model)
    targets = torch.from_numpy(labels).to(device)
    batch, per_epoch = min(protocol.batch, count), batches(count, protocol)
    optimiser = _optimiser(victim.model, protocol)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, _factor(protocol, per_epoch))
    padding = round(protocol.crop * images.shape[1])
    parity = torch.rand(count, generator=draw) < 0.5  # alternating flip: images that start flipped
    forward: Forward = torch.compile(victim.model) if compile else victim.model

    minimise = OBJECTIVES[objective]

    def look(x: Tensor) -> Tensor:
        with fast_math(device):
            return forward(victim.standardise(x)).float()  # [batch, classes]

    identity = run_id(images, labels, protocol, seed) + ("" if objective == "plain" else f" {objective}")
    identity += f" {start.identity}" if start else ""
    first = 0
    lines: list[dict[str, Any]] = []
    cut: dict[str, Any] = {}  # state of an unfinished epoch
    if checkpoint and checkpoint.exists():
        try:
            with open(open_regular(checkpoint, follow=True), "rb") as saved:
                stored = torch.load(saved, map_location=device, weights_only=True)
            if stored["identity"] == identity:
                victim.restore(stored["victim"])
                optimiser.load_state_dict(stored["optimiser"])
                schedule.load_state_dict(stored["schedule"])
                draw.set_state(stored["draw"].cpu())
                torch.set_rng_state(stored["torch"].cpu())
                if device != "cpu":
                    torch.cuda.set_rng_state(stored["cuda"].cpu())
                first, cut = stored["epoch"], stored.get("cut", {})
                lines = stored["log"] if "log" in stored else _lines(log)
        except Exception as error:  # torch.load raises errors of many types on damaged files
            if out_of_memory(error) or (isinstance(error, OSError) and not isinstance(error, NotRegular)):
                raise  # the file may be intact, and must not be removed
            tell(f"ripguard: note: {checkpoint} is damaged; training starts again")
            checkpoint.unlink()
            return fit(
                images, labels, classes, protocol, seed, device, checkpoint, log, seconds, compile, watch, note,
                objective, save_every, start,
            )  # fmt: skip

    def save(place: Path, epochs: int, cut: dict[str, Any]) -> None:
        state = {
            "identity": identity, "epoch": epochs, "epochs": protocol.epochs, "victim": victim.state(),
            "optimiser": optimiser.state_dict(), "schedule": schedule.state_dict(),
            "draw": draw.get_state(), "torch": torch.get_rng_state(), "log": lines, "cut": cut,
        }  # fmt: skip
        if device != "cpu":
            state["cuda"] = torch.cuda.get_rng_state()
        save_whole(state, place, private=True)  # what a model knows of images may be secret

    if log and lines:
        _write_log(log, lines)
    done = first * per_epoch + cut.get("steps", 0)
    bar = Bar(total=protocol.epochs * per_epoch, initial=done, stage=note, unit="step")
    longest = 0.0
    for epoch in range(first, protocol.epochs):
        since = time.monotonic()
        if seconds is not None and since - began + longest > seconds:
            raise Unfinished(f"{epoch} of {protocol.epochs} epochs")
        if start:
            start.train(victim.model)
        else:
            victim.model.train()
        if cut:
            order, losses, right = cut["order"].cpu(), cut["losses"], cut["right"]
        else:
            order = torch.randperm(count, generator=draw)
            losses, right = torch.zeros((), device=device), torch.zeros((), device=device)
        steps, before = cut.get("steps", 0), cut.get("seconds", 0.0)
        cut, kept = {}, since
        for step in range(steps, per_epoch):
            rows = order[step * batch : (step + 1) * batch]
            x = random_crop(tensor[rows.to(device)], padding, draw)
            if protocol.zoom < 1:
                x = random_zoom(x, protocol.zoom, draw)
            if protocol.flip == "random":
                x = mirror(x, torch.rand(len(rows), generator=draw) < 0.5)
            elif protocol.flip == "alternating":
                x = mirror(x, parity[rows] ^ bool(epoch % 2))
            y = targets[rows.to(device)]
            loss, out = minimise(look, x.float(), y, draw, protocol.label_smoothing)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            schedule.step()
            losses += loss.detach()
            right += (out.detach().argmax(1) == y).sum()
            bar.update()
            if checkpoint and step + 1 < per_epoch and (now := time.monotonic()) - kept >= save_every:
                half = {"order": order, "losses": losses, "right": right}
                save(checkpoint, epoch, half | {"steps": step + 1, "seconds": before + now - since})
                kept = now
        mean, share = losses.item() / per_epoch, 100 * right.item() / (per_epoch * batch)
        bar.set_postfix(loss=f"{mean:.3f}", accuracy=f"{share:.1f}")
        longest = max(longest, time.monotonic() - since)
        line: dict[str, Any] = {"epoch": epoch + 1, "loss": round(mean, 5), "augmented_train_accuracy": round(share, 3)}
        if watch:
            line["watched_accuracy"] = round(accuracy(victim, *watch), 3)
        line |= {"lr": schedule.get_last_lr()[0], "seconds": round(before + time.monotonic() - since, 2)}
        lines.append(line)
        if checkpoint:
            save(checkpoint, epoch + 1, {})
        if log:
            _write_log(log, lines)
    bar.close()
    return victim


def _write_log(log: Path, lines: list[dict[str, Any]]) -> None:
    text = "".join(json.dumps(line) + "\n" for line in lines)
    write_whole(log, lambda partial: partial.write_text(text, "utf-8"))


def _lines(log: Path | None) -> list[dict[str, Any]]:
    """Log lines of a run whose checkpoint is of an older version, without a log."""
    return [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log and log.exists() else []


def batches(count: int, protocol: Protocol) -> int:
    """Number of batches per epoch. The incomplete last batch is dropped; the order changes every epoch."""
    return max(1, count // min(protocol.batch, count))


def accuracy(victim: Victim, images: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy in percent on uint8 ``[n, side, side, 3]`` images, without augmentation."""
    return percent_right(victim.logits(images), labels)


def percent_right(outputs: np.ndarray, labels: np.ndarray) -> float:
    """Accuracy in percent of logits ``[n, classes]``."""
    return 100 * float((outputs.argmax(1) == labels).mean())


def run_id(images: np.ndarray, labels: np.ndarray, protocol: Protocol, seed: int) -> str:
    """Hex digest of everything that determines a run, except the machine."""
    recipe = dataclasses.replace(protocol, source="")  # a description only
    digest = hashlib.sha256(f"{recipe!r} {seed} {images.shape}".encode())
    digest.update(np.ascontiguousarray(images).data)
    digest.update(labels.astype("<i8").tobytes())
    return digest.hexdigest()


def _optimiser(model: nn.Module, protocol: Protocol) -> torch.optim.Optimizer:
    weights = [p for p in model.parameters() if p.requires_grad]
    if protocol.optimiser == "adam":
        return torch.optim.Adam(weights, protocol.lr, weight_decay=protocol.weight_decay)
    return torch.optim.SGD(
        weights, protocol.lr, momentum=0.9, nesterov=protocol.nesterov, weight_decay=protocol.weight_decay
    )


def _factor(protocol: Protocol, per_epoch: int) -> Callable[[int], float]:
    """Function from the step to the learning rate, as a multiple of ``protocol.lr``."""
    total = protocol.epochs * per_epoch
    if protocol.schedule == "cosine":
        return lambda step: 0.5 * (1 + float(np.cos(np.pi * min(step / total, 1.0))))
    if protocol.schedule == "steps":
        return lambda step: protocol.gamma ** sum(step // per_epoch >= m for m in protocol.milestones)
    if protocol.schedule == "triangle":
        return lambda step: float(np.interp(step / total, [0, 0.2, 1], [0.1, 1, 0]))
    if protocol.schedule == "constant":
        return lambda step: 1.0
    raise ValueError(f"schedule: expected constant, cosine, steps or triangle, got {protocol.schedule!r}")


def _check(images: np.ndarray, labels: np.ndarray, classes: int) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3 or images.shape[1] != images.shape[2]:
        raise ValueError(f"images: expected uint8 [n, side, side, 3], got {images.dtype} {list(images.shape)}")
    if labels.shape != images.shape[:1] or not len(labels) or labels.min() < 0 or labels.max() >= classes:
        raise ValueError(f"labels: expected {len(images)} values in 0..{classes - 1}, got {list(labels.shape)}")
