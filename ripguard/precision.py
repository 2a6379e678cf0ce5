"""Where nets are computed, and how precisely: bfloat16 where the machine computes in it."""

from __future__ import annotations

import contextlib
import re

import torch

from ripguard.errors import UsageError


def fast_math(device: str) -> contextlib.AbstractContextManager:
    """bfloat16 autocast where the machine computes in it, else nothing."""
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    if device != "cpu" or supported():
        return torch.autocast(torch.device(device).type, torch.bfloat16)
    return contextlib.nullcontext()


def check_device(device: str) -> None:
    """Raise :class:`UsageError` unless this machine has ``device``: ``cpu``, ``cuda`` or ``cuda:N``."""
    if device == "cpu":
        return
    named = re.fullmatch(r"cuda(?::(\d{1,4}))?", device)
    if not named:
        raise UsageError(f"--device: expected one of cpu, cuda, cuda:N, got {device!r}")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if int(named[1] or 0) >= count:
        found = f"{count} of them" if count else "none"
        raise UsageError(f"--device {device}: torch finds no such GPU here, it finds {found}", "leave --device out")
