"""Defences: what each does to images, and that they are what they are called."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest
from helpers import crop
from PIL import Image
from scipy.fft import dctn, idctn

from ripguard.benchmark.defences import DEFENCES, LOW_PASS
from ripguard.benchmark.victims import check
from ripguard.errors import MissingExtra, UsageError
from ripguard.images.bands import enlarged, low_band, thumbnail
from ripguard.train.objectives import OBJECTIVES, augmentations

pytestmark = pytest.mark.numeric

IMAGES = np.stack([crop(i) for i in range(24)])
LABELS = np.arange(24) % 4
PREPARED = {name: defence for name, defence in DEFENCES.items() if defence.prepare}


@pytest.mark.parametrize("name", PREPARED)
def test_every_preparation(name):  # type: ignore[no-untyped-def]
    """Same shape, uint8, repeatable, the input untouched, something changed, and the image still recognisable."""
    before = IMAGES.copy()
    after = PREPARED[name].prepared(IMAGES, LABELS, 3)
    if PREPARED[name].shrinks:
        assert after.shape == (len(IMAGES), 16, 16, 3)
        after = np.repeat(np.repeat(after, 2, 1), 2, 2)
    assert after.shape == IMAGES.shape
    assert after.dtype == np.uint8
    np.testing.assert_array_equal(IMAGES, before)
    again = PREPARED[name].prepared(IMAGES, LABELS, 3)
    np.testing.assert_array_equal(after[:, :: 32 // again.shape[1], :: 32 // again.shape[2]], again)
    assert (after != IMAGES).any()
    assert np.abs(after.astype(int) - IMAGES).mean() < 40


def test_each_is_what_it_is_called():
    """Against an independent way to do the same."""
    made = {name: defence.prepared(IMAGES, LABELS, 0) for name, defence in PREPARED.items()}
    gray = made["grayscale"]
    assert (gray[..., 0] == gray[..., 1]).all()
    wanted = np.stack([np.asarray(Image.fromarray(one).convert("L")) for one in IMAGES])
    assert np.abs(gray[..., 0].astype(int) - wanted).max() <= 1
    assert set(np.unique(made["posterise-2"])) <= {0, 64, 128, 192}
    assert (made["low-bit-wipe"] >> 4 == IMAGES >> 4).all()
    assert len(np.unique(made["low-bit-wipe"] & 15)) == 16
    y, x = 9, 14
    assert (made["median"][:, y, x] == np.median(IMAGES[:, y - 1 : y + 2, x - 1 : x + 2], axis=(1, 2))).all()
    buffer = io.BytesIO()
    Image.fromarray(IMAGES[0]).save(buffer, "JPEG", quality=10)
    assert (made["jpeg-10"][0] == np.asarray(Image.open(buffer))).all()
    for name in [name for name in made if name.startswith("thumbnail")]:
        share = 1 / int(name.split("of")[1].split("-")[0])
        wanted_small = enlarged(thumbnail(IMAGES, round(32 * share)), 16, 16)
        assert np.abs(made[name] - wanted_small.clip(0, 255)).max() <= 0.5 + 1e-3
    for name in ("blur", "resize", "median"):
        assert detail(made[name]) < 0.8 * detail(IMAGES)
    left = [detail(made[f"low-pass-{name}"]) for name in LOW_PASS]
    assert left == sorted(left, reverse=True)
    for name, kept in zip(LOW_PASS, (16, 12, 8, 6, 4), strict=True):
        after = dctn(made[f"low-pass-{name}"].astype(float), axes=(1, 2), norm="ortho")
        wanted = dctn(IMAGES.astype(float), axes=(1, 2), norm="ortho")
        wanted[:, kept:] = 0
        wanted[:, :, kept:] = 0
        whole = np.clip(np.round(idctn(wanted, axes=(1, 2), norm="ortho")), 0, 255)
        assert np.abs(made[f"low-pass-{name}"] - whole).max() <= 1
        assert np.abs(after[:, kept:]).mean() < 2  # rounding and clipping


def test_a_low_pass_follows_the_side():
    """Twice the side, twice the coefficients: an image enlarged by repetition of its samples keeps as much."""
    large = IMAGES.repeat(2, axis=1).repeat(2, axis=2)
    wanted = np.clip(np.round(low_band(large, 16)), 0, 255)
    assert (DEFENCES["low-pass-1of4"].prepared(large, LABELS, 0) == wanted).all()


def test_a_low_pass_takes_a_fine_pattern_out_and_leaves_a_coarse_one():
    """Positive and negative control: a checkerboard of single pixels, and a ramp over the whole image."""
    ramp = np.broadcast_to(np.linspace(60, 190, 32)[None, :, None, None], (1, 32, 32, 3))
    fine = 20 * ((np.indices((32, 32)).sum(0) % 2) * 2 - 1)[None, :, :, None]
    shown = np.clip(np.round(ramp + fine), 0, 255).astype(np.uint8)
    for name in LOW_PASS:
        after = DEFENCES[f"low-pass-{name}"].prepared(shown, LABELS[:1], 0)
        assert np.abs(after - ramp).mean() < 6 < 15 < np.abs(shown - ramp).mean()


def detail(images: np.ndarray) -> float:
    """Mean difference between neighbours."""
    return float(np.abs(np.diff(images.astype(int), axis=2)).mean())


def test_orthogonal_projection_takes_a_class_pattern_out():
    """A constant pattern per class, the easiest poison: after the projection the classes' mean images are alike."""
    draw = np.random.default_rng(0)
    labels = np.arange(400) % 4
    patterns = draw.choice([-20, 20], (4, 8, 8, 3))
    images = np.clip(draw.integers(60, 190, (400, 8, 8, 3)) + patterns[labels], 0, 255).astype(np.uint8)
    after = DEFENCES["orthogonal-projection"].prepared(images, labels, 0)

    def apart(found: np.ndarray) -> float:
        means = np.stack([found[labels == c].mean(0) for c in range(4)])
        return float(np.abs(means - means.mean(0)).mean())

    assert apart(after) < 0.35 * apart(images)


def test_registry():
    """Every defence has a source, a known objective, and does something, but for none."""
    for name, defence in DEFENCES.items():
        assert defence.name == name
        assert defence.source
        assert defence.objective in OBJECTIVES
        assert (defence.prepare is None and defence.objective == "plain" and not defence.start) == (name == "none")
        assert "/" not in name  # part of file names
    images = IMAGES[:3]
    for defence in DEFENCES.values():
        if defence.each and defence.name != "low-bit-wipe":  # which draws: the seed is the image's place
            alone = [defence.prepared(one[None], LABELS[:1], 0)[0] for one in images]
            np.testing.assert_array_equal(defence.prepared(images, LABELS[:3] * 0, 0), alone)
    assert {defence.objective for defence in DEFENCES.values()} == set(OBJECTIVES)


def test_names_and_libraries_are_checked_before_any_work(monkeypatch):  # type: ignore[no-untyped-def]
    """A defence that does not exist, and one whose library is not installed."""
    check(("clean",), "smoke", None, tuple(DEFENCES))
    with pytest.raises(UsageError):
        check(("clean",), "smoke", None, ("wishful",))
    augmentations.cache_clear()
    monkeypatch.setitem(sys.modules, "kornia", None)
    check(("clean",), "smoke", None, ("none", "cutout"))
    with pytest.raises(MissingExtra):
        check(("clean",), "smoke", None, ("none", "ueraser-max"))
