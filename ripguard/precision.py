"""Device and precision of model computations: bfloat16 if the hardware supports it.

``RIPGUARD_BF16=0`` selects float32, ``RIPGUARD_BF16=1`` bfloat16 even without hardware support, which is slow.
"""

from __future__ import annotations

import contextlib
import os
import re

import torch

from ripguard.errors import UsageError, expected

VARIABLE = "RIPGUARD_BF16"


def fast_math(device: str) -> contextlib.AbstractContextManager:
    """Context manager: bfloat16 autocast if the hardware supports it or ``RIPGUARD_BF16`` is 1, otherwise no change.

    Raises:
        UsageError: the variable is neither 0 nor 1.
    """
    value = os.environ.get(VARIABLE, "")
    if value not in ("", "0", "1"):
        raise UsageError(expected(VARIABLE, "0 or 1", value))
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    if value == "1" or (not value and (device != "cpu" or supported())):
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
        raise UsageError(f"--device {device}: torch finds no such GPU, it finds {found}", "omit --device")
