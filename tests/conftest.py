"""Shared by all tests: real small images, and a cache of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
import skimage.data
from helpers import SEED
from hypothesis import settings

from ripguard import executor

try:
    import torch
except ModuleNotFoundError:  # tests/wheels runs some tests in environments without it
    torch = None  # type: ignore[assignment]

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("repeatable")

# pytest-xdist has a process for each core; more threads would wait for each other, and so would those of programs that
# the tests start
THREADS = os.environ.get("RIPGUARD_TEST_THREADS", "1")
if torch:
    torch.set_num_threads(int(THREADS))
os.environ |= {name: THREADS for name in executor.THREADS}


@pytest.fixture(autouse=True)
def seeded() -> None:
    """Weights drawn without a seed of their own do not hang on the tests before."""
    if torch:
        torch.manual_seed(SEED)


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
            base = tmp_path_factory.getbasetemp()  # with pytest-xdist each process has one; the cache is for all
            base = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
            patch.setenv("RIPGUARD_CACHE", str(base / "ripguard-cache"))
        yield
