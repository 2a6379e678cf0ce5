"""An upload that costs too much is refused, whichever thread counts."""

from __future__ import annotations

import pytest

from ripguard.platform.restoring.costs import Costs
from ripguard.platform.restoring.limits import WorkerLimits
from ripguard.platform.restoring.reasons import Reason, UploadRefused


def test_limits():
    costs = Costs(WorkerLimits(upload_seconds=10, deaths=2))
    costs.add(9.0, 1)
    costs.add(1.0, 1)
    with pytest.raises(UploadRefused) as refused:
        costs.add(0.0, 1)
    assert refused.value.reason is Reason.DIED
    with pytest.raises(UploadRefused) as refused:
        costs.add(0.5)
    assert refused.value.reason is Reason.TIME
