"""Files of weights and checkpoints: complete or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import torch


def save_whole(state: dict[str, Any], path: Path) -> None:
    """Write tensors and plain values; a reader sees the old file, or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    torch.save(state, partial)
    os.replace(partial, path)
