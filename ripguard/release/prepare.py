"""From a plan to what every worker process protects with: what the scheme finds in the training images, found once.

It is kept in the cache, so that a run that goes on, or is made again, does not search once more.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass

import numpy as np

from ripguard.data.image_set import ImageSet, digest, read_square
from ripguard.data.source import cache_root
from ripguard.errors import InputRefused, StorageError, tell
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.release.plan import Plan, training_side
from ripguard.schemes.base import Protector, Run, Scheme

FORM = 1  # of what the cache holds: what was found by another form is not used


@dataclass(frozen=True)
class Prepared:
    """All that a worker needs to protect batches; picklable."""

    scheme: Scheme
    fitted: Fitted
    run: Run

    def __call__(self) -> Protector:
        return self.scheme.protector(self.fitted, self.run)

    @property
    def digest(self) -> str:
        """Hex SHA-256 of what was found and of the release's model; "" where there is neither."""
        if not self.fitted.digest and not self.run.model:
            return ""
        return hashlib.sha256(self.fitted.digest.encode() + self.run.model).hexdigest()


def prepare(plan: Plan, device: str = "cpu", workers: int = 1, model: bytes = b"") -> Prepared:
    """Fit the plan's scheme; the training images are read only where it needs them, and was not fitted to them before.

    Raises:
        InputRefused: too few classes, a class without training images, a surrogate file that does not fit.
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
            f"class {plan.labels[missing[0]]} has no training image", "every class needs some: others aim at it"
        )
    place = cache_root() / "fitted" / f"{_name(plan, device)}.npz"
    kept = not _files(plan.scheme)
    fitted = Fitted.read(place) if kept else None
    if fitted is None or not all(map(os.path.exists, fitted.files)):
        fitted = plan.scheme.fit(training_images(plan, workers), context)
        if kept:
            try:
                fitted.write(place)
            except (OSError, StorageError) as error:  # it saves time, no more
                tell(f"ripguard: note: what was found in the training images is not kept: {error}")
    return Prepared(plan.scheme, fitted, run)


def _files(scheme: Scheme) -> bool:
    """Whether options name files of this machine, whose content a name in the cache says nothing of."""
    return any(not option.stored and scheme.given(name) not in (None, ()) for name, option in scheme.options().items())


def _name(plan: Plan, device: str) -> str:
    """Of the fit in the cache: all that decides it."""
    about = [FORM, plan.scheme.form(), plan.scheme.to_json(), plan.labels, plan.seed, device]
    found = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for image in plan.training:
        found.update(f"{image.sha256} {image.label} {image.shape}".encode())
    return found.hexdigest()[:32]


def training_images(plan: Plan, workers: int) -> ImageSet:
    """The owner's training split: uint8 ``[n, side, side, 3]`` and int64 labels ``[n]``.

    Images of one common square size up to 64 pixels are taken as they are; else all are resized to 32 or 64 pixels.
    """
    chosen = plan.training
    images = read_square(chosen, training_side(chosen), workers, "training images")
    labels = np.array([p.label for p in chosen], np.int64)
    return ImageSet(images, labels, plan.labels, digest(images, labels, plan.labels))
