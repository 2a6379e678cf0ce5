"""Perturbations without a model give the same carriers as when the golden files were written.

Noise and one-pixel shortcuts are made of draws and exactly rounded operations: their carriers are equal to the last
sample on every machine. LSP, AR and marks go through matrix products, sines, cosines, logarithms and recursive filters,
whose last bit hangs on the processor and on who wrote the library; a value that lies next to a half is then rounded to
the other side. So one sample in 500 may differ, by one gray level. What searches find is compared as numbers, but for
the signs of marks and the pixels of OPS, which are equal: their classes are far apart.
"""

from __future__ import annotations

import json

import golden
import numpy as np
import pytest

pytestmark = pytest.mark.numeric
WANTED, ARRAYS = json.loads(golden.PERTURB.read_text()), golden.stored()


def test_the_inputs_are_the_same():
    """Else everything below differs: photographs, or NumPy's draws, are others."""
    images, labels = golden.training(5)
    assert WANTED["inputs"]["clean"] == golden.digest(golden.photographs(4, first=50))
    assert WANTED["inputs"]["training"] == [golden.digest(images), golden.digest(labels)]


@pytest.mark.parametrize("name", golden.EXACT)
def test_carriers(name):  # type: ignore[no-untyped-def]
    assert golden.digest(golden.EXACT[name].carriers()) == WANTED["carriers"][name]


@pytest.mark.parametrize("name", golden.NEARLY)
def test_carriers_but_for_rounding(name):  # type: ignore[no-untyped-def]
    found, wanted = golden.moved(golden.NEARLY[name]), ARRAYS[f"moved: {name}"]
    assert found.shape == wanted.shape
    differences = np.abs(found.astype(int) - wanted)
    assert differences.max() <= 1
    assert np.count_nonzero(differences) <= found.size // 500


@pytest.mark.parametrize("name", golden.SEARCHES)
def test_searches(name):  # type: ignore[no-untyped-def]
    found, wanted = golden.searched(name), ARRAYS[f"search: {name}"]
    if not name.startswith("ar"):
        np.testing.assert_array_equal(np.sign(found), np.sign(wanted))
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_every_case_is_kept():
    assert list(WANTED["carriers"]) == list(golden.EXACT)
    names = [f"moved: {name}" for name in golden.NEARLY] + [f"search: {name}" for name in golden.SEARCHES]
    assert sorted(ARRAYS) == sorted(names)
