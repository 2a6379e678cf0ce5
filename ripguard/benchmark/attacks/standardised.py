"""The attacker who needs no label: a victim that gives one answer for everything may still rank the images.

Every output is counted against its own mean and spread over many unlabelled images, so that an answer which is given
to all of them, as to a sink (:mod:`ripguard.perturb.marks`), says nothing any more.
"""

from __future__ import annotations

import numpy as np


def standardised(logits: np.ndarray, over: np.ndarray | None = None) -> np.ndarray:
    """Each output minus its mean, over its standard deviation: float ``[n, classes]`` → the same shape.

    Args:
        over: float ``[m, classes]`` of the images that mean and standard deviation are taken over; None: the same.
    """
    over = logits if over is None else over
    return (logits - over.mean(0)) / np.maximum(over.std(0), 1e-9)
