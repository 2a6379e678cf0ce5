"""Fit the scheme of a plan to the training images, once for all worker processes.

The result is cached, so that a continued or repeated run does not fit again.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ripguard.data.image_set import ImageSet, digest, read_square
from ripguard.data.source import cache_root
from ripguard.errors import InputRefused, StorageError, tell
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.release.plan import Plan, training_side
from ripguard.schemes.base import Protector, Run, Scheme

NOT_KEPT = "ripguard: note: the fitted scheme is not kept in the cache: "
FORM = 1  # version of the cached content; other versions are not used


@dataclass(frozen=True)
class Prepared:
    """A fitted scheme: creates the protector in each worker process; picklable."""

    scheme: Scheme
    fitted: Fitted
    run: Run

    def __call__(self) -> Protector:
        return self.scheme.protector(self.fitted, self.run)

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the fitted values and the codec model; "" if there is neither."""
        if not self.fitted.digest and not self.run.model:
            return ""
        return hashlib.sha256(self.fitted.digest.encode() + self.run.model).hexdigest()


def prepare(plan: Plan, device: str = "cpu", workers: int = 1, model: bytes = b"") -> Prepared:
    """Fit the scheme of a plan. Training images are read only if the scheme needs them and no cached result exists.

    Raises:
        InputRefused: too few classes, a class without training images, or a surrogate file for other classes.
    """
    needs, run = plan.scheme.needs, Run(device, plan.lossy, model)
    if Need.CLASSES in needs and len(plan.labels) < 2:
        raise InputRefused(
            f"expected at least two classes, found {len(plan.labels)}",
            "use one folder for each class or --labels CSV, or hide without a perturbation: --perturb none",
        )
    context = FitContext(tuple(plan.labels), plan.seed, device)
    if Need.TRAINING_IMAGES not in needs:
        return Prepared(plan.scheme, plan.scheme.fit(None, context), run)
    if missing := sorted(set(range(len(plan.labels))) - {image.label for image in plan.training}):
        raise InputRefused(
            f"class {plan.labels[missing[0]]} has no training image",
            "add training images: perturbations of other classes depend on it",
        )
    place = None if _files(plan.scheme) else _cached(f"{_name(plan, device)}.npz")
    fitted = Fitted.read(place) if place else None
    if fitted is None or not all(map(os.path.exists, fitted.files)):
        fitted = plan.scheme.fit(training_images(plan, workers), context)
        if place:
            try:
                fitted.write(place)
            except StorageError as error:
                tell(NOT_KEPT + error.message)
            except OSError as error:
                tell(f"{NOT_KEPT}cannot write {place}: {error.strerror}")
    return Prepared(plan.scheme, fitted, run)


def _cached(name: str) -> Path | None:
    """Path of a fitted scheme in the cache, which only saves time; None without a place for a cache."""
    try:
        return cache_root() / "fitted" / name
    except StorageError as error:
        tell(NOT_KEPT + error.message)
        return None


def _files(scheme: Scheme) -> bool:
    """Whether options contain local paths; the name of a cached result does not cover the content of files."""
    return any(not option.stored and scheme.given(name) not in (None, ()) for name, option in scheme.options().items())


def _name(plan: Plan, device: str) -> str:
    """Name of the cached result: a digest of everything that determines it."""
    about = [FORM, plan.scheme.form(), plan.scheme.to_json(), plan.labels, plan.seed, device]
    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for image in plan.training:
        found.update(f"{image.sha256} {image.label} {image.shape}".encode())
    return found.hexdigest()[:32]


def training_images(plan: Plan, workers: int) -> ImageSet:
    """The training images of a plan: uint8 ``[n, side, side, 3]`` and int64 labels ``[n]``.

    Images of one common square size up to 64 pixels keep it; others are resized to 32 or 64 pixels.
    """
    chosen = plan.training
    images = read_square(chosen, training_side(chosen), workers, "training images")
    labels = np.array([p.label for p in chosen], np.int64)
    return ImageSet(images, labels, plan.labels, digest(images, labels, plan.labels))
