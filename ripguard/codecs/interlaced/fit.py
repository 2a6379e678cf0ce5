"""Fit the predictors of the small-image codec to the owner's images, and round them to integers.

The predictors are trained in the units of :mod:`ripguard.codecs.interlaced.networks`. The loss is the code length in
bits under the tables of :mod:`ripguard.codecs.interlaced.tables`, with continuous parameters. Within the codecs, only
this module imports torch.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import math
import os
import zlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ripguard.bar import Bar
from ripguard.codecs.interlaced import networks, tables
from ripguard.codecs.interlaced.order import context, steps, target
from ripguard.data.source import cache_root
from ripguard.errors import tell
from ripguard.files import read_regular
from ripguard.weights import save_bytes

SCALE = 32.0  # divisor of the integer inputs, so that weights are near one
UNITS = (64.0, 9.0, 1.0)  # of the outputs: eighths of a gray level, width, share
START = (0.0, 16.0, 1.5)
BOUNDS = (4.0, 4.0, 2.0)  # of the layers' weights; with 48 hidden units all sums stay exact
DESIGN = 1  # version of the predictors; cached models of another version are not used


@dataclass(frozen=True)
class Settings:
    """How the predictors are fitted.

    Attributes:
        hidden: units of each hidden layer, at most 48.
        steps: gradient steps; samples: samples per step.
    """

    hidden: int = 48
    steps: int = 4000
    samples: int = 25_000
    peak_lr: float = 6e-3
    seed: int = 0


class Trainable(nn.Module):
    """One predictor with real weights; :func:`rounded` converts it to the codec's."""

    def __init__(self, sizes: list[tuple[int, int]]) -> None:
        super().__init__()
        layers = [nn.Linear(ins, outs) for outs, ins in sizes]
        nn.init.zeros_(layers[2].weight)
        nn.init.zeros_(layers[2].bias)
        self.layers = nn.ModuleList(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Contexts ``[samples, inputs]`` → eighths above the base, width, share: float32 ``[samples, 3]``."""
        x = x / SCALE
        for layer in self.layers[:2]:
            x = layer(x).clamp(0, networks.ACTIVE / SCALE)
        return self.layers[2](x) * x.new_tensor(UNITS) + x.new_tensor(START)


def bits(predicted: Tensor, sample: Tensor, base: Tensor) -> Tensor:
    """Code length of each sample in bits, float32 ``[samples]``, with continuous width and share."""
    centre = (base + predicted[:, 0] / tables.FRACTION).clamp(0, 255)
    width, share = predicted[:, 1].clamp(0, tables.WIDTHS - 1), predicted[:, 2].clamp(0, len(tables.SHARES) - 1)
    slope = torch.exp(-width * (math.log(3) / tables.PER_TRIPLING)) / float(tables.NARROWEST)
    shares = sample.new_tensor(tables.SHARES) / 16
    left = share.detach().floor().clamp(max=len(tables.SHARES) - 2).long()
    narrow = shares[left] + (share - left) * (
        shares[left + 1] - shares[left]
    )  # interpolated between the tables' values

    def mass(slope: Tensor) -> Tensor:
        return torch.sigmoid((sample - centre + 0.5) * slope) - torch.sigmoid((sample - centre - 0.5) * slope)

    return -torch.log2(narrow * mass(slope) + (1 - narrow) * mass(slope / 3) + 2.0 ** -(tables.UNIT + 4))


def fit(images: np.ndarray, settings: Settings = Settings()) -> networks.Model:
    """Fit to uint8 ``[n, side, side, channels]`` images or crops, of at least 3×3 pixels."""
    torch.manual_seed(settings.seed)
    draw = np.random.default_rng(settings.seed)
    channels, side = images.shape[3], images.shape[1]
    places = list(networks.places(channels))
    predictors = nn.ModuleDict(
        {_name(p): Trainable(networks.shapes(channels, settings.hidden, *p[1:])) for p in places}
    )
    optimiser = torch.optim.AdamW(predictors.parameters(), settings.peak_lr)
    batch = max(1, settings.samples // (side * side * channels))
    bar = Bar(range(settings.steps), stage="small-image codec", unit="step")
    for number in bar:
        for group in optimiser.param_groups:
            group["lr"] = settings.peak_lr * (0.5 + 0.5 * math.cos(math.pi * number / settings.steps))
        chosen = images[draw.integers(len(images), size=batch)].transpose(0, 3, 1, 2)  # [batch, channels, side, side]
        x = np.ascontiguousarray(chosen[..., ::-1] if draw.random() < 0.5 else chosen, np.float32)
        costs = []
        for step in steps(side, side, channels):
            around, base = (torch.from_numpy(a) for a in context(x, step))
            own = predictors[_name((min(step.level, networks.LEVELS - 1), step.phase, step.turn))]
            sample = torch.from_numpy(np.ascontiguousarray(target(x, step)).ravel())
            costs.append(bits(own(around.T), sample, base).sum())
        cost = torch.stack(costs).sum() / x.size
        optimiser.zero_grad()
        cost.backward()
        optimiser.step()
        with torch.no_grad():
            for one in predictors.values():
                for layer, bound in zip(one.layers, BOUNDS):  # type: ignore[arg-type]
                    layer.weight.clamp_(-bound, bound)
        if number % 50 == 0:
            bar.set_postfix(bits=f"{cost.item():.2f}")
    return networks.Model(channels, settings.hidden, {p: rounded(predictors[_name(p)]) for p in places})


def rounded(trained: nn.Module) -> networks.Predictor:  # a Trainable, as a ModuleDict gives it back
    """The predictor with integer weights; units: hidden activations 1/SCALE, weights 1/2^SHIFT."""
    one, half = float(1 << networks.SHIFT), float(1 << networks.SHIFT >> 1)
    weights, biases = [], []
    for number, layer in enumerate(trained.layers):  # type: ignore[arg-type]
        unit = layer.weight.new_tensor(UNITS)[:, None] / SCALE if number == 2 else 1.0
        start = layer.weight.new_tensor(START) if number == 2 else 0.0
        scale = layer.weight.new_tensor(UNITS) if number == 2 else SCALE
        weights.append((layer.weight.detach() * unit * one).round().numpy())
        biases.append(((layer.bias.detach() * scale + start) * one + half).round().numpy()[:, None])
    return networks.Predictor(weights, biases)


def _name(place: tuple[int, int, int]) -> str:
    return "-".join(map(str, place))


def obtain(images: np.ndarray, settings: Settings = Settings()) -> bytes:
    """The model file for these images and settings: from the cache, or fitted now."""
    digest = hashlib.sha256(json.dumps([DESIGN, dataclasses.asdict(settings)], sort_keys=True).encode())
    digest.update(str(images.shape).encode() + images.tobytes())
    path = cache_root() / "coders" / f"{digest.hexdigest()[:20]}.bin"
    if os.path.lexists(path):
        with contextlib.suppress(OSError):
            data = read_regular(path, networks.LARGEST, follow=True)
            if _is_model(data, images.shape[3], settings.hidden):
                return data
        tell(f"ripguard: note: {path} is damaged and will be fitted again")
    data = networks.pack(fit(images, settings))
    save_bytes(data, path, private=True)  # it was fitted to images that may be secret
    return data


def _is_model(data: bytes, channels: int, hidden: int) -> bool:
    """Whether a cached file is a complete model; zlib's checksum covers the weights."""
    try:
        model = networks.unpack(data)
        rest = zlib.decompressobj()
        rest.decompress(data[len(networks.MAGIC) + 2 :], networks.LARGEST + 1)
    except (networks.BadModel, zlib.error):
        return False
    return (model.channels, model.hidden) == (channels, hidden) and rest.eof and not rest.unused_data
