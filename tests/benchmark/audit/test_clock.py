"""The arithmetic of a budget: what attacks may take, and what is kept for the page."""

from __future__ import annotations

import pytest

from ripguard.benchmark.audit.clock import Budget
from ripguard.train.loop import Unfinished


class Clock:
    """A clock that is set."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.mark.parametrize(("minutes", "reserve"), [(10, 8), (60, 8), (0.5, 1.5), (0.01, 0.03)])
def test_a_part_is_kept_for_the_page(minutes, reserve):  # type: ignore[no-untyped-def]
    """Never more than a twentieth; attacks end before it."""
    clock = Clock()
    budget = Budget(minutes, clock)
    assert budget.reserve == pytest.approx(reserve)
    assert budget.left == pytest.approx(60 * minutes - reserve)
    clock.seconds = 60 * minutes - 1.01 * reserve
    budget.check()
    clock.seconds = 60 * minutes - reserve
    with pytest.raises(Unfinished, match=f"{minutes:g} minutes"):
        budget.check()
    assert budget.spent + reserve == pytest.approx(60 * minutes)


def test_what_came_before_counts():
    """Imports take a part of the budget."""
    clock = Clock()
    clock.seconds = 105.0
    budget = Budget(1, clock, began=100.0)
    assert (budget.spent, budget.left) == (5.0, 60 - 5 - 3)
