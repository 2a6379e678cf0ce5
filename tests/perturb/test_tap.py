"""Class-targeted cross-entropy: bounded, aimed, repeatable, independent of its neighbours, and aimed through hiding."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers import SEED
from scipy.ndimage import gaussian_filter

from ripguard.errors import UsageError
from ripguard.hide.mrit.transform import Params, forward
from ripguard.methods.fitted import RunContext
from ripguard.perturb import surrogate
from ripguard.perturb.scaled import to_images
from ripguard.perturb.tap import TAP, TAPParams
from ripguard.perturb.targets import CLASS_RULES

pytestmark = pytest.mark.numeric


def hides(clean: np.ndarray, carrier: np.ndarray) -> np.ndarray:
    return forward(clean, carrier, Params(pairing="ranked"))[0]


def seeds(count: int) -> np.ndarray:
    return np.random.default_rng(SEED).integers(0, 2**63, count).astype(np.uint64)


def tap_of(model: object, simulate: object = None, views: bool = True, **options: object) -> TAP:
    """A model that is there already, and what hiding does."""
    params = TAPParams(eps=0.07).changed(**options)
    return TAP(params, context=RunContext(simulate=simulate), surrogate=model, views=views)  # type: ignore[arg-type]


def test_carriers_are_bounded_and_aimed(world):  # type: ignore[no-untyped-def]
    """Within 18 gray levels (0.07 of 255, rounded); the surrogate sees the next class; nothing hangs on chance."""
    images, labels, model, _, _ = world
    clean, true = images[::5], labels[::5]
    own, aim = (np.arange(len(clean)), true), (np.arange(len(clean)), (true + 1) % 3)
    before = surrogate.predict(model, clean)
    attack = tap_of(model)
    carrier = attack(clean, true, seeds(len(clean)))
    after = surrogate.predict(model, carrier)
    assert np.abs(carrier.astype(int) - clean).max() <= 18
    assert (after[own] < before[own]).mean() > 0.8
    assert (after[aim] > before[aim]).mean() > 0.8
    assert after[aim].mean() > before[aim].mean() + 0.2
    np.testing.assert_array_equal(attack(clean, true, seeds(len(clean))), carrier)


def test_the_gradient_is_taken_at_the_published_image(world):  # type: ignore[no-untyped-def]
    """Hiding is asked every other step, about the carrier so far; where it leaves nothing of it, aiming is blind."""
    images, labels, model, _, _ = world
    clean, true = images[::30], labels[::30]
    asked: list[np.ndarray] = []
    told: list[np.ndarray] = []
    shown: list[np.ndarray] = []

    def published(own: np.ndarray, carrier: np.ndarray) -> np.ndarray:
        np.testing.assert_array_equal(own, clean)
        asked.append(carrier)
        told.append(hides(own, carrier))
        return told[-1]

    class Spy:
        classes, side = model.classes, model.side

        def logits(self, x: torch.Tensor) -> list[torch.Tensor]:
            shown.append(to_images(x.detach()))
            return model.logits(x)

    plain = tap_of(model, steps=6, views=False)(clean, true, seeds(len(clean)))
    aimed = tap_of(Spy(), steps=6, views=False, simulate=published)(clean, true, seeds(len(clean)))  # type: ignore[arg-type]
    assert (len(asked), len(shown)) == (3, 6)
    np.testing.assert_array_equal(asked[0], clean)
    assert all(0 < np.abs(one.astype(int) - clean).max() <= 18 for one in asked[1:])
    for one, seen in zip(told, shown[::2]):
        np.testing.assert_array_equal(seen, one)
    assert (plain != aimed).any()
    gray = tap_of(model, steps=6, simulate=lambda own, _: np.full_like(own, 128))(clean, true, seeds(len(clean)))
    for moved, least, most in ((gray, 0.97, 1), (aimed, 0, 0.95)):  # all images of a class alike; each its own way
        assert least <= alike(clean, moved, true) <= most


def alike(clean: np.ndarray, carrier: np.ndarray, labels: np.ndarray) -> float:
    """Share of samples that are moved the same way as in the first image of their class; not those near 0 or 255."""
    way, inside = np.sign(carrier.astype(int) - clean), (clean > 20) & (clean < 235)
    first = np.array([np.flatnonzero(labels == label)[0] for label in labels])
    counted = inside & inside[first] & (np.arange(len(labels)) != first)[:, None, None, None]
    return float((way == way[first])[counted].mean())


def test_aimed_through_blur_it_survives_blur():
    """A model that looks for a chequerboard and, less so, for a bright left half: a blur leaves the half.

    The model is linear, so that what it is best shown is known, on every machine.
    """
    y, x = np.mgrid[:32, :32]
    board, half = np.where((x + y) % 2, 1.0, -1.0), np.where(x < 16, 1.0, -1.0)
    pattern = torch.from_numpy((board + 0.6 * half).astype(np.float32))

    class Linear:
        classes, side = 2, 32

        def logits(self, x: torch.Tensor) -> list[torch.Tensor]:
            told = (x * pattern).mean((1, 2, 3))
            return [torch.stack([-told, told], 1)]

    clean = np.random.default_rng(SEED).integers(60, 190, (4, 32, 32, 3)).astype(np.uint8)
    for through, wanted in (((), board), (("blur",), half)):
        attack = tap_of(Linear(), steps=10, through=through, views=False)  # type: ignore[arg-type]
        moved = attack(clean, np.zeros(4, np.int64), seeds(4)).astype(int) - clean
        assert np.abs(moved).max() <= 18
        away = np.abs(x - 15.5)[None, :, :, None] > 4  # the edge between the halves
        inner = (away & (x > 3)[None, :, :, None] & (x < 28)[None, :, :, None]).repeat(4, 0).repeat(3, 3)
        inner[:, :4] = inner[:, -4:] = False
        np.testing.assert_array_equal(np.sign(moved)[inner], np.broadcast_to(wanted[..., None], moved.shape)[inner])
        kept = gaussian_filter(moved.astype(float), (0, 1, 1, 0))
        assert ((kept * half[..., None]).mean() > 10) == bool(through)


def test_a_surrogate_that_is_too_sure(world):  # type: ignore[no-untyped-def]
    """Logits of a thousand leave a cross-entropy gradient of zero; the image is perturbed all the same."""
    images, _, model, _, settings = world
    sure = surrogate.Surrogate(3, settings)
    sure.load_state_dict(model.state_dict())
    sure.heads[0].weight.data *= 1000
    clean, other = (
        images[::30],
        (surrogate.predict(model, images[::30]).argmax(1) - 1) % 3,
    )  # already the next class
    carrier = tap_of(surrogate.freeze(sure), steps=4)(clean, other, seeds(len(clean)))
    assert (np.abs(carrier.astype(int) - clean).max((1, 2, 3)) > 4).all()


def test_neighbours_do_not_matter(world):  # type: ignore[no-untyped-def]
    """An image's carrier is its own: the same beside other neighbours, and alone up to rounding in a few samples."""
    images, labels, model, _, _ = world
    attack = tap_of(model, steps=3, simulate=hides)
    together = attack(images[:6], labels[:6], seeds(6))
    mixed = [0, 1, 2, 303, 204, 105]
    np.testing.assert_array_equal(attack(images[mixed], labels[mixed], seeds(6))[:3], together[:3])
    alone = np.concatenate([attack(images[i : i + 1], labels[i : i + 1], seeds(6)[i : i + 1]) for i in range(6)])
    assert (together != alone).mean() < 0.05


@pytest.mark.parametrize("shape", [(32, 32, 1), (13, 21, 3), (1, 1, 3), (100, 70, 3)])
def test_other_shapes(world, shape):  # type: ignore[no-untyped-def]
    """Grayscale, odd, tiny, and larger than the surrogate's scale."""
    model = world[2]
    clean = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.uint8)
    carrier = tap_of(model, steps=2, simulate=hides)(clean, np.array([0, 1]), seeds(2))
    assert 0 < np.abs(carrier.astype(int) - clean).max() <= 18


def test_class_rules():
    """Never the own class; cyclic is y+1 mod C; random hangs on the image's seed alone; other names are refused."""
    labels = np.arange(60) % 4
    for rule in CLASS_RULES.values():
        chosen = rule(labels, 4, seeds(60), 0)
        assert (chosen != labels).all()
        assert set(chosen) <= {0, 1, 2, 3}
        np.testing.assert_array_equal(chosen[7:9], rule(labels[7:9], 4, seeds(60)[7:9], 0))
    np.testing.assert_array_equal(CLASS_RULES["cyclic"](labels, 4, seeds(60), 0), (labels + 1) % 4)
    for classes in (2, 3, 10, 200):
        told = CLASS_RULES["permutation"](np.arange(classes), classes, seeds(classes), 0)
        assert sorted(told) == list(range(classes))
    assert (told != (np.arange(200) + 1) % 200).mean() > 0.9
    assert (told != CLASS_RULES["permutation"](np.arange(200), 200, seeds(200), 1)).mean() > 0.9  # another owner's
    assert len(set(CLASS_RULES["random"](np.zeros(60, np.int64), 4, seeds(60), 0))) == 3
    with pytest.raises(UsageError, match="expected one of cyclic, permutation, random, got 'farthest'"):
        TAPParams(target="farthest")
