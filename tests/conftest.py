"""Shared by all tests: real small pictures, and a cache of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import settings

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("repeatable")

torch.set_num_threads(1)  # pytest-xdist has a process for each core; more threads would wait for each other


@pytest.fixture(scope="session")
def clean() -> np.ndarray:
    """24 crops of photographs, uint8 [24, 32, 32, 3]."""
    draw, crops = np.random.default_rng(0), []
    for photograph in (skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee()):
        for _ in range(8):
            y, x = draw.integers(photograph.shape[0] - 32), draw.integers(photograph.shape[1] - 32)
            crops.append(photograph[y : y + 32, x : x + 32])
    return np.stack(crops)


@pytest.fixture(scope="session")
def carrier(clean: np.ndarray) -> np.ndarray:
    """The crops with bounded noise in patches, as a perturbation would leave them."""
    noise = np.random.default_rng(1).choice([-18, 18], (len(clean), 8, 8, 3)).repeat(4, axis=1).repeat(4, axis=2)
    return np.clip(clean.astype(int) + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is written to the user's cache, unless RIPGUARD_CACHE names another place."""
    with pytest.MonkeyPatch.context() as patch:
        if "RIPGUARD_CACHE" not in os.environ:
            patch.setenv("RIPGUARD_CACHE", str(tmp_path_factory.getbasetemp().parent / "ripguard-cache"))
        yield
