"""Formats by name, and the one that a folder has. Other packages add formats by entry points ``ripguard.formats``."""

from __future__ import annotations

from pathlib import Path

from ripguard.errors import InputRefused
from ripguard.interchange.format import Confidence, Format
from ripguard.interchange.listing import list_folder
from ripguard.libraries import require
from ripguard.methods.registry import Registry

FORMATS: Registry[type[Format]] = Registry(
    "ripguard.formats",
    "--format",
    {
        "coco": "ripguard.interchange.coco:COCO",
        "voc": "ripguard.interchange.voc:VOC",
        "yolo": "ripguard.interchange.yolo:YOLO",
        "hf-folder": "ripguard.interchange.hf_folder:HFFolder",
        "parquet": "ripguard.interchange.parquet:Parquet",
        "imagefolder": "ripguard.interchange.imagefolder:ImageFolder",
    },
)
LEAST = 0.2  # confidence of a format that is taken


def format_of(name: str) -> Format:
    """A format by its name.

    Raises:
        UsageError: there is none of this name.
        ModuleNotFoundError: it needs a library that is not installed.
    """
    found = FORMATS[name]()
    require(*found.extra)
    return found


def detect(root: Path) -> tuple[str, dict[str, Confidence]]:
    """The format of a folder, and how much it looks like each of them.

    Raises:
        InputRefused: it looks like none.
    """
    listing = list_folder(root)
    found = {name: format().recognize(listing) for name, format in FORMATS.working().items()}
    best = max(found, key=lambda name: found[name].score)
    if found[best].score < LEAST:
        raise InputRefused(
            f"{root}: no known format of datasets: no images in class folders, no annotations",
            f"name the format with --from: {', '.join(FORMATS)}",
        )
    return best, found
