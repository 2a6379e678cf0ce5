"""The perturbation: bounded, aimed, repeatable, independent of its neighbours; and the surrogate it aims at."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from helpers import SEED

from ripguard.errors import InputRefused, UsageError
from ripguard.methods.fitted import Fitted
from ripguard.perturb import eot, surrogate
from ripguard.perturb.em_sample import EMSampleParams
from ripguard.perturb.fsp import FSP, LAYERS, FSPParams, library
from ripguard.perturb.tap import THROUGH, TAPParams
from ripguard.perturb.targets import RULES

pytestmark = pytest.mark.numeric

CLASSES = ("brick", "cat", "retina")


def seeds(count: int) -> np.ndarray:
    return np.random.default_rng(SEED).integers(0, 2**63, count).astype(np.uint64)


def fsp_of(model: surrogate.Surrogate, members: list[np.ndarray], eps: float = 0.07, **options: object) -> FSP:
    """Aimed at these images, with the steps of the publication."""
    params = FSPParams(eps=eps).changed(**{"steps": 10} | options)
    return FSP(params, FSP.known(Fitted(), members), surrogate=model)


def nearer(attack: FSP, clean: np.ndarray, carrier: np.ndarray, labels: np.ndarray) -> float:
    """Share of images whose activations are nearer to their goals than before."""
    goal = attack._goals(surrogate.to_tensor(clean), labels, seeds(len(clean)))
    with torch.no_grad():
        far, near = ((attack.seen(surrogate.to_tensor(one)) - goal).norm(dim=1) for one in (clean, carrier))
    return float((near < far).float().mean())


def test_carriers_are_bounded_and_wrong(world):  # type: ignore[no-untyped-def]
    """Within 18 gray levels (0.07 of 255, rounded), nearer to their goals, and the surrogate is less sure; a larger
    bound: the next class.

    How sure a model is hangs on rounding while it is trained; that nearly every image goes the right way does not.
    """
    images, labels, model, members, _ = world
    clean, true = images[::9], labels[::9]
    own, aim = (np.arange(len(clean)), true), (np.arange(len(clean)), (true + 1) % 3)
    before = surrogate.predict(model, clean)
    attack = fsp_of(model, members)
    carrier = attack(clean, true, seeds(len(clean)))
    assert np.abs(carrier.astype(int) - clean).max() <= 18
    assert nearer(attack, clean, carrier, true) > 0.9
    assert before[own].mean() > 0.7
    after = surrogate.predict(model, carrier)
    assert (after[own] < before[own]).mean() > 0.8
    stronger = surrogate.predict(model, fsp_of(model, members, eps=0.5)(clean, true, seeds(len(clean))))
    assert (stronger[aim] > before[aim]).mean() > 0.8


def test_neighbours_do_not_matter(world):  # type: ignore[no-untyped-def]
    """An image's carrier is its own: the same beside other neighbours, and alone up to rounding in a few samples."""
    images, labels, model, members, _ = world
    fsp = fsp_of(model, members, steps=3)
    together = fsp(images[:6], labels[:6], seeds(6))
    mixed = [0, 1, 2, 303, 204, 105]
    np.testing.assert_array_equal(fsp(images[mixed], labels[mixed], seeds(6))[:3], together[:3])
    alone = np.concatenate([fsp(images[i : i + 1], labels[i : i + 1], seeds(6)[i : i + 1]) for i in range(6)])
    assert (together != alone).mean() < 0.05


@pytest.mark.parametrize("shape", [(32, 32, 1), (13, 21, 3), (1, 1, 3), (100, 70, 3)])
def test_other_shapes(world, shape):  # type: ignore[no-untyped-def]
    """Grayscale, odd, tiny, and larger than the surrogate's scale."""
    _, _, model, members, _ = world
    clean = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.uint8)
    carrier = fsp_of(model, members, steps=2)(clean, np.array([0, 1]), seeds(2))
    assert 0 < np.abs(carrier.astype(int) - clean).max() <= 18


def test_target_rules():
    """cyclic: y+1 mod C; random: another class, by the seed alone; farthest: another class, the farthest member."""
    draw = np.random.default_rng(0)
    activations, labels = draw.normal(size=(50, 7)).astype(np.float32), draw.integers(0, 4, 50)
    members = draw.normal(size=(4, 9, 7)).astype(np.float32)
    members[2, 5:] = np.nan  # a class with fewer members
    for name, rule in RULES.items():
        classes, chosen = rule(activations, labels, members, seeds(50), 0)
        assert (classes != labels).all()
        assert not np.isnan(members[classes, chosen]).any()
        if name == "permutation":
            assert len(set(zip(labels, classes))) == 4
        if name in ("cyclic", "permutation"):
            if name == "cyclic":
                np.testing.assert_array_equal(classes, (labels + 1) % 4)
            best = [np.nanargmax(((members[c] - a) ** 2).sum(1)) for a, c in zip(activations, classes)]
            np.testing.assert_array_equal(chosen, best)
        if name == "central":
            np.testing.assert_array_equal(classes, (labels + 1) % 4)
            mean = np.nanmean(members[classes[0]], 0)
            assert chosen[0] == np.nanargmin(((members[classes[0]] - mean) ** 2).sum(1))
        if name == "random":
            np.testing.assert_array_equal(
                classes[:9], rule(activations[:9] * 0, labels[:9], members, seeds(50)[:9], 0)[0]
            )
            assert len(set(zip(classes, chosen))) > 12
        if name == "farthest":
            squares = ((activations[0] - members) ** 2).sum(-1)
            squares[labels[0]] = np.nan
            assert (classes[0], chosen[0]) == np.unravel_index(np.nanargmax(squares), squares.shape)


def test_names_are_those_of_the_code():
    """The command line checks names without importing torch; they must not drift."""
    assert tuple(eot.THROUGH) == THROUGH
    assert (*surrogate.STAGES, "features") == LAYERS
    assert TAPParams.form == FSPParams.form == EMSampleParams.form == surrogate.DESIGN
    for wrong in ({"layer": "stage4"}, {"layer": "stage1+"}, {"target": "opposite"}, {"through": ("fog",)}):
        with pytest.raises(UsageError, match="expected one of"):
            (TAPParams if "through" in wrong else FSPParams)(**wrong)  # type: ignore[arg-type]


def test_surrogate_files(world, tmp_path):  # type: ignore[no-untyped-def]
    """Saved and loaded it says the same; other files are refused; a class without images is refused."""
    images, labels, model, _, settings = world
    surrogate.save(model, list(CLASSES), settings, tmp_path / "s.pt")
    again, found, back = surrogate.load(tmp_path / "s.pt")
    assert (found, back) == (list(CLASSES), settings)
    np.testing.assert_array_equal(surrogate.predict(again, images[:9]), surrogate.predict(model, images[:9]))
    (tmp_path / "junk").write_bytes(b"junk")
    for name in ("junk", "nowhere"):
        with pytest.raises(InputRefused):
            surrogate.load(tmp_path / name)
    with pytest.raises(InputRefused, match="no training image"):
        library(model, images[labels != 1], labels[labels != 1])


def test_training_is_repeatable_and_cached(world, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Same data and settings: same file, found again; another seed: another file."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    images, labels, _, _, _ = world
    settings = surrogate.Settings(widths=(8, 8, 8, 8), epochs=1, batch=32)
    one = surrogate.obtain(images, labels, list(CLASSES), settings, "cpu")
    stamp = one.stat().st_mtime_ns
    assert surrogate.obtain(images, labels, list(CLASSES), settings, "cpu").stat().st_mtime_ns == stamp
    other = surrogate.Settings(widths=(8, 8, 8, 8), epochs=1, batch=32, seed=1)
    assert surrogate.obtain(images, labels, list(CLASSES), other, "cpu") != one


def test_two_trunks(world, tmp_path):  # type: ignore[no-untyped-def]
    """A coarse trunk beside the fine one: both are told by one perturbation; the file brings both back."""
    images, labels = world[0], world[1]
    settings = surrogate.Settings((16, 24, 32, 48), (16, 16, 24, 32), epochs=8, batch=32, peak_lr=0.1, seed=SEED)
    model = surrogate.train(images, labels, 3, settings)
    x = surrogate.to_tensor(images[:30])
    assert [one.shape for one in model.logits(x)] == [(30, 3), (30, 3)]
    assert model.activation(x, "features").shape == (30, 48 + 32)
    surrogate.save(model, list(CLASSES), settings, tmp_path / "s.pt")
    again, _, back = surrogate.load(tmp_path / "s.pt")
    assert back == settings
    np.testing.assert_array_equal(surrogate.predict(again, images[:9]), surrogate.predict(model, images[:9]))
    attack = fsp_of(model, library(model, images, labels), eps=0.15)
    carrier = attack(images[:30], labels[:30], np.arange(30, dtype=np.uint64))
    for before, after in zip(model.logits(x), model.logits(surrogate.to_tensor(carrier))):
        true = labels[:30]
        kept = [float((z.argmax(1).numpy() == true).mean()) for z in (before, after)]
        assert kept[1] < kept[0]


def test_several_layers_and_an_ensemble(world, tmp_path):  # type: ignore[no-untyped-def]
    """More layers and more surrogates give other carriers, aimed as well; members of an ensemble must fit together."""
    images, labels, model, members, settings = world
    other = surrogate.train(images[::2], labels[::2], 3, dataclasses.replace(settings, seed=5 + SEED, epochs=2))
    surrogate.save(model, list(CLASSES), settings, tmp_path / "a.pt")
    surrogate.save(other, list(CLASSES), settings, tmp_path / "b.pt")
    surrogate.save(other, ["x", "y", "z"], settings, tmp_path / "c.pt")
    fitted = surrogate.to_fitted([str(tmp_path / "a.pt"), str(tmp_path / "b.pt")])
    both = surrogate.from_fitted(fitted)
    assert fitted.about["names"] == list(CLASSES)
    clean, true = images[::30], labels[::30]
    with torch.no_grad():
        x = surrogate.to_tensor(clean)
        mean = (model(x) + other(x)) / 2
        torch.testing.assert_close(both(x), mean, atol=1e-4, rtol=1e-3)
    with pytest.raises(InputRefused, match="differ in classes"):
        surrogate.to_fitted([str(tmp_path / "a.pt"), str(tmp_path / "c.pt")])
    kinds = ((model, "features"), (model, "stage2+features"), (both, "features"))
    attacks = [fsp_of(m, members, layer=layer) for m, layer in kinds]
    carriers = [attack(clean, true, seeds(len(clean))) for attack in attacks]
    for one, two in itertools.combinations(carriers, 2):
        assert (one != two).any()
    for attack, carrier in zip(attacks, carriers):
        assert nearer(attack, clean, carrier, true) > 0.8


def test_a_damaged_surrogate_in_the_cache_is_trained_again(world, tmp_path, monkeypatch, capsys):  # type: ignore[no-untyped-def]
    """Cut off, empty, junk: told, and what it says is the same as before."""
    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    images, labels = world[0], world[1]
    settings = surrogate.Settings(widths=(8, 8, 8, 8), epochs=1, batch=32)
    place = surrogate.obtain(images, labels, list(CLASSES), settings, "cpu")
    data = place.read_bytes()
    before = surrogate.predict(surrogate.load(place)[0], images[:9])
    for wrong in (b"", data[:-300], b"junk"):
        place.write_bytes(wrong)
        assert surrogate.obtain(images, labels, list(CLASSES), settings, "cpu") == place
        assert "is damaged and will be trained again" in capsys.readouterr().err
        np.testing.assert_array_equal(surrogate.predict(surrogate.load(place)[0], images[:9]), before)
    surrogate.obtain(images, labels, list(CLASSES), settings, "cpu")
    assert capsys.readouterr().err == ""
