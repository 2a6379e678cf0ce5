"""The solver that is loaded by itself is SciPy's, and comes without ``scipy.optimize``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from scipy.optimize import linear_sum_assignment

from ripguard.hide.mrit import solver as module
from ripguard.hide.mrit.solver import solver

ALONE = """
import sys
import numpy as np
from ripguard.hide.mrit.solver import solver
rows, columns = solver()(np.array([[3.0, 1.0], [1.0, 3.0]]))
print(columns.tolist(), "scipy.optimize" in sys.modules)
"""


@pytest.fixture
def fresh(monkeypatch) -> Iterator[None]:  # type: ignore[no-untyped-def]
    """As in a process that has not imported ``scipy.optimize``."""
    monkeypatch.delitem(sys.modules, "scipy.optimize", raising=False)
    solver.cache_clear()
    yield
    solver.cache_clear()


def test_the_package_around_it_is_not_imported():
    found = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[1, 0] False"


@given(arrays(np.float64, some.integers(1, 16).map(lambda n: (n, n)), elements=some.integers(-3, 3).map(float)))
def test_ties_are_broken_as_by_the_public_function(costs):  # type: ignore[no-untyped-def]
    """Of equally good pairings, both choose the same: it decides released bytes."""
    own = module._extension().linear_sum_assignment
    for one, other in zip(own(costs), linear_sum_assignment(costs)):
        assert np.array_equal(one, other)


def test_costs_of_runs_are_solved_alike():
    """Blocks as :func:`ripguard.hide.mrit.pairing.ranked` compares them."""
    draw, own = np.random.default_rng(0), module._extension().linear_sum_assignment
    for costs in -draw.integers(0, 1 << 20, (200, 16, 16)).astype(np.float64):
        assert np.array_equal(own(costs)[1], linear_sum_assignment(costs)[1])


@pytest.mark.parametrize("found", [lambda: None, lambda: object(), lambda: (_ for _ in ()).throw(ImportError("moved"))])
def test_a_scipy_that_keeps_it_elsewhere(fresh, monkeypatch, found):  # type: ignore[no-untyped-def]
    """The public function is used."""
    monkeypatch.setattr(module, "_extension", found)
    assert solver().__name__ == "linear_sum_assignment"
    assert solver()(np.array([[3.0, 1.0], [1.0, 3.0]]))[1].tolist() == [1, 0]


def test_scipy_that_is_missing(fresh, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setitem(sys.modules, "scipy", None)
    with pytest.raises(ImportError):
        solver()
