"""bfloat16: as asked for, else as the machine can."""

from __future__ import annotations

import pytest
import torch

from ripguard.errors import UsageError
from ripguard.precision import VARIABLE, fast_math


def made() -> torch.dtype:
    """Type of a matrix product."""
    with fast_math("cpu"):
        return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_as_asked_for(monkeypatch):  # type: ignore[no-untyped-def]
    for able in (False, True):
        monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda able=able: able)
        wanted = {"": torch.bfloat16 if able else torch.float32, "0": torch.float32, "1": torch.bfloat16}
        for asked, dtype in wanted.items():
            monkeypatch.setenv(VARIABLE, asked)
            assert made() == dtype
        monkeypatch.delenv(VARIABLE)
        assert made() == wanted[""]


def test_anything_else_is_refused(monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv(VARIABLE, "yes")
    with pytest.raises(UsageError, match="RIPGUARD_BF16: expected 0 or 1, got yes"):
        fast_math("cpu")
