"""Augmentation picks parts of the image and nothing else."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ripguard.train.augment import mirror, random_crop, random_zoom


def batch(images: np.ndarray) -> torch.Tensor:
    """uint8 [n, 3, height, width]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(0, 2**31), st.integers(1, 8))
def test_every_crop_is_a_window_of_the_reflected_image(seed, padding):  # type: ignore[no-untyped-def]
    """Each image of the batch at an offset of its own, samples unchanged."""
    x = torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (6, 3, 12, 12), np.uint8))
    y = random_crop(x, padding, generator(seed))
    wide = np.pad(x.numpy(), ((0, 0), (0, 0), (padding, padding), (padding, padding)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(wide, (12, 12), (2, 3))  # [6, 3, offsets, offsets, 12, 12]
    for i in range(6):
        same = (windows[i] == y[i].numpy()[:, None, None]).all((0, 3, 4))
        assert same.any()
    assert y.dtype == torch.uint8


def test_crops_differ_within_a_batch(clean):  # type: ignore[no-untyped-def]
    """One image 24 times: many different windows; no padding: the image itself."""
    x = batch(clean[:1].repeat(24, 0))
    assert len({bytes(y.numpy().tobytes()) for y in random_crop(x, 4, generator())}) > 12
    assert torch.equal(random_crop(x, 0, generator()), x)


def test_mirror_turns_only_the_chosen(clean):  # type: ignore[no-untyped-def]
    """Left becomes right where asked."""
    x = batch(clean)
    chosen = torch.arange(len(x)) % 2 == 0
    y = mirror(x, chosen)
    assert torch.equal(y[::2], x[::2].flip(3))
    assert torch.equal(y[1::2], x[1::2])


def test_zoom_keeps_what_it_must(clean):  # type: ignore[no-untyped-def]
    """The whole area allowed only: nothing changes but the ratio; a smaller part: no new colors, images differ."""
    x = batch(clean)
    y = random_zoom(x, 0.35, generator())
    assert y.shape == x.shape
    assert y.dtype == torch.uint8
    low, high = x.amin((2, 3)), x.amax((2, 3))
    assert (y.amin((2, 3)) >= low).all()
    assert (y.amax((2, 3)) <= high).all()
    again = random_zoom(x, 0.35, generator())
    assert torch.equal(y, again)
    close = (random_zoom(x, 0.999, generator()).float() - x.float()).abs().mean()
    assert close < (y.float() - x.float()).abs().mean()
