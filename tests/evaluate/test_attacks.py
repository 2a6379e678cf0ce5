"""Attackers: a relabelling is undone, features are read, and nothing is found where nothing was learned."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ripguard.data.pictures import Pictures
from ripguard.evaluate.attacks import oracle, restorer
from ripguard.evaluate.attacks.few_clean import reached
from ripguard.evaluate.attacks.linear_head import accuracy_of_new_head, features
from ripguard.evaluate.attacks.permutation import best_permutation
from ripguard.train.loop import Victim
from ripguard.train.models import MODELS
from ripguard.train.protocols import PROTOCOLS


def test_a_cyclic_relabelling_is_undone():
    """A net that says y+1 four times in five is read rightly from 100 pictures; one that is right is left alone."""
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 10, 100)
    told = np.where(draw.random(100) < 0.8, (truth + 1) % 10, draw.integers(0, 10, 100))
    np.testing.assert_array_equal(best_permutation(told, truth, 10), (np.arange(10) - 1) % 10)
    np.testing.assert_array_equal(best_permutation(truth, truth, 10), np.arange(10))
    np.testing.assert_array_equal(best_permutation(told[:0], truth[:0], 10), np.arange(10))


def test_a_permutation_is_one():
    """Whatever a net says, also always the same class."""
    draw = np.random.default_rng(1)
    for told in (np.zeros(50, np.int64), draw.integers(0, 7, 50)):
        assert sorted(best_permutation(told, draw.integers(0, 7, 50), 7)) == list(range(7))


def test_a_new_head_reads_what_is_there():
    """Classes that are apart in one direction of many are found from 60 pictures; noise gives chance."""
    draw = np.random.default_rng(2)
    labels, truth = np.arange(60) % 3, np.arange(300) % 3

    def seen(classes: np.ndarray, strength: float) -> np.ndarray:
        noise = draw.normal(size=(len(classes), 40))
        noise[:, :3] += strength * np.eye(3)[classes]
        return noise.astype(np.float32)

    assert accuracy_of_new_head(seen(labels, 6), labels, seen(truth, 6), truth, 3) > 90
    assert accuracy_of_new_head(seen(labels, 0), labels, seen(truth, 0), truth, 3) < 50


def test_a_relabelled_victim_is_read():
    """Pictures called what an untrained net says, one further: always wrong as it is, always right when permuted."""
    victim = Victim(PROTOCOLS["smoke"], 5, 32)
    pictures = np.random.default_rng(3).integers(0, 256, (60, 32, 32, 3)).astype(np.uint8)
    told = victim.logits(pictures).argmax(1)
    data = Pictures(pictures, (told + 1) % 5, [f"{i}" for i in range(5)], "")
    found = reached(victim, data, data, (50, 60), permuted_on=60)
    assert (found.plain, found.permuted, sorted(found.heads)) == (0, 100, [50, 60])
    assert found.heads[60] > 90  # the features that say it are there


@pytest.mark.parametrize("name", MODELS)
def test_features_of_every_model(name):  # type: ignore[no-untyped-def]
    """What the last linear layer sees: with its own weights the logits come out again."""
    from torch import nn

    victim = Victim(dataclasses.replace(PROTOCOLS["smoke"], model=name, mirror_at_test=False), 5, 32)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    found = features(victim, pictures)
    head = [module for module in victim.net.modules() if isinstance(module, nn.Linear)][-1]
    assert found.shape == (3, head.in_features)
    bias = 0 if head.bias is None else head.bias.detach().numpy()
    again = found @ head.weight.detach().numpy().T + bias
    scale = 9 if name.startswith("fastnet") else 1
    np.testing.assert_allclose(again / scale, victim.logits(pictures), atol=0.05)


def test_a_restorer_learns_what_was_added():
    """From 40 pairs it learns to take off a ramp, from other pictures too; an untrained one changes nothing."""
    draw = np.random.default_rng(4)
    clean = draw.integers(60, 190, (80, 3, 3, 3)).repeat(6, 1).repeat(6, 2)[:, :16, :16].astype(np.uint8)
    protected = clean + (np.arange(16) * 3).astype(np.uint8)[None, None, :, None]
    np.testing.assert_array_equal(restorer.restored(restorer.UNet().eval(), clean), clean)
    net = restorer.train(protected[:40], clean[:40], steps=80)
    before, after = (
        np.abs(one.astype(int) - clean[40:]).mean() for one in (protected[40:], restorer.restored(net, protected[40:]))
    )
    assert after < before / 2


def test_oracles_take_one_half_each():
    """Patterns of one picture, brightness of the other, block by block; a border that is no whole block stays."""
    draw = np.random.default_rng(6)
    published, clean = (draw.integers(60, 190, (5, 9, 8, 3)).astype(np.uint8) for _ in range(2))

    def blocks(pictures: np.ndarray) -> np.ndarray:
        return pictures[:, :8].reshape(5, 4, 2, 4, 2, 3).astype(float)

    for found, pattern, brightness in (
        (oracle.jigsaw(published, clean, 2), clean, published),
        (oracle.shifts(published, clean, 2), published, clean),
    ):
        cut = blocks(found)
        mean = cut.mean((2, 4), keepdims=True)
        np.testing.assert_allclose(mean, blocks(brightness).mean((2, 4), keepdims=True), atol=0.51)
        same = blocks(pattern) - blocks(pattern).mean((2, 4), keepdims=True)
        np.testing.assert_allclose(cut - mean, same, atol=1.01)
        np.testing.assert_array_equal(found[:, 8:], published[:, 8:])
