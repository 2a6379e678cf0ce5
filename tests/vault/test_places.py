"""Places of chunks: no two overlap, none crosses the end of a shard, and all formulas agree."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ripguard.vault.places import (
    CHUNK,
    HEAD,
    LEAST,
    SEALED,
    chunks_of,
    end_of,
    first_place,
    place_of,
    plain_size,
    run_in,
    runs,
    sealed_size,
)

SIZES = st.one_of(st.integers(0, 3 * CHUNK), st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 4 * CHUNK, 1 << 21]))


@given(st.lists(SIZES, min_size=1, max_size=12), st.integers(LEAST, LEAST + 2 * SEALED))
def test_files_follow_each_other(sizes, capacity):  # type: ignore[no-untyped-def]
    shard, offset, taken = 0, HEAD, list[tuple[int, int, int]]()
    for size in sizes:
        first = first_place(size, shard, offset, capacity)
        found = list(runs(size, *first, capacity))
        assert sum(run.count for run in found) == chunks_of(size)
        assert sum(run.length for run in found) == sealed_size(size)
        for run in found:
            taken.append((run.shard, run.offset, run.offset + run.length))
            assert run_in(run.shard, size, *first, capacity) == run
            for i in range(run.count):
                assert place_of(run.first + i, size, *first, capacity) == (run.shard, run.offset + i * SEALED)
        assert run_in(found[-1].shard + 1, size, *first, capacity) is None
        assert run_in(found[0].shard - 1, size, *first, capacity) is None
        shard, offset = end_of(size, *first, capacity)
        assert (shard, offset) == (taken[-1][0], taken[-1][2])
    assert taken == sorted(taken)
    assert all(HEAD <= start < stop <= capacity for _, start, stop in taken)
    assert all(a[0] < b[0] or a[2] <= b[1] for a, b in itertools.pairwise(taken))


@given(st.integers(0, 1 << 40))
def test_sizes(size):  # type: ignore[no-untyped-def]
    assert plain_size(sealed_size(size)) == size
