"""Networks that ``ripguard train`` wrote to a file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import cast

import torch

from ripguard.errors import InputRefused, out_of_memory
from ripguard.files import NotRegular, open_regular
from ripguard.train.loop import Victim
from ripguard.train.protocols import PROTOCOLS

FIELDS = {"net", "mean", "sd", "model", "classes", "side"}


def load(path: Path, device: str = "cpu") -> tuple[Victim, list[str]]:
    """A network that ``ripguard train`` wrote, and its classes.

    Raises:
        InputRefused: the file is missing, or no such network.
    """
    try:
        with open(open_regular(path, follow=True), "rb") as file:
            stored = torch.load(file, map_location=device, weights_only=True)
        if not set(stored) >= FIELDS:
            raise ValueError("fields are missing")
        # only model and standardization count: a network that reads scrambled images sees no mirror images
        recipe = dataclasses.replace(PROTOCOLS["standard"], model=stored["model"])
        victim = Victim(recipe, len(stored["classes"]), int(stored["side"]), device)
        victim.restore(stored)
    except (OSError, NotRegular) as error:
        raise InputRefused(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from None
    except Exception as error:  # torch.load raises errors of many types on other files
        if out_of_memory(error):
            raise
        raise InputRefused(f"{path} is no network of ripguard train", "name the file that --out wrote") from None
    return victim, cast("list[str]", stored["classes"])
