"""Open a class of a Learnability Lock with known pairs: clean images of the class, and the same ones as published.

All images of a class go through one transform. The linear one has two numbers for each sample, so two pairs whose
samples differ solve it, up to rounding. Least squares use any number of pairs; where they say little, because the
samples of all pairs are alike, what is known of the lock before decides: its numbers lie within its bound. The network
of the other form is imitated by one that learns from the pairs. No key is needed, and no label beyond those of the
pairs.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ripguard.errors import expected
from ripguard.perturb.lock.linear import fixed, unlocked

ROUNDED = 1 / 12  # variance of what rounding to whole gray levels changes
STEPS, RATE, HIDDEN = 300, 0.003, 32  # of the network: steps of Adam over all pairs, learning rate, channels
Opener = Callable[[np.ndarray], np.ndarray]  # published images of the class → as they were before, both uint8


def open_linear(clean: np.ndarray, shown: np.ndarray, eps: float) -> Opener:
    """What undoes the linear lock of the pairs' class.

    Args:
        clean, shown: uint8 ``[pairs, height, width, channels]``, all of one class.
        eps: bound of the lock, images in 0..1: parameters of methods are public.

    Raises:
        ValueError: the shapes differ, or there is no pair.
    """
    _check(clean, shown)
    x, moved = clean.astype(np.float64), shown.astype(np.float64) - clean
    used = (shown > 0) & (shown < 255)  # others may have been cut off
    slope_power, offset_power = (eps / 2) ** 2 / 3, (255 * eps / 2) ** 2 / 3  # of numbers uniform within their bounds
    # more moved than a lock does: there is a payload, too
    spread = max(ROUNDED, float((moved**2 - slope_power * x * x).mean()) - offset_power)
    # posterior mean of W − 1 and B: two normal equations for each sample
    sums = [(used * value).sum(0) for value in (x * x, x, np.ones_like(x), x * moved, moved)]
    sxx, sx, n, sxm, sm = sums
    sxx, n = sxx + spread / slope_power, n + spread / offset_power
    determinant = sxx * n - sx * sx
    slope, offset = (sxm * n - sm * sx) / determinant, (sm * sxx - sxm * sx) / determinant
    half = eps / 2  # no lock exceeds its bounds, whatever noise suggests
    found = fixed(1 + slope.clip(-half, half), (offset / 255).clip(-half, half))
    return lambda images: unlocked(images, found["scale"], found["offset"])


def open_by_network(
    clean: np.ndarray, shown: np.ndarray, eps: float, seed: int = 0, steps: int = STEPS
) -> Opener:  # fmt: skip
    """What undoes the lock of the pairs' class by a small network: clean = shown − ε·tanh(g(shown)), g learned.

    Arguments and errors as :func:`open_linear`; three channels.
    """
    import torch
    from torch import nn

    _check(clean, shown)
    torch.manual_seed(seed)
    layers = [nn.Conv2d(3, HIDDEN, 3, padding=1), nn.ReLU(), nn.Conv2d(HIDDEN, HIDDEN, 3, padding=1), nn.ReLU()]
    net = nn.Sequential(*layers, nn.Conv2d(HIDDEN, 3, 3, padding=1))
    optimiser = torch.optim.Adam(net.parameters(), RATE)

    def tensor(images: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255

    def before(x: torch.Tensor) -> torch.Tensor:
        return x - eps * net(x).tanh()

    x, wanted = tensor(shown), tensor(clean)
    for _ in range(steps):
        loss = (before(x) - wanted).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    def opened(images: np.ndarray) -> np.ndarray:
        with torch.no_grad():
            y = before(tensor(images)).clamp(0, 1)
        return (255 * y).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()

    return opened


def _check(clean: np.ndarray, shown: np.ndarray) -> None:
    if clean.shape != shown.shape or clean.ndim != 4 or not len(clean):
        raise ValueError(expected("pairs", f"published images of shape {clean.shape}", shown.shape))
