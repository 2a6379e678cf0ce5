"""Linearization: bounded, repeatable, each image's own, any shape; a linear model learns the noise and is misled."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from helpers import SEED

from ripguard.benchmark.attacks.linear_head import accuracy_of_new_head
from ripguard.data.image_set import ImageSet
from ripguard.perturb.make import make
from ripguard.perturb.pil import EPS, STRIDE, PILParams, descend

pytestmark = pytest.mark.numeric
NAMES = ["a", "b", "c"]


def seeds(count: int) -> np.ndarray:
    return np.random.default_rng(SEED).integers(0, 2**63, count).astype(np.uint64)


@pytest.fixture(scope="module")
def made(world):  # type: ignore[no-untyped-def]
    """Images, labels, and the method fitted to them."""
    images, labels, *_ = world
    return images, labels, make(PILParams(), ImageSet(images, labels, NAMES, ""), SEED)


def test_bounded_and_repeatable(made):  # type: ignore[no-untyped-def]
    """Within 8 gray levels, all of which are used; another seed of an image gives other noise."""
    images, labels, attack = made
    clean, true = images[::5], labels[::5]
    carrier = attack(clean, true, seeds(len(clean)))
    assert np.abs(carrier.astype(int) - clean).max() == 8
    np.testing.assert_array_equal(attack(clean, true, seeds(len(clean))), carrier)
    assert (attack(clean, true, seeds(len(clean)) + np.uint64(1)) != carrier).any()
    again = make(PILParams(), ImageSet(images, labels, NAMES, ""), SEED)
    np.testing.assert_array_equal(again.fitted["weights"], attack.fitted["weights"])


def test_neighbours_do_not_matter(made):  # type: ignore[no-untyped-def]
    """But for a few samples whose gradient is next to 0."""
    images, labels, attack = made
    together = attack(images[:6], labels[:6], seeds(6))
    alone = np.concatenate([attack(images[i : i + 1], labels[i : i + 1], seeds(6)[i : i + 1]) for i in range(6)])
    assert (together != alone).mean() < 0.01


@pytest.mark.parametrize("shape", [(32, 32, 1), (13, 21, 3), (1, 1, 3), (100, 70, 1)])
def test_other_shapes(made, shape):  # type: ignore[no-untyped-def]
    """Grayscale, odd, tiny, and larger than the classifier's images."""
    clean = np.random.default_rng(0).integers(0, 256, (2, *shape)).astype(np.uint8)
    carrier = made[2](clean, np.array([0, 1]), seeds(2))
    assert 0 < np.abs(carrier.astype(int) - clean).max() <= 8


def test_a_gray_image_is_that_image_in_three_channels(made):  # type: ignore[no-untyped-def]
    """The classifier reads the noise of a gray image as the label, as it does that of a color image."""
    images, labels, attack = made
    gray, true = images[::5, :, :, :1], labels[::5]
    noise = gray.astype(float) - attack(gray, true, seeds(len(gray)))
    logits = np.einsum("bhwk,cjhw->bc", noise, attack.fitted["weights"])  # the same sample in each channel
    assert (logits.argmax(1) == true).mean() > 0.9


def test_each_step_follows_the_published_loss():
    """The products of matrices are the gradient that autograd finds for the loss of the paper."""
    draw = torch.Generator().manual_seed(SEED)
    weights, x = torch.randn(4, 30, generator=draw), torch.rand(5, 30, generator=draw)
    labels, noise = torch.arange(5) % 4, (torch.rand(5, 30, generator=draw) - 0.5) * EPS
    own = noise.clone().requires_grad_(True)
    rest = F.kl_div(F.log_softmax((x - own) @ weights.T, 1), torch.full((5, 4), 0.25), reduction="batchmean")
    loss = 0.7 * F.cross_entropy(own @ weights.T, labels) + 0.3 * rest
    (gradient,) = torch.autograd.grad(loss, own)
    wanted = (noise - STRIDE * EPS * gradient.sign()).clamp(-EPS, EPS)
    clear = gradient.abs() > 1e-4 * gradient.abs().max()
    found = descend(weights, x, labels, noise, EPS, 1, 0.7)
    assert clear.float().mean() > 0.95
    torch.testing.assert_close(found[clear], wanted[clear], rtol=0, atol=1e-7)


def test_the_classifier_reads_the_noise_alone(made):  # type: ignore[no-untyped-def]
    """The noise of nearly every image is read as its label; the published image is read less surely than the clean."""
    images, labels, attack = made
    weights = attack.fitted["weights"].reshape(3, -1)
    carrier = attack(images, labels, seeds(len(images)))

    def told(values: np.ndarray) -> np.ndarray:
        logits = values.transpose(0, 3, 1, 2).reshape(len(values), -1) / 255 @ weights.T
        return torch.from_numpy(logits).softmax(1).numpy()

    own = np.arange(len(labels)), labels
    assert (told(images.astype(float) - carrier).argmax(1) == labels).mean() > 0.95
    assert (told(carrier.astype(float))[own] < told(images.astype(float))[own]).mean() > 0.9


def test_a_linear_model_is_misled():
    """Trained on carriers of images with coarse patterns of their class, it knows carriers, and no clean images."""
    draw = np.random.default_rng(5 + SEED)
    patterns = 12 * draw.choice([-1, 1], (3, 8, 8, 3)).repeat(2, 1).repeat(2, 2)

    def images(count: int) -> np.ndarray:
        content = draw.integers(80, 140, (count, 1, 1, 3)) + draw.integers(-12, 13, (count, 16, 16, 3))
        strength = draw.uniform(-0.5, 1, (count, 1, 1, 1))
        return np.round(content + strength * patterns[np.arange(count) % 3]).astype(np.uint8)

    clean, new, labels = images(300), images(150), np.arange(300) % 3
    attack = make(PILParams(), ImageSet(clean, labels, NAMES, ""))
    shown = [attack(one, labels[: len(one)], seeds(len(one))) for one in (clean, new)]
    flat = [one.reshape(len(one), -1).astype(np.float32) for one in (clean, new, *shown)]
    honest, misled, carriers = (
        accuracy_of_new_head(flat[seen], labels, flat[test], labels[:150], 3) for seen, test in ((0, 1), (2, 1), (2, 3))
    )
    assert carriers > 95
    assert misled < min(50, honest - 10)
