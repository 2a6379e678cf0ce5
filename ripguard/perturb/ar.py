"""Autoregressive noise: each sample is a linear combination of its neighbors above and to the left, one rule per class.

Source: Sandoval-Segura, Singla, Geiping, Goldblum, Goldstein, Jacobs, "Autoregressive Perturbations for Data
Poisoning", NeurIPS 2022 (AR): 3×3 windows, one rule for each class and channel, Gaussian start values, the first rows
and columns removed, L2 norm 1 (images in 0..1, 32×32). The authors searched for rules whose signals stay bounded and
whose filters do not respond to each other's signals; :func:`rules` does the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ripguard.data.image_set import ImageSet
from ripguard.images.rounding import rounded
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.methods.params import Params
from ripguard.perturb.base import Perturbation

CUT = 4  # rows and columns that depend on the start values
SIZE = 1 / np.sqrt(3072)  # root mean square of the noise: L2 norm 1 at 32×32×3
TALLEST = 30.0  # a rule whose signal exceeds this is rejected
LOWEST = 0.01  # a rule whose signal decays below this is rejected
POOL, TRIES = 200, 500  # least number of stable rules; draws for each class


def rules(classes: int, seed: int = 0) -> np.ndarray:
    """Coefficients of the 3×3 window (the last is 0), float64 ``[classes, 3, 3, 3]``; each window sums to 1.

    Greedy, class by class: of many random triples of stable rules, the one with the largest unexplained power between
    it and the rules of the earlier classes, in both directions.
    """
    draw = np.random.default_rng(seed)
    pool, signals = _stable(draw, max(POOL, 6 * classes))
    left = unexplained(pool, signals)  # [rules, signals]
    chosen = draw.choice(len(pool), (1, 3), replace=False)
    while len(chosen) < classes:
        tried = draw.integers(len(pool), size=(TRIES, 3))
        theirs = left[chosen[None], tried[:, None]].mean(2)  # [tries, found], of their rules on the tried signal
        own = left[tried[:, None], chosen[None]].mean(2)
        best = np.minimum(theirs, own).min(1).argmax()
        chosen = np.concatenate([chosen, tried[best : best + 1]])
    return pool[chosen]


def _stable(draw: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Rules, float64 ``[count, 3, 3]``, whose signals neither decay nor grow, and one signal of each."""
    start = draw.normal(size=(8, 64 + CUT, 64 + CUT))
    found: list[np.ndarray] = []
    signals: list[np.ndarray] = []
    while len(found) < count:
        rule = draw.normal(size=(3, 3))
        rule[2, 2] = 0
        if abs(rule.sum()) < 0.1:
            continue
        rule /= rule.sum()
        with np.errstate(over="ignore", invalid="ignore"):
            signal = process(start, rule)[:, CUT:, CUT:]
        size = np.abs(signal)
        if np.isfinite(size).all() and size.max() < TALLEST and size[:, -8:, -8:].mean() > LOWEST:
            found.append(rule)
            signals.append(signal[0])
    return np.stack(found), np.stack(signals)


def unexplained(rules: np.ndarray, signals: np.ndarray) -> np.ndarray:
    """Share of each signal's power that a rule does not predict: float64 ``[rules, signals]``, 0 for its own.

    Args:
        rules: float64 ``[rules, 3, 3]``; signals: ``[signals, height, width]``.
    """
    windows = np.lib.stride_tricks.sliding_window_view(signals, (3, 3), axis=(1, 2))  # [signals, …, …, 3, 3]
    windows = windows.reshape(len(signals), -1, 9)
    scatter = windows.swapaxes(1, 2) @ windows  # [signals, 9, 9]
    filters = np.eye(9)[8] - rules.reshape(-1, 9)
    return np.einsum("ra,sab,rb->rs", filters, scatter, filters, optimize=True) / scatter[:, 8, 8]


def process(start: np.ndarray, rule: np.ndarray) -> np.ndarray:
    """Apply a rule to start values ``[batch, height, width]``; the first two rows and columns are unchanged.

    Each row is the contribution of the two rows above, plus a recursion along the row, which is a linear filter.
    """
    from scipy.signal import lfilter  # imported here: restoring does not need SciPy

    signal = start.copy()
    for row in range(2, signal.shape[1]):
        above = signal[:, row - 2 : row]  # [batch, 2, width]
        given = sum(rule[i, j] * above[:, i, j : above.shape[2] - 2 + j] for i in range(2) for j in range(3))
        first, second = signal[:, row, 0], signal[:, row, 1]
        # y[n] = given[n] + rule[2, 1]·y[n−1] + rule[2, 0]·y[n−2], with y[−1] = second, y[−2] = first
        state = np.stack([rule[2, 1] * second + rule[2, 0] * first, rule[2, 0] * second], axis=1)  # [batch, 2]
        signal[:, row, 2:], _ = lfilter([1.0], [1.0, -rule[2, 1], -rule[2, 0]], given, axis=1, zi=state)
    return signal


@dataclass(frozen=True, kw_only=True)
class ARParams(Params):
    method: ClassVar[str] = "ar"


class AR(Perturbation[ARParams]):
    """Class-wise autoregressive noise; start values from each image's own seed."""

    kind, needs = ARParams, frozenset({Need.CLASSES})
    libraries = ("scipy",)

    def fit(self, training: ImageSet | None, context: FitContext) -> Fitted:
        return Fitted({"rules": rules(len(context.classes))})

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        height, width, channels = clean.shape[1:]
        shape = (channels, height + CUT, width + CUT)
        start = np.stack([np.random.default_rng(int(seed)).normal(size=shape) for seed in seeds])
        noise = np.empty(clean.shape)
        for label in np.unique(labels):
            own = labels == label
            for channel in range(channels):
                signal = process(start[own, channel], self.fitted["rules"][label, channel])
                noise[own, :, :, channel] = signal[:, CUT:, CUT:]
        size = np.sqrt((noise**2).mean((1, 2, 3), keepdims=True)) + 1e-12
        return rounded(clean + 255 * SIZE * noise / size)
