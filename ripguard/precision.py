"""bfloat16 where the machine computes in it: shared by surrogates, perturbations and victims.

``RIPGUARD_BF16=0`` keeps all of them in float32, ``RIPGUARD_BF16=1`` computes in bfloat16 even where the machine has no
units for it, which is slow; without the variable the machine decides.
"""

from __future__ import annotations

import contextlib
import os

import torch

from ripguard.errors import UsageError, expected

VARIABLE = "RIPGUARD_BF16"


def fast_math(device: str) -> contextlib.AbstractContextManager:
    """bfloat16 autocast where the machine computes in it or RIPGUARD_BF16 asks for it, else nothing.

    Raises:
        UsageError: the variable is neither 0 nor 1.
    """
    asked = os.environ.get(VARIABLE, "")
    if asked not in ("", "0", "1"):
        raise UsageError(expected(VARIABLE, "0 or 1", asked))
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    if asked == "1" or (not asked and (device != "cpu" or supported())):
        return torch.autocast(torch.device(device).type, torch.bfloat16)
    return contextlib.nullcontext()
