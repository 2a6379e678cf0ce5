"""Images of three classes and a small surrogate that knows them, for all tests here."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import SEED

from ripguard.data.registry import open_source
from ripguard.images.decoding import read_image
from ripguard.perturb import surrogate
from ripguard.perturb.fsp import library

CLASSES = ("brick", "cat", "retina")


@pytest.fixture(scope="module")
def world():  # type: ignore[no-untyped-def]
    """Images, labels, and a surrogate that knows them."""
    items = [i for i in open_source("photos").items if i.split == "train" and i.label in CLASSES]
    items = [i for label in CLASSES for i in [j for j in items if j.label == label][:150]]
    images = np.stack([read_image(i.path) for i in items])
    labels = np.array([CLASSES.index(i.label) for i in items])
    settings = surrogate.Settings(widths=(16, 24, 32, 48), epochs=8, batch=32, peak_lr=0.1, seed=SEED)
    model = surrogate.train(images, labels, 3, settings)
    return images, labels, model, library(model, images, labels), settings
