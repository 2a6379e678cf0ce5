"""Train, test and use networks on a release of scheme ``privdl``, with its key and without it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ripguard.crypto.keys import KeyRing
from ripguard.data.splits import TRAIN, evaluation_split
from ripguard.errors import Damaged, InputRefused, UsageError, WrongKey, some
from ripguard.hide.header import BadHeader, Header
from ripguard.precision import check_device
from ripguard.release.manifest import Release
from ripguard.release.signers import vouched
from ripguard.release.wrapper import unwrapped
from ripguard.schemes.pixel_order import release_order_key
from ripguard.schemes.privdl import PrivDLPart, is_shared
from ripguard.train.loop import percent_right
from ripguard.train.on_release import in_memory, refuse_output, train_to_file
from ripguard.train.privdl.conversion import convert
from ripguard.train.privdl.published import Scrambled, published, side_of
from ripguard.train.protected import UNLABELLED, ProtectedDataset
from ripguard.train.recipe import recipe_of
from ripguard.train.saved import load
from ripguard.train.trial import tried

NO_LABEL, LABEL_THEM = "{} has training images without a label", "use one folder for each class"


def train(
    root: Path,
    key: KeyRing | None,
    out: Path,
    protocol: str = "standard",
    model: str | None = None,
    epochs: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    signer: str | None = None,
) -> dict[str, Any]:
    """Train an ordinary network: with the key on the clean images, without it on the scrambled ones, as anybody can.

    On scrambled images there is no crop, zoom and flip, nor a mean over mirror images: they mean nothing there.

    Returns:
        As :func:`ripguard.train.on_release.train_on_release`, and ``trained_on``: ``clean`` or ``scrambled``.

    Raises:
        UsageError: the release is of another scheme; or, with the key, the model cannot be converted, or the images
            have an order each.
        InputRefused: its images differ in size, or are no squares of at most 64 pixels, or too small for the model.
        Damaged, WrongKey, OutputRefused, StorageError: as there.
    """
    recipe = recipe_of(protocol, model, epochs)
    refuse_output(out, device)
    release, classes = _opened(root, key, signer)
    side = side_of(release)
    _refuse_useless(release, key, recipe.model, classes, side)
    splits = sorted({unit["split"] for unit in release.info["units"]})
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    for split in (TRAIN, evaluation_split(splits)):
        if split is not None and key is not None:
            parts.append(in_memory(ProtectedDataset(root, key, split, signer=signer), side))
        elif split is not None:
            found = published(release, split, classes, as_restored=True)
            parts.append((found.images, found.labels))
    if (parts[0][1] == UNLABELLED).any():
        raise InputRefused(NO_LABEL.format(root), LABEL_THEM)
    if key is None:
        recipe = dataclasses.replace(recipe, crop=0.0, zoom=1.0, flip="none", mirror_at_test=False)
    judged = parts[1] if len(parts) > 1 and (parts[1][1] != UNLABELLED).all() else None
    result = train_to_file(parts[0], judged, classes, out, recipe, protocol, seed, device)
    return result | {"trained_on": "clean" if key is not None else "scrambled"}


def _refuse_useless(release: Release, key: KeyRing | None, model: str, classes: list[str], side: int) -> None:
    """Refuse a model that could not be trained; with the key also one that could not be tested on the release."""
    if not classes:
        raise InputRefused(NO_LABEL.format(release.name), LABEL_THEM)
    own = tried(model, len(classes), side)
    if key is not None:
        order_key = _order_key(release, key)
        try:
            convert(own.eval(), order_key, side)
        except UsageError as error:
            raise UsageError(f"--model {model}: {error.message}", error.hint) from None


def measure(
    root: Path, model: Path, key: KeyRing | None, split: str | None = None, device: str = "cpu",
    signer: str | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Accuracy of a trained network on the published images: converted with the key, or as it is without it.

    One look at each image: no mean over mirror images, whatever the protocol does on clean ones.

    Args:
        model: a file that :func:`train` or ``ripguard train`` wrote.
        split: None: the test split, or else the validation split.

    Returns:
        ``images``, ``split``, ``with_key``, and ``accuracy`` in percent.

    Raises:
        UsageError, InputRefused, Damaged: as :func:`infer`; or the images have no label.
    """
    found, outputs, classes, part = _outputs(root, model, key, split, device, signer)
    if (found.labels == UNLABELLED).any():
        raise InputRefused(f"{root} has images without a label in {part}", "name another --split, or use infer")
    return {
        "model": str(model), "split": part, "images": len(found.names), "classes": len(classes),
        "with_key": key is not None, "accuracy": round(percent_right(outputs, found.labels), 3),
    }  # fmt: skip


def infer(
    root: Path, model: Path, key: KeyRing | None, split: str | None = None, device: str = "cpu",
    signer: str | None = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """The class of each published image: ``path``, ``class``, and ``share``, its softmax in 0..1.

    Arguments as :func:`measure`; without ``split`` all images.

    Raises:
        UsageError: the release is of another scheme; or its images have an order each, and there is a key.
        InputRefused: no model of ``ripguard train``, or one for other classes, or for images of another size.
        Damaged: an image was changed; all of them are in the message.
        WrongKey: of another release, or of one unit.
    """
    found, outputs, classes, _ = _outputs(root, model, key, split or "", device, signer)
    shares = torch.from_numpy(outputs).softmax(1).numpy()
    return [
        {"path": name, "class": classes[row.argmax()], "share": round(float(row.max()), 4)}
        for name, row in zip(found.names, shares)
    ]


def _opened(root: Path, key: KeyRing | None, signer: str | None) -> tuple[Release, list[str]]:
    """The release and its classes. Raises :class:`UsageError` unless it is of scheme ``privdl``."""
    release = Release.open(unwrapped(root))
    vouched(release, signer, key)
    if key is not None:
        release.opened_by(key)
    header = _header(release)
    if header is None or header.method != PrivDLPart.number:
        raise UsageError(f"{root} is not of scheme privdl", "make it with ripguard protect --scheme privdl")
    return release, sorted({unit["label"] for unit in release.info["units"]} - {""})


def _header(release: Release) -> Header | None:
    """The header of the first image that has its header in the manifest, as all of scheme ``privdl`` do.

    Raises :class:`Damaged`: it is no header.
    """
    row = next((row for row in release.rows if "header" in row), None)
    if row is None:
        return None
    try:
        return Header.unpack(bytes.fromhex(row["header"]))
    except BadHeader:
        raise Damaged(f"{release.name}: the manifest has no readable header of {row['path']}") from None


def _outputs(
    root: Path, model: Path, key: KeyRing | None, split: str | None, device: str, signer: str | None
) -> tuple[Scrambled, np.ndarray, list[str], str]:
    """A split as published, the logits of the network for it, the classes, and the name of the split."""
    check_device(device)
    release, classes = _opened(root, key, signer)
    part = split
    if part is None and (part := evaluation_split({unit["split"] for unit in release.info["units"]})) is None:
        raise InputRefused(f"{root} has no test split", "name a split: --split train")
    network, known = load(model, device)
    if classes and known != classes:
        raise InputRefused(
            f"{model} knows the classes {some(known, most=5)}, and {root} has {some(classes, most=5)}",
            "name a model of the same classes",
        )
    if (side := side_of(release)) != network.side:
        raise InputRefused(f"{model} takes images of {network.side} pixels, and those of {root} have {side}")
    if key is not None:
        network.model = convert(network.model.eval(), _order_key(release, key), side)
    found = published(release, part, classes)
    return found, network.logits(found.images), known, part


def _order_key(release: Release, key: KeyRing) -> bytes:
    """The key of the release's order. Raises :class:`UsageError` or :class:`WrongKey`."""
    header = _header(release)
    if header is None or not is_shared(header):
        raise UsageError(
            f"{release.name}: each image has an order of its own, and no network can be converted",
            "protect without --per-image, or restore the images",
        )
    prover = release.opened_by(key)
    if prover is None:
        raise WrongKey(
            f"wrong key: the order of {release.name} needs the key of the whole release",
            "use the owner's key, or that of the whole release",
        )
    return release_order_key(prover)
