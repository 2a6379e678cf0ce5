"""Train on a release or a vault with its key: restore in memory, train, and evaluate on the restored test split."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.bar import Bar
from ripguard.crypto.keys import Key
from ripguard.data.image_set import side_for, square
from ripguard.data.splits import evaluation_split
from ripguard.errors import OutputRefused, UsageError
from ripguard.files import refuse_unwritable
from ripguard.precision import check_device
from ripguard.train.loop import accuracy, fit
from ripguard.train.protected import ProtectedDataset
from ripguard.train.protocols import Protocol
from ripguard.train.recipe import recipe_of
from ripguard.train.trial import tried
from ripguard.vault.dataset import VaultDataset
from ripguard.vault.header import is_vault
from ripguard.weights import save_whole

CHUNK = 500  # images restored at once


def train_on_release(
    root: Path,
    key: Key,
    out: Path,
    protocol: str = "fast",
    model: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    signer: str | None = None,
) -> dict[str, Any]:
    """Train a model from scratch on the clean images of a release or a vault and write it to ``out``.

    The file contains ``{"net", "mean", "sd", "model", "classes", "side"}``, tensors and plain values only. An
    interrupted run resumes from the checkpoint beside it.

    Returns:
        A dict with the settings, the train accuracy and, if there is a test split, the test accuracy, in percent.

    Raises:
        UsageError, OutputRefused, StorageError: ``out`` exists or cannot be written; raised before training.
        InputRefused: the model does not take images of this size; raised before training.
        Also every exception of :class:`ProtectedDataset` or :class:`ripguard.vault.VaultDataset`.
    """
    recipe = recipe_of(protocol, model, epochs)
    refuse_output(out, device)
    training = _split(root, key, "train", signer)
    images, labels = in_memory(training)
    tried(recipe.model, len(training.classes), images.shape[1])
    tested = evaluation_split(training.splits)
    test = _split(root, key, tested, signer) if tested else None
    judged = None if test is None or not test.labelled else in_memory(test, images.shape[1])
    return train_to_file((images, labels), judged, training.classes, out, recipe, protocol, seed, device)


def _split(root: Path, key: Any, name: str, signer: str | None) -> ProtectedDataset | VaultDataset:
    """One split of a release, or of a vault, which has no signer. Raises as their datasets."""
    if not is_vault(root):
        return ProtectedDataset(root, key, name, signer=signer)
    if signer is not None:
        raise UsageError("--signer is for releases, and a vault has no signature", "pin a vault: vault verify --expect")
    return VaultDataset(root, key, name)


def refuse_output(out: Path, device: str) -> None:
    """Raise :class:`OutputRefused`, :class:`StorageError` or :class:`UsageError` before any work."""
    check_device(device)
    if os.path.lexists(out):
        raise OutputRefused(f"{out} exists", "choose another name")
    for place in (out, _checkpoint(out)):
        refuse_unwritable(place)


def _checkpoint(out: Path) -> Path:
    return out.with_name(f".{out.name}.checkpoint")


def train_to_file(
    training: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray] | None,
    classes: list[str],
    out: Path,
    recipe: Protocol,
    protocol: str,
    seed: int,
    device: str,
) -> dict[str, Any]:
    """Train a model on images in memory and write it to ``out``; see :func:`train_on_release`.

    Args:
        training, test: uint8 ``[n, side, side, 3]`` and int64 labels ``[n]``.
        recipe: the protocol with the wanted model and epochs; protocol: its name.
    """
    (images, labels), checkpoint = training, _checkpoint(out)
    victim = fit(images, labels, len(classes), recipe, seed, device, checkpoint, note="training")
    result: dict[str, Any] = {
        "out": str(out),
        "protocol": protocol,
        "model": recipe.model,
        "epochs": recipe.epochs,
        "seed": seed,
        "pictures": len(labels),
        "train_accuracy": round(accuracy(victim, images, labels), 3),
        "test_accuracy": round(accuracy(victim, *test), 3) if test else None,
    }
    about = {"model": recipe.model, "classes": classes, "side": images.shape[1]}
    save_whole(victim.state() | about, out)
    checkpoint.unlink(missing_ok=True)
    return result


def in_memory(data: ProtectedDataset | VaultDataset, side: int | None = None) -> tuple[np.ndarray, np.ndarray]:
    """All images of a split, restored: uint8 ``[n, side, side, 3]`` and int64 labels ``[n]``."""
    found: list[np.ndarray] = []
    with Bar(total=len(data), stage=f"restoring {data.split}", unit="image") as bar:
        for start in range(0, len(data), CHUNK):
            found += data.images(range(start, min(start + CHUNK, len(data))))
            bar.update(len(found) - bar.n)
    side = side or side_for([(image.shape[1], image.shape[0]) for image in found])
    return np.stack([square(image, side) for image in found]), np.array(data.targets, np.int64)
