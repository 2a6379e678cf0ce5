"""Images that a scheme cannot hide are all named before any work."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import ripguard
from ripguard.crypto.keys import Key

KEY = Key(bytes(range(32)))


def test_all_images_that_do_not_fit_are_named(tmp_path):  # type: ignore[no-untyped-def]
    """Noise does not compress: it needs more than two bit-planes; a flat image needs less."""
    draw = np.random.default_rng(0)
    for label in "ab":
        (tmp_path / "s" / label).mkdir(parents=True)
        Image.fromarray(np.full((32, 32, 3), 90, np.uint8)).save(tmp_path / "s" / label / "flat.png")
        for number in range(2):
            noise = draw.integers(0, 256, (32, 32, 3)).astype(np.uint8)
            Image.fromarray(noise).save(tmp_path / "s" / label / f"{number}.png")
    options = {"scheme": "seal", "perturb": "none", "planes": 2, "workers": 1}
    with pytest.raises(ripguard.RipguardError) as refusal:
        ripguard.protect(tmp_path / "s", tmp_path / "r", KEY, **options)
    assert refusal.value.exit_code == 3
    assert refusal.value.message.startswith("a/0.png: ")
    assert refusal.value.message.endswith("; 3 more do not fit: a/1.png, b/0.png, b/1.png")
    assert not (tmp_path / "r").exists()
