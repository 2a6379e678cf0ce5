"""Limits are counted, not timed."""

from __future__ import annotations

import pytest

from ripguard.platform.restoring.limits import Budget, UploadLimits
from ripguard.platform.restoring.reasons import Reason, UploadRefused


def test_the_last_step():
    budget = Budget(3)
    budget.spend(2)
    budget.spend()
    with pytest.raises(UploadRefused) as caught:
        budget.spend()
    assert caught.value.reason is Reason.STEPS


def test_expansion():
    limits = UploadLimits(ratio=10, free_bytes=100)
    assert not limits.expands_too_much(5, 150)
    assert limits.expands_too_much(5, 151)
