"""Peers: sizes as published, one rule a class, repeatable from each image's seed, any size, grayscale."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import SEED, good, make_source

from ripguard.benchmark.attacks.linear_head import accuracy_of_new_head
from ripguard.data.image_set import ImageSet
from ripguard.images.decoding import read_image
from ripguard.methods.fitted import Fitted
from ripguard.perturb import ar, em, lsp, ops, surrogate
from ripguard.perturb.base import Perturbation
from ripguard.perturb.make import make, params_of

pytestmark = pytest.mark.numeric

DRAW = np.random.default_rng(0)
IMAGES = DRAW.integers(60, 196, (40, 32, 32, 3)).astype(np.uint8)  # far enough from 0 and 255 that nothing is cut off
LABELS = np.arange(40) % 4
SEEDS = DRAW.integers(0, 2**63, 40).astype(np.uint64)
PIXELS = ops.search(IMAGES, LABELS, 4)
ALL: dict[str, Perturbation] = {
    name: make(params_of(name), ImageSet(IMAGES, LABELS, ["a", "b", "c", "d"], ""))
    for name in ("noise", "lsp", "ar", "ops", "pil", "marks")
}


@pytest.mark.parametrize("name", ALL)
def test_every_peer(name):  # type: ignore[no-untyped-def]
    """Repeatable, independent of neighbours, other seeds give other noise (but OPS), any size, one channel."""
    attack = ALL[name]
    assert attack.name == name
    whole = attack(IMAGES, LABELS, SEEDS)
    np.testing.assert_array_equal(attack(IMAGES[7:9], LABELS[7:9], SEEDS[7:9]), whole[7:9])
    assert (whole != IMAGES).any((1, 2, 3)).all()
    other = attack(IMAGES, LABELS, SEEDS + np.uint64(1))
    assert (other != whole).any() == (name != "ops")
    for height, width, channels in ((64, 64, 3), (13, 21, 3), (9, 32, 1)):
        odd = DRAW.integers(0, 256, (4, height, width, channels)).astype(np.uint8)
        if name == "ops" and channels == 1:
            odd = odd.repeat(3, axis=3)
        assert attack(odd, LABELS[:4], SEEDS[:4]).shape == odd.shape


def test_sizes_are_the_published_ones():
    """L2 1.30 (LSP) and 1 (AR) at 32×32, one pixel (OPS), the bound for noise."""
    norms = {name: np.linalg.norm((attack(IMAGES, LABELS, SEEDS) / 255 - IMAGES / 255).reshape(40, -1), axis=1)
             for name, attack in ALL.items()}  # fmt: skip
    np.testing.assert_allclose(norms["lsp"], np.sqrt((6 / 255) ** 2 * 3072), rtol=0.02)
    np.testing.assert_allclose(norms["ar"], 1, rtol=0.06)
    changed = (ALL["ops"](IMAGES, LABELS, SEEDS) != IMAGES).any(3)
    assert (changed.sum((1, 2)) == 1).all()
    moved = np.abs(ALL["noise"](IMAGES, LABELS, SEEDS).astype(int) - IMAGES)
    assert moved.max() == 8


def test_patches_are_patches_and_linearly_separable():
    """Constant over 8×8 pixels; a linear model of 48 numbers tells all classes of new images."""
    flat = np.full((400, 32, 32, 3), 128, np.uint8)
    labels, seeds = np.arange(400) % 10, np.arange(400, dtype=np.uint64)
    noise = lsp.LSP(lsp.LSPParams(), Fitted(lsp.clouds(10)))(flat, labels, seeds).astype(int) - 128
    assert (noise.reshape(400, 4, 8, 4, 8, 3).std((2, 4)) == 0).all()
    values = torch.from_numpy(noise[:, ::8, ::8].reshape(400, -1)).float()
    model = torch.nn.Linear(48, 10)
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=100)

    def cost():  # type: ignore[no-untyped-def]
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(values[:300]), torch.from_numpy(labels[:300]))
        loss.backward()
        return loss

    optimiser.step(cost)
    assert (model(values[300:]).argmax(1).numpy() == labels[300:]).mean() > 0.97


def test_autoregressive_noise_follows_its_rule():
    """Every value is the rule's combination of its neighbours, and the rules of classes differ."""
    rule = ar.rules(2, seed=3)
    assert rule.shape == (2, 3, 3, 3)
    np.testing.assert_allclose(rule.sum((2, 3)), 1)
    start = DRAW.normal(size=(5, 20, 24))
    signal = ar.process(start, rule[1, 2])
    np.testing.assert_array_equal(signal[:, :2], start[:, :2])
    np.testing.assert_array_equal(signal[:, :, :2], start[:, :, :2])
    for y, x in ((2, 2), (7, 11), (19, 23)):
        window = signal[:, y - 2 : y + 1, x - 2 : x + 1]
        np.testing.assert_allclose(signal[:, y, x], (window * rule[1, 2]).sum((1, 2)), rtol=1e-6, atol=1e-9)
    assert np.abs(rule[0] - rule[1]).max() > 0.05


def test_the_pixel_is_the_best_one():
    """By a search over all places and colors, and no two classes share one."""
    assert len({tuple(row) for row in PIXELS.tolist()}) == 4
    own = IMAGES[LABELS == 0] / 255
    scored = []
    for y, x, *color in np.ndindex(32, 32, 2, 2, 2):
        distance = np.abs(np.array(color) - own[:, y, x])
        scored.append((distance.mean() / distance.std(), (y, x, *color)))
    best = max(scored)[1]
    assert PIXELS[0].tolist() == [best[0], best[1], *(255 * c for c in best[2:])]


def test_error_minimising_patterns():
    """Within the bound, repeatable, and easily learned: a linear model knows the class of images that say nothing."""
    draw = np.random.default_rng(5 + SEED)

    def meaningless(count: int) -> np.ndarray:  # images that say nothing of their class
        return (draw.integers(60, 190, (count, 1, 1, 3)) + draw.integers(-12, 13, (count, 16, 16, 3))).astype(np.uint8)

    images, labels = meaningless(1024), np.arange(1024) % 4
    patterns = em.search(images, labels, 4, SEED, most=12)
    assert patterns.shape == (4, 16, 16, 3)
    assert np.abs(patterns).max() <= em.EPS + 1e-6
    few = images[:200], labels[:200]
    np.testing.assert_array_equal(*(em.search(*few, 4, most=1) for _ in range(2)))
    attack = em.EM(em.EMParams(), Fitted({"patterns": patterns}))
    carrier = attack(images, labels, SEEDS[:1].repeat(1024))
    assert np.abs(carrier.astype(int) - images).max() <= 8
    new = meaningless(128)
    shown = attack(new, labels[:128], SEEDS[:1].repeat(128))
    flat = [one.reshape(len(one), -1).astype(np.float32) for one in (carrier, shown, images, new)]
    assert accuracy_of_new_head(flat[0], labels, flat[1], labels[:128], 4) > 90
    assert accuracy_of_new_head(flat[2], labels, flat[3], labels[:128], 4) < 45
    for height, width, channels in ((24, 20, 3), (9, 16, 1)):
        odd = draw.integers(0, 256, (4, height, width, channels)).astype(np.uint8)
        assert attack(odd, labels[:4], SEEDS[:4]).shape == odd.shape


def test_error_minimising_noise_of_each_image(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Within the bound, repeatable, of the image alone; its model knows the class of images that say nothing."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    draw = np.random.default_rng(6 + SEED)
    images = (draw.integers(60, 190, (512, 1, 1, 3)) + draw.integers(-12, 13, (512, 16, 16, 3))).astype(np.uint8)
    labels = draw.integers(0, 3, 512)
    data, seeds = ImageSet(images, labels, ["a", "b", "c"], ""), np.zeros(512, np.uint64)
    attack = make(params_of("em-sample"), data)
    assert make(params_of("em-sample"), data).fitted.files == attack.fitted.files  # from the cache
    carriers = attack(images, labels, seeds)
    assert np.abs(carriers.astype(int) - images).max() <= 8
    np.testing.assert_array_equal(attack(images, labels, seeds), carriers)
    assert (attack(images[5:9], labels[5:9], seeds[5:9]) != carriers[5:9]).mean() < 0.01
    told = surrogate.from_fitted(attack.fitted)
    right = [(surrogate.predict(told, one).argmax(1) == labels).mean() for one in (carriers, images)]
    assert right[0] > 0.8
    assert right[1] < 0.65
    odd = draw.integers(0, 256, (4, 24, 20, 1)).astype(np.uint8)
    assert attack(odd, labels[:4], seeds[:4]).shape == odd.shape


def test_autoregressive_rules_are_far_apart():
    """What a class's rules leave of other classes' signals is much, of their own nothing."""
    rules = ar.rules(10, seed=1)
    start = DRAW.normal(size=(10, 3, 40, 40))
    signals = np.stack([[ar.process(start[i, k : k + 1], rules[i, k])[0] for k in range(3)] for i in range(10)])
    left = np.mean([ar.unexplained(rules[:, k], signals[:, k, ar.CUT :, ar.CUT :]) for k in range(3)], axis=0)
    np.testing.assert_allclose(np.diag(left), 0, atol=1e-9)
    assert left[~np.eye(10, dtype=bool)].min() > 0.2


@pytest.mark.parametrize("name", ALL)
def test_through_the_command_line(name, tmp_path):  # type: ignore[no-untyped-def]
    """Reversible for free: mixed images, protected with `seal`, all back."""
    source = make_source(tmp_path / "source")
    good("keygen", "--out", tmp_path / "k")
    how = ("--scheme", "seal", "--perturb", name, "--allow-residue", "--workers", "1")
    made = good("protect", source, tmp_path / "out", "--key-file", tmp_path / "k", *how)
    assert made["surrogate"] == ""
    found = good("verify", tmp_path / "out", "--key-file", tmp_path / "k", "--against", source)
    assert found["equal_to_source"] == made["pictures"] == 30
    shown = read_image(tmp_path / "out" / "train" / "cup" / "0.png")
    assert (shown != read_image(source / "train" / "cup" / "0.png")).any()
