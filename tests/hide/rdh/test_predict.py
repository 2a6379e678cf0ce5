"""Rhombus prediction, sample by sample beside the vectorized one."""

from __future__ import annotations

import numpy as np
import pytest

from ripguard.hide.rdh.predict import CROSS, DOT, cells_of, predicted


@pytest.mark.parametrize("shape", [(7, 9, 3), (8, 6, 1), (3, 3, 3), (2, 9, 3), (1, 1, 1), (9, 1, 3)])
@pytest.mark.parametrize("first", [0, 25])
def test_as_the_paper_has_it(shape, first):  # type: ignore[no-untyped-def]
    """Every inner sample is in one set; its prediction is the floored mean of four; smooth ground comes first."""
    image = np.random.default_rng(0).integers(0, 256, shape)
    seen = []
    for parity in (CROSS, DOT):
        cells = cells_of(shape, first, parity)
        guess, order = predicted(image.reshape(-1).astype(np.int32), cells)
        spreads = []
        for at, found in zip(cells.at, guess):
            y, x, c = (int(n) for n in np.unravel_index(at, shape))
            assert (y + x) % 2 == parity
            u, d, le, r = image[y - 1, x, c], image[y + 1, x, c], image[y, x - 1, c], image[y, x + 1, c]
            assert found == (u + d + le + r) // 4
            spreads.append(np.var([abs(d - le), abs(le - u), abs(u - r), abs(r - d)]))
        np.testing.assert_array_equal(order, np.argsort(np.round(np.array(spreads) * 16), kind="stable"))
        seen += cells.at.tolist()
    inner = [
        (y * shape[1] + x) * shape[2] + c
        for y in range(1, shape[0] - 1) for x in range(1, shape[1] - 1) for c in range(shape[2])
    ]  # fmt: skip
    assert sorted(seen) == [at for at in inner if at >= first]
