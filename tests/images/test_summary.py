"""PSNR and SSIM for the summary: as scikit-image has them for small images, near them for large ones."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from helpers import crop
from PIL import Image

from ripguard.images import summary
from ripguard.images.quality import likeness
from ripguard.images.summary import likenesses


def noisy(image: np.ndarray, levels: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).integers(-levels, levels + 1, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("side", "channels"), [(32, 3), (33, 1), (7, 3), (6, 3), (1, 1)])
def test_small_images_are_measured_whole(side, channels):  # type: ignore[no-untyped-def]
    """The same numbers as scikit-image's; equal images, extremes and images below the window among them."""
    ones = np.stack([crop(i, side, side)[:, :, :channels] for i in range(5)] + [np.zeros((side, side, channels), "u1")])
    others = np.stack([noisy(one, 4 * i) for i, one in enumerate(ones[:5])] + [np.full_like(ones[0], 255)])
    chosen = [True, True, False, True, True, True]
    assert likenesses(ones, others, chosen) == [likeness(*each) for each in zip(ones, others, chosen)]


def test_a_gray_image_beside_one_in_color():
    color = noisy(crop(1), 20)[None]
    gray = crop(1)[None, :, :, :1]
    assert likenesses(color, gray, [True]) == [likeness(color[0], gray[0])]


def test_of_a_large_image_evenly_spread_windows_are_measured():
    """PSNR is exact. SSIM is near that of all windows, and changes of all parts count: above, in the middle, below."""
    large = np.asarray(Image.fromarray(crop(3, 64, 64)).resize((1024, 512)))
    bands = summary._bands(*large.shape[:2])
    assert sum(band.stop - band.start for band in bands) < len(large) / 2
    ends = [bands[0].start, *(b.start - a.stop for a, b in itertools.pairwise(bands)), len(large) - bands[-1].stop]
    assert max(ends[1:-1]) - min(ends[1:-1]) <= 1
    assert max(ends[0], ends[-1]) <= max(ends[1:-1])
    found, whole = likenesses(large[None], noisy(large, 20)[None], [True])[0], likeness(large, noisy(large, 20))
    assert found["psnr"] == whole["psnr"]
    assert found["ssim"] == pytest.approx(whole["ssim"], abs=0.01)
    assert found["ssim"] != whole["ssim"]
    for part in (slice(0, 171), slice(171, 342), slice(342, None)):
        changed = large.copy()
        changed[part] = noisy(changed[part], 20)
        assert likenesses(large[None], changed[None], [True])[0]["ssim"] == pytest.approx(
            likeness(large, changed)["ssim"], abs=0.05
        )


@pytest.mark.parametrize("shape", [(300, 300, 3), (2, 60_000, 3)], ids=["several rows at once", "long rows"])
def test_psnr_of_large_images_that_differ_most(shape):  # type: ignore[no-untyped-def]
    """Masks, scans, scrambled drawings: a sum of their squared differences exceeds 32 bits."""
    one = np.zeros((1, *shape), np.uint8)
    other = np.full_like(one, 255)
    other[0, 0] = 100
    expected = likeness(one[0], other[0])["psnr"]
    assert likenesses(one, other, [False]) == [{"psnr": expected, "ssim": None}]
    assert likenesses(one, other[..., :1], [False]) == [{"psnr": expected, "ssim": None}]
