"""A new linear head, fitted to a few clean images, on the features of a model trained on protected images.

Low accuracy alone is not protection: the model may have learned useful features. As a baseline, the same head is fitted
to features of a model that was trained only on the few clean images.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ripguard.precision import fast_math
from ripguard.train.loop import Victim, on_device
from ripguard.train.models import head_of

DECAYS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # chosen by cross-validation on the images of the attacker
FOLDS = 5


def features(victim: Victim, images: np.ndarray, batch: int = 500) -> np.ndarray:
    """Inputs of the last linear layer: uint8 ``[n, side, side, 3]`` → float32 ``[n, values]``."""
    seen: list[Tensor] = []
    handle = head_of(victim.model)[1].register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0].detach().float().cpu())
    )
    victim.model.eval()
    try:
        with torch.no_grad(), fast_math(victim.device):
            for start in range(0, len(images), batch):
                victim.model(victim.standardise(on_device(images[start : start + batch], victim.device)))
    finally:
        handle.remove()
    return torch.cat(seen).numpy()


def accuracy_of_new_head(
    known: np.ndarray, labels: np.ndarray, test: np.ndarray, truth: np.ndarray, classes: int
) -> float:
    """Accuracy in percent of logistic regression on features.

    Args:
        known, labels: features float32 ``[m, values]`` and classes of the clean images of the attacker.
        test, truth: features and classes of the test images.
    """
    mean, sd = known.mean(0), known.std(0) + 1e-6
    x, y = torch.from_numpy((known - mean) / sd), torch.from_numpy(labels)
    fold = torch.arange(len(x)) % FOLDS  # the images are in random order
    scores = []
    for decay in DECAYS:
        right = sum(
            (_fit(x[fold != k], y[fold != k], classes, decay)(x[fold == k]).argmax(1) == y[fold == k]).sum()
            for k in range(FOLDS)
        )
        scores.append(int(right))
    best = _fit(x, y, classes, DECAYS[int(np.argmax(scores))])
    predicted = best(torch.from_numpy((test - mean) / sd)).argmax(1).numpy()
    return 100 * float((predicted == truth).mean())


def _fit(x: Tensor, y: Tensor, classes: int, decay: float) -> nn.Linear:
    """Multinomial logistic regression with an L2 penalty, to its optimum (L-BFGS)."""
    model = nn.Linear(x.shape[1], classes)
    nn.init.zeros_(model.weight)
    nn.init.zeros_(model.bias)
    optimiser = torch.optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")

    def cost() -> Tensor:
        optimiser.zero_grad()
        loss = F.cross_entropy(model(x), y) + decay * model.weight.square().sum() / 2
        loss.backward()
        return loss

    optimiser.step(cost)  # type: ignore[arg-type]
    return model.requires_grad_(False)
