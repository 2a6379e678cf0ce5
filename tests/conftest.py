"""Shared by all tests: real small pictures, and a release's worth of keys."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest
import skimage.data
import torch
from hypothesis import settings

from ripguard.hide import lsb
from ripguard.hide.base import Hidden, Identity
from ripguard.hide.header import LENGTH, Header
from ripguard.hide.mrit.method import MRIT
from ripguard.hide.mrit.transform import Params
from ripguard.keys import Key, PictureKeys

settings.register_profile("repeatable", derandomize=True, deadline=None, max_examples=40)
settings.load_profile("repeatable")

torch.set_num_threads(1)  # pytest-xdist has a process for each core; more threads would wait for each other

KEY = Key(bytes(range(32)))
DATASET = b"data-set"


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


def keys_for(count: int, key: Key = KEY, dataset: bytes = DATASET) -> tuple[list[Identity], list[PictureKeys]]:
    """Identities and keys of pictures 0..count-1 of unit 0."""
    unit = key.dataset(dataset).unit(0)
    return [Identity(key.id, dataset, 0, i) for i in range(count)], [unit.picture(i) for i in range(count)]


def protect_batch(
    clean: np.ndarray, carrier: np.ndarray, params: Params | None = None, lossy: bool = False
) -> tuple[list[Hidden], list[PictureKeys], list[Header]]:
    """Hide a batch; headers are read back from the pictures' own bits where they carry one."""
    ids, keys = keys_for(len(clean))
    hidden = MRIT(params, lossy).hide(clean, carrier, ids, keys)
    return hidden, keys, [header_of(one.picture) if one.header.planes else one.header for one in hidden]


def header_of(picture: np.ndarray) -> Header:
    """The header in a picture's own bits."""
    return Header.unpack(lsb.read(picture[None], np.array([LENGTH]))[0])


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing is written to the user's cache, unless RIPGUARD_CACHE names another place."""
    with pytest.MonkeyPatch.context() as patch:
        if "RIPGUARD_CACHE" not in os.environ:
            patch.setenv("RIPGUARD_CACHE", str(tmp_path_factory.getbasetemp().parent / "ripguard-cache"))
        yield
