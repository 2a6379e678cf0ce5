"""Models of the small-image coder with random weights, shared by tests."""

from __future__ import annotations

import numpy as np

from ripguard.codecs.interlaced import networks
from ripguard.codecs.interlaced.order import CHANNELS


def some_model(channels: int, hidden: int = 6, seed: int = 0) -> networks.Model:
    """Random weights; a bad predictor, which every coder must be exact with."""
    draw = np.random.default_rng(seed)
    predictors = {}
    for place in networks.places(channels):
        sizes = networks.shapes(channels, hidden, *place[1:])
        weights = [draw.integers(-64, 64, size).astype(np.float32) for size in sizes]
        predictors[place] = networks.Predictor(
            weights, [draw.integers(0, 2048, (size[0], 1)).astype(np.float32) for size in sizes]
        )
    return networks.Model(channels, hidden, predictors)


MODELS = {channels: some_model(channels) for channels in CHANNELS}


def model_file(seed: int) -> bytes:
    """A file of a smaller one, for RGB, without biases."""
    draw, predictors = np.random.default_rng(seed), {}
    for place in networks.places(3):
        sizes = networks.shapes(3, 4, *place[1:])
        weights = [draw.integers(-64, 64, size).astype(np.float32) for size in sizes]
        predictors[place] = networks.Predictor(weights, [np.zeros((size[0], 1), np.float32) for size in sizes])
    return networks.pack(networks.Model(3, 4, predictors))


MODEL, OTHER = model_file(0), model_file(1)
