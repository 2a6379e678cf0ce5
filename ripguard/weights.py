"""Files of weights and checkpoints: complete or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def save_whole(state: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values; a reader sees the old file, or the new one."""
    write_whole(path, lambda partial: torch.save(state, partial))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let ``write`` make a file under another name in the same folder, which then takes the name ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    write(partial)
    os.replace(partial, path)
