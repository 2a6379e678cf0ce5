"""An attack without labels: standardize each output over many unlabeled images.

A victim that predicts one class for most images, such as a sink class (:mod:`ripguard.perturb.marks`), may still rank
the images correctly. Standardization removes the constant preference for that class.
"""

from __future__ import annotations

import numpy as np


def standardised(logits: np.ndarray, over: np.ndarray | None = None) -> np.ndarray:
    """Each output minus its mean, over its standard deviation: float ``[n, classes]`` → the same shape.

    Args:
        over: logits, float ``[m, classes]``, that give mean and standard deviation; None: ``logits``.
    """
    over = logits if over is None else over
    return (logits - over.mean(0)) / np.maximum(over.std(0), 1e-9)
