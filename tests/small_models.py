"""Models of the small-image coder with random weights, shared by tests."""

from __future__ import annotations

import numpy as np

from ripguard.codecs.interlaced import networks
from ripguard.codecs.interlaced.order import CHANNELS


def some_model(channels: int, hidden: int = 6, seed: int = 0, biases: int = 2048) -> networks.Model:
    """Random weights, and biases below a bound; a bad predictor, which every coder must be exact with."""
    draw = np.random.default_rng(seed)
    predictors = {}
    for place in networks.places(channels):
        sizes = networks.shapes(channels, hidden, *place[1:])
        weights = [draw.integers(-64, 64, size).astype(np.float32) for size in sizes]
        predictors[place] = networks.Predictor(
            weights, [draw.integers(0, biases, (size[0], 1)).astype(np.float32) for size in sizes]
        )
    return networks.Model(channels, hidden, predictors)


MODELS = {channels: some_model(channels) for channels in CHANNELS}
# files of smaller ones for RGB, without biases
MODEL, OTHER = (networks.pack(some_model(3, 4, seed, biases=1)) for seed in (0, 1))
