"""Fields of symbols: back as they were, near their entropy; random bytes give symbols in range or one error."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ripguard.codecs.bounded import BadStream
from ripguard.hide.rdh.symbols import Reader, Writer

FIELDS = st.lists(
    st.tuples(st.sampled_from(["counted", "uniform", "residuals"]), st.integers(2, 40), st.integers(0, 200)),
    max_size=5,
)


def draw(kind: str, size: int, count: int, seed: int) -> np.ndarray:
    values = np.random.default_rng(seed).integers(0, size, count)
    return values - size // 2 if kind == "residuals" else values


@given(FIELDS, st.integers(0, 2**32))
def test_round_trip(fields, seed):  # type: ignore[no-untyped-def]
    """Any fields in any order."""
    writer = Writer()
    for kind, size, count in fields:
        getattr(writer, kind)(draw(kind, size, count, seed), size)
    reader = Reader(writer.done())
    for kind, size, count in fields:
        if count or kind != "uniform":
            np.testing.assert_array_equal(getattr(reader, kind)(count, size), draw(kind, size, count, seed))


def test_near_the_entropy():
    """Within a few percent and a word, for one value of many and for signs."""
    draws = np.random.default_rng(0)
    for shares in ([0.9, 0.1], [0.5, 0, 0.5], [0.2, 0.6, 0.1, 0.05, 0.05]):
        values, writer = draws.choice(len(shares), 5000, p=shares), Writer()
        writer.counted(values, len(shares))
        entropy = -sum(p * np.log2(p) for p in shares if p) * 5000 / 8
        assert len(writer.done()) < 1.04 * entropy + 8
    same = Writer()
    same.counted(np.full(100_000, 3), 5)
    assert len(same.done()) <= 4


@given(st.binary(max_size=60), st.integers(1, 60), st.integers(2, 31))
def test_random_bytes(data, count, size):  # type: ignore[no-untyped-def]
    """As a key holder could seal them."""
    for kind, low, high in (("counted", 0, size - 1), ("uniform", 0, size - 1), ("residuals", -size, size)):
        try:
            found = getattr(Reader(data), kind)(count, size)
        except BadStream:
            continue
        assert found.shape == (count,)
        assert found.min() >= low
        assert found.max() <= high
