"""Backbones of attackers: models that were trained on images of other classes before they see the published ones.

A backbone is the protocol's own model, trained by the protocol's own recipe. So no weights are downloaded, and it is
known which images it has seen. It is made once, and kept in the cache under the digest of its images and its protocol.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from ripguard.benchmark.other_images import sources_for
from ripguard.data.image_set import ImageSet, load
from ripguard.data.registry import open_source
from ripguard.data.source import Item, cache_root, make_cached_folder
from ripguard.errors import InputRefused, out_of_memory, tell
from ripguard.files import NotRegular, open_regular
from ripguard.store.atomic import lock
from ripguard.train.loop import fit, run_id
from ripguard.train.protocols import Protocol
from ripguard.train.start import Start
from ripguard.weights import save_whole

MOST = 2_000  # training images of a class, so that the classes of CIFAR-10 do not outweigh those of TinyImageNet
SEED = 0


def backbone(
    dataset: str, protocol: Protocol, side: int, device: str = "cpu", pretrain_on: str = "",
    seconds: float | None = None,
) -> Start:  # fmt: skip
    """Weights to start with on images of ``dataset``, from the cache, or trained now.

    Args:
        dataset: name or folder of the protected dataset, of which no image is read.
        side: of its images in pixels; the others are resized to it (bilinear).
        pretrain_on: source of other images; "": those known for it.
        seconds: time limit for the training.

    Raises:
        UsageError: see :func:`ripguard.benchmark.other_images.sources_for`.
        InputRefused: the sources cannot be read, share files with ``dataset``, or have fewer than two classes.
        Unfinished: the time limit was reached; the same call resumes.
    """
    data = others(dataset, side, pretrain_on)
    name = run_id(data.images, data.labels, protocol, SEED)
    place = cache_root() / "backbones" / f"{name}.pt"
    make_cached_folder(place.parent)
    with lock(place.with_suffix(".lock"), wait=True):  # several victims may need it at once
        state = _kept(place, name, device)
        if state is None:
            unfinished = place.with_suffix(".checkpoint")
            made = fit(
                data.images, data.labels, len(data.names), protocol, SEED, device, unfinished, seconds=seconds,
                note=f"backbone, {len(data.names)} other classes",
            )  # fmt: skip
            state = made.state()
            save_whole({"name": name, "state": state}, place, private=True)
            unfinished.unlink(missing_ok=True)
    return Start(state, name)


def others(dataset: str, side: int, pretrain_on: str = "") -> ImageSet:
    """Training images of the sources for ``dataset``, at most MOST of a class; raises as :func:`backbone`."""
    chosen: list[Item] = []
    for spec in sources_for(dataset, pretrain_on):
        source = open_source(spec)
        own = [item for item in source.items if item.split == "train" and item.label]
        most = MOST * len({item.label for item in own})
        limited = dataclasses.replace(source, items=own).limited(most).items
        chosen += [dataclasses.replace(item, label=f"{spec}/{item.label}") for item in limited]
    protected = {_real(item.path) for item in open_source(dataset).items if item.path}
    shared = sum(item.path is not None and _real(item.path) in protected for item in chosen)
    if shared:
        raise InputRefused(
            f"{shared} images to pretrain on are images of {dataset}", "name a dataset or a folder of others"
        )
    if len({item.label for item in chosen}) < 2:
        raise InputRefused(
            f"there are fewer than two classes to pretrain on: {pretrain_on}", "name a source with folders for classes"
        )
    return load(chosen, side, note="images to pretrain on")


def _kept(place: Path, name: str, device: str) -> dict[str, Any] | None:
    """The state in a file of the cache; None where there is none, or it is damaged."""
    if not place.exists():
        return None
    try:
        with open(open_regular(place, follow=True), "rb") as file:
            stored = torch.load(file, map_location=device, weights_only=True)
        if stored["name"] == name:
            return stored["state"]
    except Exception as error:  # torch.load raises errors of many types on damaged files
        if out_of_memory(error) or (isinstance(error, OSError) and not isinstance(error, NotRegular)):
            raise
    tell(f"ripguard: note: {place} is damaged and is made again")
    return None


def _real(path: Path) -> Path:
    return path.resolve()
