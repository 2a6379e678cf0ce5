"""Provenance of measurements: date, commit, hardware and versions of the running process."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

PACKAGES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-image",
    "Pillow",
    "pycryptodome",
    "cryptography",
    "constriction",
    "kornia",
)


def environment() -> dict[str, Any]:
    """Date, commit, hardware and versions of this run."""
    return {
        "date": datetime.date.today().isoformat(),
        "commit": _commit(),
        "hardware": _hardware(),
        "versions": {"python": platform.python_version()} | {name: installed(name) for name in PACKAGES},
    }


def _commit() -> str:
    """Commit of the repository this code lies in, with ``+changes`` if the code differs from it."""
    root = Path(__file__).resolve().parents[2]
    try:
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        code = ["git", "status", "--porcelain", "--", "ripguard", "experiments"]
        changed = subprocess.run(code, cwd=root, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+changes" if changed.stdout.strip() else "")


def _hardware() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
        model = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    found: dict[str, Any] = {"cpu": model, "cores": os.cpu_count(), "gpu": None}
    import torch

    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name(0)
    return found


def installed(name: str) -> str | None:
    """Version of a library; None where it is not installed."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
