"""How alike two pictures are: PSNR and SSIM of 8-bit pictures, by scikit-image."""

from __future__ import annotations

import numpy as np

SSIM_WINDOW = 7  # pixels; smaller pictures have no SSIM


def likeness(one: np.ndarray, other: np.ndarray) -> dict[str, float | None]:
    """``{"psnr": dB, "ssim": …}`` of two uint8 ``[height, width, channels]`` pictures; equal pictures: PSNR 99.

    SSIM with scikit-image's defaults (7×7 window, mean over channels); None for pictures too small for it.
    """
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    psnr = 99.0 if np.array_equal(one, other) else float(peak_signal_noise_ratio(one, other, data_range=255))
    ssim = None
    if min(one.shape[:2]) >= SSIM_WINDOW:
        ssim = float(structural_similarity(one, other, channel_axis=2, data_range=255))
    return {"psnr": round(psnr, 4), "ssim": None if ssim is None else round(ssim, 6)}
