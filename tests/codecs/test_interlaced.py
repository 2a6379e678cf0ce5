"""The small-image coder: every sample once, nothing read before its turn, exact, the same bytes everywhere."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from helpers import SEED, crop
from hypothesis import given
from hypothesis import strategies as st
from small_models import MODELS

from ripguard.codecs.coders import CODERS, BadStream
from ripguard.codecs.interlaced import codec, fit, networks
from ripguard.codecs.interlaced.order import CHANNELS, coarsest, context, inputs, steps, target
from ripguard.codecs.interlaced.tables import tables

pytestmark = pytest.mark.numeric


@given(st.integers(1, 40), st.integers(1, 40), st.sampled_from([1, 3]), st.integers(0, 2**32 - 1))
def test_round_trip(height, width, channels, seed):  # type: ignore[no-untyped-def]
    """Any size, one or three channels, noise and flat and dark and bright images together."""
    draw = np.random.default_rng(seed)
    noise = draw.integers(0, 256, (height, width, channels)).astype(np.uint8)
    ramp = np.broadcast_to(np.arange(width)[None, :, None] * 5 % 256, noise.shape).astype(np.uint8)
    images = np.stack([noise, np.zeros_like(noise), np.full_like(noise, 255), ramp])
    records = codec.encode(images, MODELS[channels])
    np.testing.assert_array_equal(codec.decode(records, noise.shape, MODELS[channels]), images)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (2, 9), (3, 3), (4, 7), (32, 32), (33, 64), (17, 5)])
def test_every_sample_is_coded_once(height, width):  # type: ignore[no-untyped-def]
    """The coarsest grid and all steps together touch each sample exactly once."""
    for channels in CHANNELS:
        touched = np.zeros((2, channels, height, width), np.float32)
        coarsest(touched)[...] += 1
        for step in steps(height, width, channels):
            target(touched, step)[...] += 1
        assert (touched == 1).all()


@pytest.mark.parametrize(("height", "width"), [(3, 3), (8, 8), (32, 32), (13, 21), (5, 40)])
def test_nothing_is_read_before_its_turn(height, width):  # type: ignore[no-untyped-def]
    """What is not coded yet may hold anything: the context stays the same."""
    draw = np.random.default_rng(0)
    for channels in CHANNELS:
        whole = draw.integers(0, 256, (2, channels, height, width)).astype(np.float32)
        known = np.full_like(whole, np.nan)
        coarsest(known)[...] = coarsest(whole)
        for step in steps(height, width, channels):
            (seen, base), (wanted, wanted_base) = context(known, step), context(whole, step)
            assert seen.shape[0] == inputs(channels, step.phase, step.turn)
            np.testing.assert_array_equal(seen, wanted)
            np.testing.assert_array_equal(base, wanted_base)
            target(known, step)[...] = target(whole, step)
        np.testing.assert_array_equal(known, whole)


def test_contexts_are_small_whole_numbers():
    """What the predictors' exactness rests on."""
    x = np.random.default_rng(1).integers(0, 256, (3, 3, 16, 16)).astype(np.float32)
    for step in steps(16, 16, 3):
        seen, base = context(x, step)
        assert (seen == np.round(seen)).all()
        assert np.abs(seen).max() <= 128
        assert 0 <= base.min() <= base.max() <= 255


def test_tables():
    """Whole numbers, exact in float32, never zero; of a narrow one most lies in the middle."""
    found = tables()
    assert found.shape == (32 * 8 * 4, 256)
    assert (found == np.round(found)).all()
    assert found.min() >= 1
    assert found.max() < 2**24
    total = found.sum(1, dtype=np.float64)
    np.testing.assert_allclose(total[:512], 2**24, rtol=0.01)
    assert total.max() <= 2**24 + 256
    middle = found.reshape(32, 8, 4, 256)[0, 4, 3]
    assert middle.argmax() == 128
    assert middle[128] > 0.9 * middle.sum()


GOLDEN = {1: "d536282eef972914", 3: "e8f0ea763deaf5d1"}
GOLDEN_TABLES = "ee0c6cc00bf1ebdc"


def test_golden_streams():
    """These bytes are the format: tables, predictors and coder on fixed images. A change here is a new format."""
    assert hashlib.sha256(tables().astype(">u4").tobytes()).hexdigest()[:16] == GOLDEN_TABLES
    for channels, wanted in GOLDEN.items():
        images = np.stack([crop(i, 19, 22)[:, :, :channels] for i in range(3)])
        records = codec.encode(images, MODELS[channels])
        assert hashlib.sha256(b"".join(records)).hexdigest()[:16] == wanted


@pytest.mark.parametrize("channels", [1, 3])
def test_model_files(channels):  # type: ignore[no-untyped-def]
    """Packed and unpacked it is the same; damaged, cut off, too long or too large ones are refused."""
    model = MODELS[channels]
    data = networks.pack(model)
    again = networks.unpack(data)
    assert networks.pack(again) == data
    images = np.stack([crop(i, 16, 16)[:, :, :channels] for i in range(2)])
    assert codec.encode(images, again) == codec.encode(images, model)
    for wrong in (
        b"",
        data[:5],
        b"rgi2" + data[4:],
        data[:4] + b"\2" + data[5:],
        data[:-9],
        data[:5] + b"\7" + data[6:],
        data[:-1],
        data + b"\0",
    ):
        with pytest.raises(networks.BadModel):
            networks.unpack(wrong)


def test_a_model_that_could_round_is_refused():
    """Weights whose sums might leave what float32 holds exactly."""
    sizes = networks.shapes(3, 4, 0, 0)
    weights = [np.zeros(size, np.float32) for size in sizes]
    biases = [np.zeros((size[0], 1), np.float32) for size in sizes]
    networks.Predictor(weights, biases)
    for layer in range(3):
        changed = [w.copy() for w in weights]
        changed[layer][0] = 32767
        changed[layer][:, 0] = 2**24
        with pytest.raises(networks.BadModel, match="too large"):
            networks.Predictor(changed, biases)


def test_fitting_pays(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """A short fit to crops of photographs beats lossless WebP on other crops, is repeatable and is cached."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    images = np.stack([crop(i, 16, 16) for i in range(400)])
    others = np.stack([crop(i, 16, 16) for i in range(1000, 1040)])
    settings = fit.Settings(hidden=16, steps=200, samples=6000, seed=SEED)
    data = fit.obtain(images, settings)
    assert len(list(tmp_path.rglob("*.bin"))) == 1
    assert fit.obtain(images, settings) == data
    ours = sum(map(len, CODERS["interlaced"].encode(others, [], data)))  # type: ignore[arg-type]
    webp = sum(map(len, CODERS["webp"].encode(others, [], b"")))  # type: ignore[arg-type]
    assert ours < 0.97 * webp


@given(st.binary(max_size=80), st.sampled_from([(8, 8), (1, 1), (1, 40), (33, 17)]), st.sampled_from([1, 3]))
def test_garbage_is_a_image_or_refused(data, size, channels):  # type: ignore[no-untyped-def]
    """What the range coder cannot read is a bad stream, and not an assertion of its library."""
    try:
        found = codec.decode([data], (*size, channels), MODELS[channels])
    except BadStream:
        return
    assert found.shape == (1, *size, channels)


def test_streams_that_no_coder_wrote():
    """This one the range coder notices."""
    with pytest.raises(BadStream, match="small-image codec"):
        codec.decode([b"\xff" * 40], (32, 32, 3), MODELS[3])


def test_a_damaged_model_in_the_cache_is_fitted_again(tmp_path, monkeypatch, capsys):  # type: ignore[no-untyped-def]
    """Cut off, empty, rotten, of other sizes, continued, or a folder's link: told, and the same bytes as before."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    images = np.stack([crop(i, 8, 8) for i in range(20)])
    settings = fit.Settings(hidden=4, steps=2, samples=500)
    data = fit.obtain(images, settings)
    place = next(tmp_path.rglob("*.bin"))
    other = networks.pack(fit.fit(images[:, :, :, :1], settings))
    rotten = data[:40] + bytes([data[40] ^ 4]) + data[41:]
    for wrong in (b"", data[:-1], data[:-4] + b"xxxx", data + b"x", data[:100], rotten, other, b"junk" * 99):
        place.write_bytes(wrong)
        assert fit.obtain(images, settings) == data
        assert "is damaged and will be fitted again" in capsys.readouterr().err
        assert place.read_bytes() == data
    assert fit.obtain(images, settings) == data
    assert capsys.readouterr().err == ""
    assert [p.name for p in place.parent.iterdir()] == [place.name]
