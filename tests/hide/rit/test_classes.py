"""Classes of deviations: found again in the transformed image, and worth their names."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ripguard.hide.rit.classes import clustered, cut, sources, spread


@given(st.lists(st.integers(0, 2000), max_size=60), st.integers(1, 9))
def test_equal_deviations_are_in_one_class(spreads, classes):  # type: ignore[no-untyped-def]
    """And classes are intervals, so that sorting and cutting finds them again."""
    own = np.array(spreads, np.int64)
    tags = clustered(own, classes)
    assert tags.shape == own.shape
    assert ((tags >= 0) & (tags < classes)).all()
    order = np.argsort(own, kind="stable")
    assert (np.diff(tags[order]) >= 0).all()
    for value in set(spreads):
        assert len(set(tags[own == value].tolist())) == 1
    np.testing.assert_array_equal(cut(own, np.bincount(tags, minlength=classes)), tags)


def test_clusters_are_those_of_the_data():
    """Three groups that are far apart."""
    draw = np.random.default_rng(0)
    groups = [draw.integers(low, low + 50, 40) ** 2 for low in (10, 400, 2000)]
    tags = clustered(np.concatenate(groups), 3)
    assert [set(part.tolist()) for part in np.split(tags, 3)] == [{0}, {1}, {2}]


def test_spread_is_the_variance():
    blocks = np.random.default_rng(0).integers(0, 256, (7, 3, 16))
    np.testing.assert_allclose(spread(blocks), 256 * blocks.var(-1))


@given(st.lists(st.integers(0, 30), min_size=1, max_size=50), st.integers(1, 6), st.integers(0, 2**32))
def test_a_pairing_is_a_permutation_inside_classes(spreads, classes, seed):  # type: ignore[no-untyped-def]
    """In raster order; the deviations that arrive give the same pairing again."""
    own = np.array(spreads, np.int64)
    tags, wanted = clustered(own, classes), np.random.default_rng(seed).integers(0, 30, len(own))
    places = sources(tags, wanted, classes)
    assert sorted(places.tolist()) == list(range(len(own)))
    for number in range(classes):
        assert (np.diff(places[tags[places] == number]) > 0).all()
    np.testing.assert_array_equal(sources(tags, own[places], classes), places)
