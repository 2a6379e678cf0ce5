"""Offsets over an adversarial perturbation: bounded, aimed at class y+3, one color a class, repeatable, any shape."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import SEED

from ripguard.data.image_set import ImageSet
from ripguard.errors import UsageError
from ripguard.methods.fitted import Fitted
from ripguard.methods.params import DataStats
from ripguard.perturb import dune, surrogate
from ripguard.perturb.dune import DUNE, EPOCHS, STRIDE, DUNEParams, cost, search
from ripguard.perturb.make import make
from ripguard.perturb.targets import other_class, shifted_class

pytestmark = pytest.mark.numeric
OFFSETS = np.array([[0.1, -0.1, 0.02], [-0.06, 0.04, 0.1], [0.0, 0.1, -0.1]])


def seeds(count: int) -> np.ndarray:
    return np.random.default_rng(SEED).integers(0, 2**63, count).astype(np.uint64)


def dune_of(model: surrogate.Surrogate, offsets: np.ndarray = OFFSETS, **options: object) -> DUNE:
    """A model that is there already, and known offsets."""
    return DUNE(DUNEParams(**options), Fitted({"offsets": offsets}), surrogate=model)  # type: ignore[arg-type]


def test_two_parts(world):  # type: ignore[no-untyped-def]
    """Without its offset, a carrier differs by 8 levels at most, and the surrogate sees the next of three classes."""
    images, labels, model, _, _ = world
    clean, true = images[::5], labels[::5]
    attack = dune_of(model)
    under = attack.under(clean, true, seeds(len(clean)))
    assert np.abs(under.astype(int) - clean).max() == 8
    wanted = np.clip(under + np.round(255 * OFFSETS)[true][:, None, None], 0, 255)
    carrier = attack(clean, true, seeds(len(clean)))
    np.testing.assert_array_equal(carrier, wanted)
    np.testing.assert_array_equal(attack(clean, true, seeds(len(clean))), carrier)
    before, after = surrogate.predict(model, clean), surrogate.predict(model, under)
    aim = np.arange(len(clean)), (true + 1) % 3
    assert (after[aim] > before[aim]).mean() > 0.8


def test_the_class_is_the_shift(world):  # type: ignore[no-untyped-def]
    """With a shift of two, the surrogate sees the class before, and the step is a sixteenth of the bound."""
    images, labels, model, _, _ = world
    clean, true = images[::5], labels[::5]
    attack = dune_of(model, np.zeros((3, 3)), shift=2)
    carrier = attack(clean, true, seeds(len(clean)))
    before, after = surrogate.predict(model, clean), surrogate.predict(model, carrier)
    aim = np.arange(len(clean)), (true + 2) % 3
    assert (after[aim] > before[aim]).mean() > 0.8
    once = dune_of(model, np.zeros((3, 3)), steps=1)(clean, true, seeds(len(clean)))
    assert np.abs(once.astype(int) - clean).max() == round(8 * STRIDE + 0.01)


def test_shifts_never_lead_to_the_own_class():
    """They are what they are where they are below the number of classes; otherwise they start again at 1."""
    assert [other_class(3, classes) for classes in (2, 3, 4, 10)] == [1, 1, 3, 3]
    for classes in (2, 3, 5):
        for shift in range(1, 12):
            moved = shifted_class(np.arange(classes), classes, shift)
            assert (moved != np.arange(classes)).all()
            assert sorted(moved) == list(range(classes))
    params = DUNEParams()
    assert [params.resolve(DataStats(32, classes)).label_shift for classes in (1, 3, 10)] == [3, 1, 3]


def test_neighbours_do_not_matter(world):  # type: ignore[no-untyped-def]
    images, labels, model, _, _ = world
    attack = dune_of(model, steps=3)
    together = attack(images[:6], labels[:6], seeds(6))
    mixed = [0, 1, 2, 303, 204, 105]
    np.testing.assert_array_equal(attack(images[mixed], labels[mixed], seeds(6))[:3], together[:3])
    alone = np.concatenate([attack(images[i : i + 1], labels[i : i + 1], seeds(6)[i : i + 1]) for i in range(6)])
    assert (together != alone).mean() < 0.05


@pytest.mark.parametrize("shape", [(32, 32, 1), (13, 21, 3), (1, 1, 3), (100, 70, 1)])
def test_other_shapes(world, shape):  # type: ignore[no-untyped-def]
    """A gray image is moved by the mean of the offset's channels."""
    clean = np.random.default_rng(0).integers(40, 216, (2, *shape)).astype(np.uint8)
    attack = dune_of(world[2], steps=2)
    carrier = attack(clean, np.array([0, 1]), seeds(2)).astype(int)
    assert 0 < np.abs(carrier - clean).max() <= 8 + 26
    moved = carrier - attack.under(clean, np.array([0, 1]), seeds(2))
    own = OFFSETS[:2] if shape[2] == 3 else OFFSETS[:2].mean(1, keepdims=True)
    np.testing.assert_array_equal(moved, np.broadcast_to(np.round(255 * own)[:, None, None], moved.shape))


def test_the_search_finds_offsets_that_mislead(world, monkeypatch):  # type: ignore[no-untyped-def]
    """Within the bound, repeatable, better than none; a class without images has none."""
    monkeypatch.setattr(dune, "ROUNDS", 4)
    images, labels, model, _, _ = world
    some, true = images[::15], labels[::15]
    there = true != 1
    found = search(model, some[there], true[there], 1, seed=SEED)
    np.testing.assert_array_equal(search(model, some[there], true[there], 1, seed=SEED), found)
    assert not found[1].any()
    assert 0.01 < np.abs(found).max() <= 0.1
    for label in (0, 2):
        own, goal = some[true == label], (label + 1) % 3
        assert cost(model, own, found[label], goal) < cost(model, own, np.zeros(3), goal)


def test_soft_limits_of_quality(world):  # type: ignore[no-untyped-def]
    """A visible offset of dark images costs what SSIM falls short by; one beyond 20 dB costs the missing decibels."""
    model = world[2]
    draw = np.random.default_rng(SEED)
    dark = draw.integers(0, 8, (4, 32, 32, 3)).astype(np.uint8)
    middle = draw.integers(100, 156, (4, 32, 32, 3)).astype(np.uint8)

    class Blind:
        def logits(self, x):  # type: ignore[no-untyped-def]
            return [one * 0 for one in model.logits(x)]

    offset = np.full(3, 0.09)
    assert cost(Blind(), middle, offset, 0) == pytest.approx(np.log(3), abs=0.01)  # type: ignore[arg-type]
    assert cost(Blind(), dark, offset, 0) > np.log(3) + 0.2  # type: ignore[arg-type]
    assert cost(Blind(), middle, 2 * offset, 0) == pytest.approx(np.log(3) + 5.1, abs=0.3)  # type: ignore[arg-type]


def test_what_is_fitted_are_stages_and_offsets(world, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Two stages of one training, the last of which is the surrogate of other methods; the same when made again."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    monkeypatch.setattr(dune, "ROUNDS", 1)  # enough to be found twice
    images, labels, *_ = world
    data = ImageSet(images[::15], labels[::15], ["a", "b", "c"], "")
    params = DUNEParams(steps=2, surrogates=2, surrogate_epochs=2)
    attack = make(params, data)
    assert len(attack.fitted.files) == len(set(attack.fitted.files)) == 2
    assert attack.fitted["offsets"].shape == (3, 3)
    clean, true = data.images[:6], data.labels[:6]
    again = make(params, data)
    assert again.fitted.digest == attack.fitted.digest
    np.testing.assert_array_equal(again(clean, true, seeds(6)), attack(clean, true, seeds(6)))
    tap = make(attack.params.under, data)  # type: ignore[attr-defined]
    assert tap.fitted.files == attack.fitted.files[-1:]


def test_stages_that_there_are_not():
    """At most one for each epoch: refused if asked for, fewer where the default is too many."""
    assert DUNEParams().stages == 5
    assert DUNEParams(surrogate_epochs=2).stages == 2
    assert surrogate.Settings().epochs == EPOCHS
    with pytest.raises(UsageError, match="--ensemble-size: expected at most one stage for each of 2 epochs, got 3"):
        DUNEParams(surrogate_epochs=2, surrogates=3)
