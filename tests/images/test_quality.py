"""PSNR and SSIM; beside scikit-image they are compared in tests/benchmark/test_report.py."""

from __future__ import annotations

from helpers import crop

from ripguard.images.quality import likeness


def test_psnr_alone():
    """Without SSIM, the PSNR is the same."""
    one, other = crop(1), crop(2)
    assert likeness(one, other, ssim=False) == likeness(one, other) | {"ssim": None}
