"""Attackers: a relabelling is undone, features are read, and nothing is found where nothing was learned."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from helpers import SEED

from ripguard.benchmark.attacks import oracle, restorer
from ripguard.benchmark.attacks.limited_clean_data import public_rule, reached
from ripguard.benchmark.attacks.linear_head import accuracy_of_new_head, features
from ripguard.benchmark.attacks.permutation import best_permutation
from ripguard.data.image_set import ImageSet
from ripguard.schemes import SCHEMES
from ripguard.train.loop import Victim
from ripguard.train.models import MODELS
from ripguard.train.protocols import PROTOCOLS

pytestmark = pytest.mark.numeric


def test_a_cyclic_relabelling_is_undone():
    """A model that says y+1 four times in five is read rightly from 100 images; one that is right is left alone."""
    draw = np.random.default_rng(0)
    truth = draw.integers(0, 10, 100)
    told = np.where(draw.random(100) < 0.8, (truth + 1) % 10, draw.integers(0, 10, 100))
    np.testing.assert_array_equal(best_permutation(told, truth, 10), (np.arange(10) - 1) % 10)
    np.testing.assert_array_equal(best_permutation(truth, truth, 10), np.arange(10))
    np.testing.assert_array_equal(best_permutation(told[:0], truth[:0], 10), np.arange(10))


def test_a_permutation_is_one():
    """Whatever a model says, also always the same class."""
    draw = np.random.default_rng(1)
    for told in (np.zeros(50, np.int64), draw.integers(0, 7, 50)):
        assert sorted(best_permutation(told, draw.integers(0, 7, 50), 7)) == list(range(7))


def test_a_new_head_reads_what_is_there():
    """Classes that are apart in one direction of many are found from 60 images; noise gives chance."""
    draw = np.random.default_rng(2 + SEED)
    labels, truth = np.arange(60) % 3, np.arange(300) % 3

    def seen(classes: np.ndarray, strength: float) -> np.ndarray:
        noise = draw.normal(size=(len(classes), 40))
        noise[:, :3] += strength * np.eye(3)[classes]
        return noise.astype(np.float32)

    assert accuracy_of_new_head(seen(labels, 6), labels, seen(truth, 6), truth, 3) > 90
    assert accuracy_of_new_head(seen(labels, 0), labels, seen(truth, 0), truth, 3) < 50


def test_a_relabelled_victim_is_read():
    """Images called what an untrained model says, one further: always wrong as it is, always right when permuted."""
    victim = Victim(PROTOCOLS["smoke"], 5, 32)
    images = np.random.default_rng(3 + SEED).integers(0, 256, (60, 32, 32, 3)).astype(np.uint8)
    told = victim.logits(images).argmax(1)
    data = ImageSet(images, (told + 1) % 5, [f"{i}" for i in range(5)], "")
    found = reached(victim, data, data, (50, 60), permuted_on=60)
    assert (found.plain, found.permuted, sorted(found.heads)) == (0, 100, [50, 60])
    assert found.heads[60] > 90  # the features that say it are there


def test_a_constant_answer_under_wrong_names_is_read():
    """A victim that says one class of everything, and ranks the rest rightly, one further: only both together tell."""

    class Constant:
        def logits(self, images: np.ndarray) -> np.ndarray:
            told = np.eye(5)[(images[:, 0, 0, 0] + 1) % 5]
            return told + 100 * np.eye(5)[3]

    images = np.zeros((100, 8, 8, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(100) % 5
    data = ImageSet(images, np.arange(100) % 5, [f"{i}" for i in range(5)], "")
    found = reached(Constant(), data, data, amounts=())  # type: ignore[arg-type]
    assert (found.plain, found.permuted, found.standardised, found.both) == (20, 20, 0, 100)
    assert found.renamed is None
    known, wrong = (reached(Constant(), data, data, (), names_off=off).renamed for off in (-1, 1))  # type: ignore[arg-type]
    assert (known, wrong) == (100, 20)


@pytest.mark.parametrize("name", MODELS)
def test_features_of_every_model(name):  # type: ignore[no-untyped-def]
    """What the last linear layer sees: with its own weights the logits come out again."""
    from torch import nn

    victim = Victim(dataclasses.replace(PROTOCOLS["smoke"], model=name, mirror_at_test=False), 5, 32)
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3)).astype(np.uint8)
    found = features(victim, images)
    head = [module for module in victim.model.modules() if isinstance(module, nn.Linear)][-1]
    assert found.shape == (3, head.in_features)
    bias = 0 if head.bias is None else head.bias.detach().numpy()
    again = found @ head.weight.detach().numpy().T + bias
    scale = 9 if name.startswith("fastnet") else 1
    logits = victim.logits(images)  # a deep network without training has large ones, and bfloat16 rounds them
    np.testing.assert_allclose(again / scale, logits, atol=max(0.05, 0.02 * np.abs(logits).max()))


def test_a_restorer_learns_what_was_added():
    """From 40 pairs it learns to take off a class's ramp, from other images too; an untrained one changes nothing."""
    draw = np.random.default_rng(4 + SEED)
    clean = draw.integers(60, 190, (80, 3, 3, 3)).repeat(6, 1).repeat(6, 2)[:, :16, :16].astype(np.uint8)
    labels = draw.integers(0, 2, 80)
    ramp = np.where(labels[:, None], 3, -3) * np.arange(16)  # [80, 16]
    protected = (clean + ramp[:, None, :, None]).astype(np.uint8)
    np.testing.assert_array_equal(restorer.restored(restorer.UNet(2).eval(), clean, labels), clean)
    model = restorer.train(protected[:40], clean[:40], labels[:40], 2, steps=80, seed=SEED)

    def away(found: np.ndarray) -> np.ndarray:
        return np.abs(found.astype(int) - clean[40:]).mean((1, 2, 3))

    before = away(protected[40:])
    right, wrong = (away(restorer.restored(model, protected[40:], told)) for told in (labels[40:], 1 - labels[40:]))
    assert right.mean() < 0.75 * before.mean()
    assert (right < wrong).mean() > 0.9  # it listens to the label


def test_a_restorer_keeps_its_best_state(monkeypatch):  # type: ignore[no-untyped-def]
    """Where every step makes it worse on pairs that were held back, it stays as it was at the first look."""
    draw = np.random.default_rng(5)
    images = draw.integers(0, 256, (16, 8, 8, 3)).astype(np.uint8)
    errors = iter([0.1, 0.2, 0.3])
    states = []
    real = restorer._error

    def told(model, given, *others):  # type: ignore[no-untyped-def]
        if model.training:
            return real(model, given, *others)
        states.append(model.last.weight.detach().clone())
        return next(errors)

    monkeypatch.setattr(restorer, "_error", told)
    monkeypatch.setattr(restorer, "LOOKS", 3)
    model = restorer.train(images, images[::-1].copy(), np.zeros(16, np.int64), 2, steps=6)
    assert len(states) == 3
    assert bool((model.last.weight == states[0]).all())
    assert not bool((states[0] == states[2]).all())


def test_oracles_take_one_half_each():
    """Patterns of one image, brightness of the other, block by block; a border that is no whole block stays."""
    draw = np.random.default_rng(6)
    published, clean = (draw.integers(60, 190, (5, 9, 8, 3)).astype(np.uint8) for _ in range(2))

    def blocks(images: np.ndarray) -> np.ndarray:
        return images[:, :8].reshape(5, 4, 2, 4, 2, 3).astype(float)

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


def test_the_public_rule_of_a_stored_scheme():
    """Schemes in one step have none that is known, nor has what cannot be read here."""
    shifted = SCHEMES["mrit-tap"].with_options({"target": "cyclic"}).to_json()
    assert public_rule(json.loads(json.dumps(shifted))) == 1
    assert public_rule(SCHEMES["carve"].to_json()) == 0
    for stored in (
        {"name": "toy", "options": {"levels": 4}},
        {"name": "sealed"},
        shifted | {"perturb": {"method": "x"}},
    ):
        assert public_rule(stored) == 0
