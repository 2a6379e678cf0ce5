"""Carve: nothing finer than a thumbnail is published of the clean image, and that is aimed at other classes."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from helpers import SEED
from scipy.fft import idctn

from ripguard.data.image_set import ImageSet, digest
from ripguard.errors import UsageError
from ripguard.images.bands import low_band, thumbnail
from ripguard.methods.fitted import FitContext
from ripguard.methods.params import DataStats
from ripguard.perturb import surrogate
from ripguard.perturb.carve import Carve, CarveParams, _texture
from ripguard.schemes import SCHEMES

pytestmark = pytest.mark.numeric
KEEP = 8


def seeds(count: int) -> np.ndarray:
    return np.random.default_rng(SEED).integers(0, 2**63, count).astype(np.uint64)


def carve_of(images: np.ndarray, labels: np.ndarray, names: tuple[str, ...], **options: object) -> Carve:
    params = CarveParams(**options).resolve(DataStats(32, len(names)))  # type: ignore[arg-type]
    training = ImageSet(images, labels, list(names), digest(images, labels, names))
    return Carve(params, Carve(params).fit(training, FitContext(names)))


@pytest.fixture(scope="module")
def drawn():  # type: ignore[no-untyped-def]
    """Images without a perturbation of the thumbnail: no surrogate is trained."""
    images = np.random.default_rng(SEED).integers(40, 216, (60, 32, 32, 3)).astype(np.uint8)
    labels = np.arange(60) % 5
    return images, labels, carve_of(images, labels, tuple("abcde"), eps=0.0)


def test_nothing_finer_than_the_thumbnail_is_published(drawn):  # type: ignore[no-untyped-def]
    """Two images with the same thumbnail have the same carrier, whatever their fine content."""
    images, labels, carve = drawn
    low = low_band(images, KEEP)
    noise = np.random.default_rng(1).normal(size=low.shape) * 8
    one = np.clip(np.round(low), 0, 255).astype(np.uint8)
    other = np.clip(np.round(low + noise - low_band(noise, KEEP)), 0, 255).astype(np.uint8)
    assert np.abs(one.astype(int) - other).mean() > 4
    same, again = (carve(shown, labels, seeds(60)) for shown in (one, other))
    assert np.abs(same.astype(int) - again).max() <= 1  # rounding of the inputs
    assert np.abs(low_band(same, KEEP) - low).max() < 1.5


def test_the_fill_is_a_pattern_of_the_class_and_above_the_band(drawn):  # type: ignore[no-untyped-def]
    images, labels, carve = drawn
    fill = carve(images, labels, seeds(60)).astype(float) - low_band(images, KEEP)
    assert np.abs(low_band(fill, KEEP)).max() < 1
    assert abs(np.sqrt((fill**2).mean()) - 8) < 0.5
    means = np.stack([fill[labels == label].mean(0) for label in range(5)])
    for label in range(5):
        assert np.abs(fill[labels == label] - means[label]).mean() < 0.6
    correlations = np.corrcoef(means.reshape(5, -1)) - np.eye(5)
    assert np.abs(correlations).max() < 0.3
    assert np.abs(means - means[:, :, ::-1]).mean() < 0.6  # mirrored images have the same


@pytest.mark.parametrize("shape", [(45, 70), (32, 32), (20, 9), (1, 1)])
def test_a_texture_is_what_the_whole_transform_gives(shape):  # type: ignore[no-untyped-def]
    """It is made of few waves, so that large images cost little; releases of before have the same."""
    waves = np.random.default_rng(3).normal(size=(4 * KEEP, 4 * KEEP))
    waves[:KEEP, :KEEP] = waves[:, 1::2] = 0
    kept = np.zeros(shape)
    kept[: len(waves), : len(waves)] = waves[: shape[0], : shape[1]]
    whole = idctn(kept, norm="ortho")
    found = _texture(np.random.default_rng(3), KEEP, *shape)
    np.testing.assert_allclose(found, whole / max(np.sqrt((whole**2).mean()), 1e-9), atol=1e-12)


def test_every_fill(drawn):  # type: ignore[no-untyped-def]
    images, labels, carve = drawn
    fitted = carve.fitted

    def filled(kind: str) -> np.ndarray:
        return Carve(carve.params.changed(fill=kind), fitted)(images, labels, seeds(60))

    assert np.abs(filled("none") - low_band(images, KEEP).clip(0, 255)).max() <= 0.5 + 1e-3
    noise = filled("noise").astype(float) - low_band(images, KEEP)
    assert np.abs(np.corrcoef(noise[:10].reshape(10, -1)) - np.eye(10)).max() < 0.3
    assert (filled("noise") != filled("pattern")).any()


def test_the_secret_depends_on_the_clean_images(drawn):  # type: ignore[no-untyped-def]
    images, labels, carve = drawn
    changed = images.copy()
    changed[0, 0, 0, 0] ^= 1
    other = carve_of(changed, labels, tuple("abcde"), eps=0.0)
    assert carve.fitted.about["secret"] != other.fitted.about["secret"]
    again = carve_of(images, labels, tuple("abcde"), eps=0.0)
    assert again.fitted.digest == carve.fitted.digest


def test_targets_are_other_classes_and_as_many_as_wanted(drawn):  # type: ignore[no-untyped-def]
    """Each class has three targets of about a third of its images each; a class is the target of three others."""
    images, labels, carve = drawn
    aimed = carve.aimed(thumbnail(images, KEEP), labels)
    assert (aimed != labels).all()
    table = np.zeros((5, 5), int)
    np.add.at(table, (labels, aimed), 1)
    assert ((table > 0).sum(1) == 3).all()
    assert ((table > 0).sum(0) == 3).all()
    assert table[table > 0].min() >= 3
    single = carve_of(images, labels, tuple("abcde"), eps=0.0, targets=1)
    assert len(set(zip(labels, single.aimed(thumbnail(images, KEEP), labels)))) == 5
    two = carve_of(images, labels % 2, ("a", "b"), eps=0.0)  # there is one other class only
    assert (two.aimed(thumbnail(images, KEEP), labels % 2) == 1 - labels % 2).all()


@pytest.mark.parametrize("shape", [(9, 32, 32, 1), (3, 45, 70, 3), (2, 6, 40, 3), (1, 1, 1, 3)])
def test_any_size_gray_and_without_a_class(drawn, shape):  # type: ignore[no-untyped-def]
    carve = drawn[2]
    images = np.random.default_rng(3).integers(0, 256, shape).astype(np.uint8)
    labels = np.arange(len(images)) % 5
    found = carve(images, labels, seeds(len(images)))
    np.testing.assert_array_equal(carve(images[:1], labels[:1], seeds(len(images))[:1]), found[:1])
    nameless = carve(images, np.full(len(images), -1), seeds(len(images)))
    if min(shape[1:3]) > KEEP:
        assert np.abs(low_band(nameless.astype(float) - images, KEEP)).mean() < 3
        assert (nameless != images).mean() > 0.5  # its fine content is replaced as well


def test_the_thumbnail_is_bounded_and_aimed(world):  # type: ignore[no-untyped-def]
    """The surrogate of thumbnails sees the target class; the perturbation is inside the band, within ε."""
    images, labels, *_ = world
    names = ("brick", "cat", "retina")
    carve = carve_of(images, labels, names, eps=0.1, steps=8, surrogate_epochs=6, fill="none", grain=0.01)
    clean, true = images[::6], labels[::6]
    carriers = carve(clean, true, seeds(len(clean)))
    change = low_band(carriers, KEEP) - low_band(clean, KEEP)
    assert (
        np.abs(thumbnail(change, KEEP)).max() <= 255 * 0.1 + 12
    )  # clipping adds to it where an image is black or white
    assert np.abs(carriers - low_band(carriers, KEEP)).mean() < 2
    model = carve.under.surrogate
    aim = (np.arange(len(clean)), carve.aimed(thumbnail(clean, KEEP), true))
    before, after = (
        surrogate.predict(model, np.clip(np.round(thumbnail(shown, KEEP)), 0, 255).astype(np.uint8))[aim]
        for shown in (clean, carriers)
    )
    assert (after > before).mean() > 0.8
    assert after.mean() > before.mean() + 0.2


def test_a_thumbnail_is_at_most_half_of_an_image(drawn):  # type: ignore[no-untyped-def]
    """Otherwise the release would hold the images themselves."""
    with pytest.raises(UsageError, match="more than half"):
        CarveParams(keep=17).resolve(DataStats(32, 5))
    with pytest.raises(UsageError, match="more than half"):
        CarveParams().resolve(DataStats(9, 5))
    assert CarveParams().resolve(DataStats(12, 5)).keep == 6
    small = np.random.default_rng(4).integers(40, 216, (5, 8, 12, 3)).astype(np.uint8)
    carriers = drawn[2](small, np.arange(5), seeds(5)).astype(float)
    assert np.abs(low_band(carriers, 4) - low_band(small, 4)).mean() < 2
    high = (small - low_band(small, 4)).ravel()
    assert abs(np.corrcoef(high, (carriers - low_band(carriers, 4)).ravel())[0, 1]) < 0.2


def test_the_secret_is_not_what_records_publish(drawn):  # type: ignore[no-untyped-def]
    images, labels, carve = drawn
    known = digest(images, labels, tuple("abcde"))
    published = hashlib.sha256(f"ripguard carve 0 {known}".encode()).hexdigest()
    assert carve.fitted.about["secret"] not in (known, published)


def test_a_hiding_method_that_publishes_clean_pieces_is_refused():
    with pytest.raises(UsageError, match="pieces of the clean images"):
        SCHEMES["mrit"].with_options({"perturb": "carve"})
    with pytest.raises(UsageError, match="pieces of the clean images"):
        SCHEMES["carve"].with_options({"hide": "mrit"})


@pytest.mark.parametrize("option", [{"keep": 4}, {"eps": -0.1}, {"eps": 1.5}, {"targets": 0}, {"fill": "water"}])
def test_bad_options_are_refused(option):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError):
        CarveParams(**option)
