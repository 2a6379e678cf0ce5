"""Image quality: PSNR and SSIM of 8-bit images, by scikit-image."""

from __future__ import annotations

import itertools

import numpy as np

SSIM_WINDOW = 7  # pixels; smaller images have no SSIM


BAND = 1 << 21  # pixels; larger images are compared in horizontal bands, to limit memory


def likeness(one: np.ndarray, other: np.ndarray, ssim: bool = True) -> dict[str, float | None]:
    """``{"psnr": dB, "ssim": …}`` of two uint8 ``[height, width, channels]`` images; equal images: PSNR 99.

    A gray image is compared with a color image as one with three equal channels. SSIM has scikit-image's defaults (7×7
    window, mean over channels); it is None for smaller images. For more than two million pixels it is the mean over
    bands, without the windows that cross two bands. It is also None where ``ssim`` is False: it takes nearly all of the
    time.
    """
    from skimage.metrics import mean_squared_error, structural_similarity

    one, other = np.broadcast_arrays(one, other)
    height, width = one.shape[:2]
    count = -(-height * width // BAND)
    edges = [height * i // count for i in range(count + 1)]
    bands = [(one[a:b], other[a:b], (b - a) / height) for a, b in itertools.pairwise(edges)]
    error = sum(share * mean_squared_error(x, y) for x, y, share in bands)
    measured = None
    if ssim and min(height // count, width) >= SSIM_WINDOW:
        found = (share * structural_similarity(x, y, channel_axis=2, data_range=255) for x, y, share in bands)
        measured = round(float(sum(found)), 6)
    return {"psnr": round(10 * float(np.log10(255**2 / error)), 4) if error else 99.0, "ssim": measured}


def median_looks(shown: np.ndarray, clean: np.ndarray, most: int = 500) -> dict[str, float]:
    """Medians ``psnr_to_clean`` in dB and ``ssim_to_clean`` of uint8 ``[n, height, width, 3]``, 7 pixels or more.

    Args:
        most: approximate number of images measured, every n-th, so that sorted classes are all included.
    """
    some = slice(None, None, max(1, len(shown) // most))
    found = [likeness(a, b) for a, b in zip(shown[some], clean[some])]
    psnr, ssim = (float(np.median([one[what] for one in found])) for what in ("psnr", "ssim"))
    return {"psnr_to_clean": round(psnr, 2), "ssim_to_clean": round(ssim, 4)}
