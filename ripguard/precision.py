"""bfloat16 where the machine computes in it: shared by surrogates, perturbations and victims."""

from __future__ import annotations

import contextlib

import torch


def fast_math(device: str) -> contextlib.AbstractContextManager:
    """bfloat16 autocast where the machine computes in it, else nothing."""
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    if device != "cpu" or supported():
        return torch.autocast(torch.device(device).type, torch.bfloat16)
    return contextlib.nullcontext()
