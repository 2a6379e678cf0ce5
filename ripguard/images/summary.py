"""PSNR and SSIM of the images of a shard, for the summary of a protection: PSNR of all pixels, SSIM of a sample.

:mod:`ripguard.images.quality` measures one pair of images with scikit-image. SSIM of every pixel of a photograph would
take as long as its PNG encoding, for one line of the summary. Here it is of windows that are spread evenly over the
image, and the images of a batch are measured together. Small images are measured whole; for them both modules agree.
"""

from __future__ import annotations

import functools

import numpy as np

WINDOW = 7  # pixels; smaller images have no SSIM. The window of scikit-image's default, of equal weights
ROWS = 8  # rows of windows in one band
WINDOWS, SHARE = 1 << 17, 16  # measured of an image, about: so many, or one in 16 if that is more
PART = 1 << 17  # samples that are compared at once, so that intermediate arrays stay in the processor cache
BOTH = 255.0**2
C1, C2 = 0.01**2 * BOTH, 0.03**2 * BOTH  # Wang et al. 2004

Likeness = dict[str, float | None]


def likenesses(ones: np.ndarray, others: np.ndarray, chosen: list[bool]) -> list[Likeness]:
    """``{"psnr": dB, "ssim": …}`` of pairs of images of one shape; equal images: PSNR 99.

    Args:
        ones: uint8 ``[n, height, width, channels]``.
        others: the same, or with one channel, which then counts as three equal ones.
        chosen: for each pair whether its SSIM is measured. It is None for others, and for images below 7 pixels.
    """
    found: list[Likeness] = [{"psnr": _psnr(one, other), "ssim": None} for one, other in zip(ones, others)]
    if min(ones.shape[1:3]) < WINDOW:
        return found
    numbers = [number for number, wanted in enumerate(chosen) if wanted]
    bands = _bands(ones.shape[1], ones.shape[2])
    size = max(1, PART // max(1, ones[0, bands[0]].size))
    for start in range(0, len(numbers), size):
        part = numbers[start : start + size]
        each = [_ssim(ones[part, band], others[part, band]) for band in bands]
        for number, value in zip(part, np.mean(each, axis=0)):
            found[number]["ssim"] = round(float(value), 6)
    return found


def _psnr(one: np.ndarray, other: np.ndarray) -> float:
    total = 0
    rows = max(1, PART // max(1, one[0].size))
    for row in range(0, len(one), rows):
        difference = np.subtract(one[row : row + rows], other[row : row + rows], dtype=np.int32)
        total += int(np.einsum("hwc,hwc->", difference, difference, dtype=np.int64))  # may exceed 32 bits
    return round(10 * float(np.log10(BOTH * one.size / total)), 4) if total else 99.0


def _bands(height: int, width: int) -> list[slice]:
    """Rows of the image that are measured: all of a small one, else equal bands with equal distances."""
    windows, tall = (height - WINDOW + 1) * (width - WINDOW + 1), ROWS + WINDOW - 1
    count = max(1, round(max(WINDOWS, windows / SHARE) / (ROWS * (width - WINDOW + 1))))
    if windows <= WINDOWS or count * tall >= height:
        return [slice(0, height)]
    starts = [(height - tall) * (2 * i + 1) // (2 * count) for i in range(count)]
    return [slice(start, start + tall) for start in starts]


def _windows(values: np.ndarray) -> np.ndarray:
    """Sums over all windows: ``[n, height, width, channels]`` → 6 fewer rows and columns. Adding views is fastest."""
    height, width = values.shape[1] - WINDOW + 1, values.shape[2] - WINDOW + 1
    rows = functools.reduce(np.add, [values[:, i : i + height] for i in range(WINDOW)])
    return functools.reduce(np.add, [rows[:, :, i : i + width] for i in range(WINDOW)])


def _ssim(ones: np.ndarray, others: np.ndarray) -> np.ndarray:
    """SSIM of each pair, float64 ``[n]``: the mean over windows and channels. Sums of windows are exact integers."""
    a, b = np.broadcast_arrays(ones.astype(np.int32), others.astype(np.int32))
    pixels = WINDOW**2
    sum_a, sum_b = _windows(a).astype(np.float64), _windows(b).astype(np.float64)
    squares, products = _windows(a * a + b * b).astype(np.float64), _windows(a * b).astype(np.float64)
    # every term below is the usual one times pixels², so that nothing is divided before the end
    cross, powers = sum_a * sum_b, sum_a * sum_a + sum_b * sum_b
    unbiased = pixels / (pixels - 1)
    one, two = C1 * pixels**2, C2 * pixels**2
    upper = (2 * cross + one) * (2 * unbiased * (pixels * products - cross) + two)
    lower = (powers + one) * (unbiased * (pixels * squares - powers) + two)
    return np.asarray((upper / lower).mean(axis=(1, 2, 3)))
