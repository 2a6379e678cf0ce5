"""Known pairs of a class open its lock: two suffice for the linear one, up to rounding; other classes stay shut."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import SEED

from ripguard.benchmark.attacks.lock_pairs import open_by_network, open_linear
from ripguard.methods.fitted import Fitted
from ripguard.perturb.lock import residual
from ripguard.perturb.lock.linear import fixed
from ripguard.perturb.lock.method import Lock, LockParams

EPS = 16 / 255
SEEDS = np.zeros(24, np.uint64)


def linear_lock() -> Lock:
    """Two classes, numbers drawn within their bounds."""
    draw = np.random.default_rng(SEED)
    scale, offset = (draw.uniform(-EPS / 2, EPS / 2, (2, 32, 32, 3)) for _ in range(2))
    return Lock(LockParams(), Fitted(fixed(1 + scale, offset)))


def network_lock() -> Lock:
    """Two classes with averaging kernels and colors of their own."""
    import torch

    draw = torch.Generator().manual_seed(SEED)
    *kernels, bias = [torch.randn(shape, generator=draw) for shape in residual.shapes(2)]
    arrays = {f"kernel {i}": residual.bounded(one.abs()).numpy() for i, one in enumerate(kernels)}
    return Lock(LockParams(transform="iresnet"), Fitted(arrays | {"bias": bias.sign().numpy()}))


def error(found: np.ndarray, clean: np.ndarray) -> float:
    """Root mean square, in gray levels."""
    return float(np.sqrt(((found.astype(float) - clean) ** 2).mean()))


def test_two_pairs_open_a_class(clean):  # type: ignore[no-untyped-def]
    lock, labels = linear_lock(), np.zeros(24, np.int64)
    shown = lock(clean, labels, SEEDS)
    left = [error(open_linear(clean[:n], shown[:n], EPS)(shown[8:]), clean[8:]) for n in (1, 2, 8)]
    assert left[0] > left[1] > left[2]
    assert left[1] < error(shown[8:], clean[8:]) / 3
    opened = open_linear(clean[:8], shown[:8], EPS)(shown[8:])
    assert (opened == clean[8:]).mean() > 0.6
    assert np.abs(opened.astype(int) - clean[8:]).mean() < 0.5


def test_numbers_are_those_of_the_lock():
    """Pairs of a black, a gray and a light image leave nothing open."""
    lock, labels = linear_lock(), np.zeros(3, np.int64)
    flat = np.stack([np.full((32, 32, 3), level, np.uint8) for level in (20, 128, 235)])
    opener = open_linear(flat, lock(flat, labels, SEEDS[:3]), EPS)
    images = np.random.default_rng(1).integers(20, 236, (3, 32, 32, 3)).astype(np.uint8)
    assert np.abs(opener(lock(images, labels, SEEDS[:3])).astype(int) - images).max() <= 1


def test_another_class_stays_shut(clean):  # type: ignore[no-untyped-def]
    lock = linear_lock()
    own, other = (lock(clean, np.full(24, label), SEEDS) for label in (0, 1))
    opener = open_linear(clean[:8], own[:8], EPS)
    assert error(opener(other[8:]), clean[8:]) > 4 * error(opener(own[8:]), clean[8:])


@pytest.mark.numeric
def test_a_network_opens_the_other_form(clean):  # type: ignore[no-untyped-def]
    lock, labels = network_lock(), np.zeros(24, np.int64)
    shown = lock(clean, labels, SEEDS)
    opened = open_by_network(clean[:8], shown[:8], EPS, SEED, steps=150)(shown[8:])
    assert error(opened, clean[8:]) < error(shown[8:], clean[8:]) / 3


def test_what_is_cut_off_is_not_learned_from():
    """A sample at 255 says nothing of the lock; what was known before decides, within its bounds."""
    white = np.full((2, 4, 4, 3), 255, np.uint8)
    images = np.random.default_rng(2).integers(0, 256, (2, 4, 4, 3)).astype(np.uint8)
    np.testing.assert_array_equal(open_linear(white, white, EPS)(images), images)


@pytest.mark.parametrize("shape", [(1, 4, 5, 3), (2, 4, 4, 3), (0, 4, 4, 3)])
def test_shapes(shape):  # type: ignore[no-untyped-def]
    clean = np.zeros((0 if shape[0] == 0 else 1, 4, 4, 3), np.uint8)
    for opens in (open_linear, open_by_network):
        with pytest.raises(ValueError, match="pairs"):
            opens(clean, np.zeros(shape, np.uint8), EPS)
