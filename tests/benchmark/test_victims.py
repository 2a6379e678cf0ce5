"""What victims are asked for."""

from __future__ import annotations

import pytest

from ripguard.benchmark.victims import seeds_of
from ripguard.errors import UsageError


def test_each_seed_once():
    assert seeds_of("0,2,0,1") == [0, 2, 1]


@pytest.mark.parametrize("words", ["", "1,", "one", "-1", "1000", "1.5"])
def test_no_seeds(words):  # type: ignore[no-untyped-def]
    """… those of restored images, which are set apart, among them."""
    with pytest.raises(UsageError, match="expected whole numbers from 0 to 999 joined by commas"):
        seeds_of(words)
