"""Pairing rules: permutations, in the order they promise, and the best one is the best."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.hide.mrit.blocks import grid, rotation_table, to_cells
from ripguard.hide.mrit.pairing import (
    CLASSES,
    CODES,
    RULES,
    RUN,
    assignment,
    class_sizes,
    class_tags,
    from_tags,
    spread,
)
from ripguard.hide.mrit.transform import Params, forward

pytestmark = pytest.mark.numeric


def pair(name: str, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    return RULES[CODES[name]][1](source, target)


def blocks_of(images: np.ndarray, size: int, count: int) -> np.ndarray:
    """The first blocks of each image, int64 [batch, count, size², channels]."""
    cells = to_cells(images, grid(*images.shape[1:3], size))[:, :count]
    return cells.reshape(*cells.shape[:2], size * size, -1).astype(np.int64)


def pair_errors(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Squared error of each (target, source) pair of one tile at its best turn and free mean shift: [n, n]."""
    source, target = source - source.mean(1, keepdims=True), target - target.mean(1, keepdims=True)
    turned = [source[:, order] for order in rotation_table(int(round(source.shape[1] ** 0.5)))]
    return np.min([((target[:, None] - one[None]) ** 2).sum((2, 3)) for one in turned], axis=0)


@given(
    name=st.sampled_from(sorted(CODES)), blocks=st.integers(1, 30), size=st.integers(1, 4),
    channels=st.sampled_from([1, 3]), levels=st.sampled_from([1, 2, 256]), seed=st.integers(0, 2**32),
)  # fmt: skip
def test_every_rule_gives_a_permutation(name, blocks, size, channels, levels, seed):
    """Each source block is used once, also where all blocks are equal; and alone as in a batch."""
    draw = np.random.default_rng(seed)
    source, target = draw.integers(0, levels, (2, 3, blocks, size * size, channels))
    found = pair(name, source, target)
    assert found.shape == (3, blocks)
    np.testing.assert_array_equal(np.sort(found, axis=1), np.tile(np.arange(blocks), (3, 1)))
    np.testing.assert_array_equal(pair(name, source[1:2], target[1:2])[0], found[1])


@given(st.integers(2, 5), st.integers(1, 3), st.sampled_from([1, 3]), st.integers(0, 2**32))
def test_the_assignment_is_the_best_of_all_permutations(blocks, size, channels, seed):
    """Tried against every permutation of up to five blocks."""
    draw = np.random.default_rng(seed)
    source, target = draw.integers(0, 256, (2, 1, blocks, size * size, channels))
    errors = pair_errors(source[0], target[0])
    places = np.arange(blocks)
    best = min(errors[places, list(p)].sum() for p in permutations(range(blocks)))
    assert errors[places, pair("assignment", source, target)[0]].sum() == pytest.approx(best)


@pytest.mark.parametrize("size", [2, 4])
def test_the_assignment_beats_every_rule_on_each_photograph(clean, size):
    """Not on average: in every single tile its squared error is at most that of every other rule."""
    noisy = clean + np.random.default_rng(0).normal(0, 20, clean.shape)
    source = blocks_of(clean[:12], size, 64)
    target = blocks_of(np.clip(noisy, 0, 255).astype(np.uint8)[:12], size, 64)
    found, closer = {name: pair(name, source, target) for name in CODES}, 0
    for i in range(12):
        errors, places = pair_errors(source[i], target[i]), np.arange(64)
        cost = {name: errors[places, found[name][i]].sum() for name in CODES}
        assert min(cost.values()) == pytest.approx(cost["assignment"])
        closer += cost["assignment"] < cost["sd-rank"]
    assert closer == 11  # one crop is a single gray: there all rules are equal


def test_sd_rank_sorts_by_standard_deviation(clean, carrier):
    """The place with the k-th smallest SD gets the block with the k-th smallest SD."""
    source, target = blocks_of(clean, 4, 64), blocks_of(carrier, 4, 64)
    found = pair("sd-rank", source, target)
    placed = np.take_along_axis(spread(source), found, axis=1)
    by_target = np.argsort(spread(target), axis=1, kind="stable")
    assert (np.diff(np.take_along_axis(placed, by_target, axis=1)) >= 0).all()
    np.testing.assert_allclose(spread(source), 256 * source.var(2).sum(-1))


@pytest.mark.parametrize("blocks", [1, 2, 5, 6, 7, 64, 1024])
def test_classes_are_equal_in_size_and_ordered(blocks):
    """Six classes that differ by one block at most; no block of a class is smoother than one of a lower class."""
    sizes = class_sizes(blocks)
    assert (len(sizes), sizes.sum()) == (CLASSES, blocks)
    assert sizes.max() - sizes.min() <= 1
    source = np.random.default_rng(0).integers(0, 256, (1, blocks, 4, 3))
    tags, width = class_tags(source)[0], spread(source)[0]
    np.testing.assert_array_equal(np.bincount(tags, minlength=CLASSES), sizes)
    assert (np.diff(tags[np.argsort(width, kind="stable")]) >= 0).all()


def test_codes_are_never_reused():
    """The numbers in published headers."""
    assert CODES == {"in-place": 0, "sd-rank": 1, "sd-classes": 2, "assignment": 3, "ranked": 4}


def test_ranked_is_the_best_inside_each_run(clean, carrier):
    """Runs of sixteen in the order of SD, each paired as `assignment` pairs it; close to the best of all."""
    draw = np.random.default_rng(0)
    source, target = (draw.integers(0, 256, (2, 2 * RUN + 5, 4, 3)) for _ in range(2))
    found = RULES[CODES["ranked"]][1](source, target)
    by_source, by_target = np.argsort(spread(source), 1, "stable"), np.argsort(spread(target), 1, "stable")
    for image in range(2):
        for start in range(0, 2 * RUN + 5, RUN):
            places, blocks = by_target[image, start : start + RUN], by_source[image, start : start + RUN]
            best = assignment(source[image : image + 1, blocks], target[image : image + 1, places])
            assert (found[image, places] == blocks[best[0]]).all()
    errors = {}
    for rule in ("sd-rank", "ranked", "assignment"):
        temporary, _ = forward(clean, carrier, Params(pairing=rule))
        errors[rule] = ((temporary.astype(float) - carrier) ** 2).mean()
    assert errors["assignment"] <= errors["ranked"] < 0.75 * errors["sd-rank"]


def test_the_assignment_is_best(clean, carrier):  # type: ignore[no-untyped-def]
    """Closer to the carrier than SD rank, and that closer than SD classes or blocks left in place, in mean square."""
    errors = {}
    for name in CODES:
        made, _ = forward(clean, carrier, Params(pairing=name, step=1, tile=256))
        errors[name] = ((made.astype(int) - carrier) ** 2).mean()
    assert errors["assignment"] < errors["sd-rank"]
    assert errors["assignment"] < errors["sd-classes"]


def test_class_tags_pair_in_raster_order():
    """The j-th source of a class goes to its j-th place."""
    source, target = np.array([[0, 1, 0, 1]]), np.array([[1, 0, 1, 0]])
    assert from_tags(source, target).tolist() == [[1, 0, 3, 2]]
