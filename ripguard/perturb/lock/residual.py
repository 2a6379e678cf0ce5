"""The i-ResNet lock in 8-bit images: x' = x + ε·tanh(h(x)), h three convolutions of each class, and its inverse.

Each convolution changes distances by at most :data:`LIPSCHITZ`, so x' = x + ε·tanh(h(x)) has one solution x for every
x', which fixed-point iteration finds (Behrmann et al., "Invertible Residual Networks", ICML 2019). The last one has a
bias, a color of the class, which the authors' code lacks. Computed in double precision: machines differ by far less
than a gray level.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

LIPSCHITZ = 0.97  # of each convolution
HIDDEN = 16  # channels between the convolutions
SIDES = (3, 1, 3)  # of the kernels
MOST, CLOSE = 100, 1e-9  # iterations of the inverse, and the change of an image in 0..1 to stop at
REACH = sum(side // 2 for side in SIDES)  # pixels around one that decide its value
PART = 1 << 16  # pixels that the convolutions get at once
TINY = 1e-9  # a norm
Net = list[np.ndarray]  # of one class: kernels, float [outputs, inputs, side, side], and the bias, float [3]


def shapes(classes: int) -> list[tuple[int, ...]]:
    """Shapes of the kernels, ``[classes, outputs, inputs, side, side]`` each, and of the bias, ``[classes, 3]``."""
    channels = (3, HIDDEN, HIDDEN, 3)
    return [*((classes, channels[i + 1], channels[i], side, side) for i, side in enumerate(SIDES)), (classes, 3)]


def bounded(kernels: Tensor) -> Tensor:
    """Kernels scaled so that their convolutions change distances by at most :data:`LIPSCHITZ`.

    The norm of a convolution is at most that of its flattened kernel times its side: each sample is in so many windows
    along both directions. For kernels that average, which colors need, this is no overestimate. Small kernels are
    scaled up, which the authors' code does not do: left small, ours moved images by one or two gray levels.

    Args:
        kernels: ``[classes, outputs, inputs, side, side]``.
    """
    import torch

    norms = torch.linalg.matrix_norm(kernels.flatten(2), 2) * kernels.shape[-1]  # [classes]
    return kernels * (LIPSCHITZ / norms.clamp_min(TINY))[:, None, None, None, None]


def moves(x: Tensor, net: list[Tensor], eps: float) -> Tensor:
    """ε·tanh(h(x)) of images ``[batch, 3, height, width]`` of one class; see :data:`Net`."""
    import torch.nn.functional as F

    *kernels, bias = net
    for number, kernel in enumerate(kernels):
        x = F.conv2d(F.relu(x) if number else x, kernel, padding="same")
    return eps * (x + bias[:, None, None]).tanh()


def locked(clean: np.ndarray, net: Net, eps: float) -> np.ndarray:
    """A locked image, rounded and cut off at 0 and 255: uint8 ``[height, width, 1 or 3]``, as ``clean``.

    Args:
        net: of the image's class.
    """
    x = clean / 255
    return np.rint(255 * np.clip(x + _moved(x, net, eps), 0, 1)).astype(np.uint8)


def unlocked(shown: np.ndarray, net: Net, eps: float) -> np.ndarray:
    """The inverse, rounded: the clean image, but for what locking rounded and cut off. Arguments as :func:`locked`."""
    y = shown / 255
    x = y
    for _ in range(MOST):
        before, x = x, y - _moved(x, net, eps)
        if np.abs(x - before).max() < CLOSE:
            break
    return np.rint(255 * np.clip(x, 0, 1)).astype(np.uint8)


def _moved(x: np.ndarray, net: Net, eps: float) -> np.ndarray:
    """ε·tanh(h(x)) of one image: float64 ``[height, width, 1 or 3]``, as ``x``. Gray: the mean of the channels.

    Strips of rows bound the memory; each has the rows around it that the kernels see.
    """
    import torch

    own = [torch.from_numpy(one).double() for one in net]
    rows, height = max(1, PART // x.shape[1]), len(x)
    found = []
    for start in range(0, height, rows):
        first, last = max(0, start - REACH), min(height, start + rows + REACH)
        strip = torch.from_numpy(np.ascontiguousarray(x[first:last])).permute(2, 0, 1)[None].expand(-1, 3, -1, -1)
        with torch.no_grad():
            moved = moves(strip, own, eps)[0].permute(1, 2, 0).numpy()
        found.append(moved[start - first : start - first + rows])
    whole = np.concatenate(found)[:height]
    return whole if x.shape[2] == whole.shape[2] else whole.mean(2, keepdims=True)
