"""CIFAR-10: class folders in ``RIPGUARD_DATA/cifar10``, or a download by torchvision, cached as PNG."""

from __future__ import annotations

from pathlib import Path

from ripguard.data.folder import folder
from ripguard.data.source import DATA_VARIABLE, Source, cache_root, data_root, made_once
from ripguard.errors import InputRefused


def cifar10() -> Source:
    """50,000 + 10,000 images of 32×32 in ten classes (Krizhevsky 2009)."""
    root = data_root()
    if root and (root / "cifar10").is_dir():
        found = folder(root / "cifar10")
    else:
        found = folder(made_once(cache_root() / "cifar10", _download))
    found.name = "cifar10"
    return found


def _download(target: Path) -> None:
    from ripguard._torchvision import torchvision
    from ripguard.bar import Bar

    for split, train in (("train", True), ("test", False)):
        try:
            data = torchvision.datasets.CIFAR10(cache_root() / "download", train=train, download=True)
        except (OSError, RuntimeError) as error:
            raise InputRefused(
                f"CIFAR-10 is neither under {DATA_VARIABLE} nor can it be downloaded ({error})",
                f"set {DATA_VARIABLE} to a folder that holds cifar10/train/<class>/… and cifar10/test/<class>/…, "
                "or run this with network access",
            ) from None
        for index, (image, label) in enumerate(Bar(data, stage=f"cifar10 {split}", unit="image")):
            path = target / split / data.classes[label] / f"{index:05d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
