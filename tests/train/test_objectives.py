"""Objectives: what a victim sees of a batch, and what it pays for it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from helpers import crop

from ripguard.errors import MissingExtra
from ripguard.train.loop import accuracy, fit
from ripguard.train.objectives import OBJECTIVES, RADIUS, augmentations
from ripguard.train.protocols import PROTOCOLS

pytestmark = pytest.mark.numeric

X = torch.from_numpy(np.stack([crop(i) for i in range(12)])).permute(0, 3, 1, 2).float()  # [12, 3, 32, 32]
Y = torch.arange(12) % 3


class Spy:
    """A linear model that remembers what it was shown."""

    def __init__(self) -> None:
        self.weight = torch.randn(3 * 32 * 32, 3, generator=torch.Generator().manual_seed(0)) / 5000
        self.seen: list[torch.Tensor] = []

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x.detach())
        return x.flatten(1) @ self.weight


@pytest.mark.parametrize("name", OBJECTIVES)
def test_every_objective(name):  # type: ignore[no-untyped-def]
    """A finite loss, logits for the batch, images within 0..255; repeatable; the input untouched."""
    before = X.clone()
    results = []
    for _ in range(2):
        spy = Spy()
        loss, out = OBJECTIVES[name](spy, X, Y, torch.Generator().manual_seed(5), 0.1)
        assert out.shape == (12, 3)
        assert torch.isfinite(loss)
        assert all(one.min() >= 0 and one.max() <= 255 for one in spy.seen)
        results.append(float(loss))
    assert results[0] == results[1]
    assert torch.equal(X, before)


def shown(name: str, seed: int = 5) -> tuple[torch.Tensor, float]:
    """What the model is shown last, and the loss."""
    spy = Spy()
    loss, _ = OBJECTIVES[name](spy, X, Y, torch.Generator().manual_seed(seed), 0.0)
    return spy.seen[-1], float(loss)


def test_cutout():
    """One gray box an image, at most half a side; everything else as it was."""
    seen, _ = shown("cutout")
    changed = (seen != X).any(1)
    assert changed.flatten(1).float().mean(1).max() <= 0.25
    assert changed.any()
    assert (seen.permute(0, 2, 3, 1)[changed] == 128).all()


def test_mixtures_mix():
    """Mixup: convex combinations; cutmix: every pixel is one of two images'; both shuffled by the generator."""
    seen, _ = shown("mixup")
    generator = torch.Generator().manual_seed(5)
    share, other = float(torch.rand((), generator=generator)), torch.randperm(12, generator=generator)
    torch.testing.assert_close(seen, share * X + (1 - share) * X[other])
    for seed in range(6):
        seen, _ = shown("cutmix", seed)
        own = (seen == X).all(1)
        assert own.any() or (seen != X).any()
        foreign = ~own
        candidates = torch.stack([(seen == X[i]).all(1) for i in range(12)])  # [12, batch, height, width]
        assert candidates.any(0)[foreign].all()


def test_autoaugment():
    """A policy of its own for each image, whole gray levels, drawn from the generator and not from the global one."""
    seen, _ = shown("autoaugment")
    assert (seen == seen.round()).all()
    changed = (seen != X).flatten(1).any(1)
    assert changed.sum() > 3
    same, _ = shown("autoaugment")
    other, _ = shown("autoaugment", 6)
    assert torch.equal(seen, same)
    assert not torch.equal(seen, other)
    before = torch.get_rng_state()
    shown("autoaugment")
    assert torch.equal(before, torch.get_rng_state())
    spy, copies = Spy(), X[:1].repeat(12, 1, 1, 1)
    OBJECTIVES["autoaugment"](spy, copies, Y, torch.Generator().manual_seed(5), 0.0)
    assert len({one.numpy().tobytes() for one in spy.seen[-1]}) > 4


def test_the_adversary_stays_in_its_ball_and_hurts():
    """Within 8 gray levels, or 16, nearly to their ends, and a larger loss than without."""
    for name, radius in (("adversarial", RADIUS), ("adversarial-16", 2 * RADIUS)):
        seen, loss = shown(name)
        assert radius - 1 < (seen - X).abs().max() <= radius + 1e-4
        assert loss > shown("plain")[1]


def test_the_largest_loss_is_taken():
    """Larger than that of one strong augmentation on average."""
    spy = Spy()
    OBJECTIVES["ueraser-max"](spy, X, Y, torch.Generator().manual_seed(5), 0.0)
    losses = torch.stack([torch.nn.functional.cross_entropy(spy(x), Y, reduction="none") for x in spy.seen[:5]])
    _, loss = shown("ueraser-max")
    assert loss == pytest.approx(float(losses.max(0).values.mean()), rel=1e-5)


def test_without_kornia(monkeypatch):  # type: ignore[no-untyped-def]
    """It is an extra: what is missing is named, and how to get it."""
    augmentations.cache_clear()
    monkeypatch.setitem(sys.modules, "kornia", None)
    with pytest.raises(MissingExtra) as found:
        shown("ueraser-max")
    assert "ripguard[defences]" in found.value.hint


def test_training_with_each_and_resuming(tmp_path):  # type: ignore[no-untyped-def]
    """The loop takes them by name; a plain checkpoint is not gone on from with another objective."""
    import dataclasses

    images = np.stack([np.full((16, 16, 3), 60 * (i % 3) + 40, np.uint8) for i in range(96)])
    labels = np.arange(96) % 3
    protocol = dataclasses.replace(PROTOCOLS["smoke"], epochs=1, batch=32)
    fit(images, labels, 3, protocol, checkpoint=tmp_path / "c.pt")
    for name in OBJECTIVES:
        victim = fit(images, labels, 3, protocol, checkpoint=tmp_path / "c.pt", objective=name)
        assert 0 <= accuracy(victim, images, labels) <= 100
        stored = torch.load(tmp_path / "c.pt", weights_only=True)
        assert stored["identity"].endswith(name) or name == "plain"
    with pytest.raises(KeyError):
        fit(images, labels, 3, protocol, objective="wishful")
