"""Try a model on one image before it is trained: a model that does not take the images is refused in a sentence."""

from __future__ import annotations

import torch
from torch import nn

from ripguard.errors import InputRefused, out_of_memory
from ripguard.train.models import build


def tried(model: str, classes: int, side: int) -> nn.Module:
    """A new model that gave logits for an image, in training mode, on the CPU.

    Args:
        model: name in :data:`ripguard.train.models.MODELS`.
        classes: number of classes; side: of the images in pixels.

    Raises:
        InputRefused: the model does not take images of this side.
    """
    made = build(model, classes, side).eval()
    try:
        with torch.no_grad():
            made(torch.zeros(1, 3, side, side))
    except (RuntimeError, AssertionError) as error:  # torchvision's transformer asserts the size
        if out_of_memory(error):
            raise
        raise InputRefused(
            f"{model} does not take images of {side}×{side} pixels", "name another --model, or enlarge the source"
        ) from None
    return made.train()
