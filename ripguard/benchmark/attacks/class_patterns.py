"""Remove class-wise patches and public waves from published images: no key, no clean image, no training.

A perturbation that gives every image of a class the same patches on a coarse grid shows them in the mean image of the
class: natural means are smooth, so a jump at the border of two cells is the difference of two patches. Least squares
over all borders give the patches up to a constant. That patches have two opposite strengths, or are on few cells, gives
the constant. A perturbation whose patterns are combinations of public ones, such as waves of known directions and
lengths, loses them to a projection: each image is made orthogonal to their span.
"""

from __future__ import annotations

import numpy as np

from ripguard.images.rounding import rounded

GRID = 4
RIDGE = 1e-3  # of the least squares: without it, the sum of the patches is undetermined
NEAR = 0.35  # RMS distance, in A, of estimated patches to patches of −A, 0 and A
PART = 1 << 11  # images projected at once


def without_patterns(
    images: np.ndarray, labels: np.ndarray, classes: int, span: np.ndarray | None = None, grid: int = GRID
) -> np.ndarray:
    """The images without estimated patches, and without their part in a span.

    Args:
        images: uint8 ``[n, height, width, channels]``, as published.
        labels: int64 ``[n]``, their classes.
        span: public patterns, float ``[k, height, width]``; None: none are known.
        grid: cells along each side.

    Returns:
        uint8, shape of ``images``.
    """
    patches = class_patches(images, labels, classes, grid)  # [classes, grid, grid, channels]
    height, width = images.shape[1:3]
    rows, cols = (np.arange(side) * grid // side for side in (height, width))
    spread = patches[:, rows][:, :, cols]  # [classes, height, width, channels]
    result = np.empty_like(images)
    basis = None if span is None else _basis(span)
    for start in range(0, len(images), PART):
        part = slice(start, start + PART)
        values = images[part] - spread[labels[part]]
        if basis is not None:
            values = _projected(values, basis)
        result[part] = rounded(values)
    return result


def class_patches(images: np.ndarray, labels: np.ndarray, classes: int, grid: int = GRID) -> np.ndarray:
    """Estimated patches of every class, float64 ``[classes, grid, grid, channels]``, in gray levels.

    A class without images gets zeros. Arguments as :func:`without_patterns`.
    """
    shape = (classes, *images.shape[1:])
    means = np.zeros(shape)
    present = np.bincount(labels, minlength=classes)
    for label in np.flatnonzero(present):
        means[label] = images[labels == label].mean(0)
    there = present > 0
    down, along = _jumps(means, grid), _jumps(means.swapaxes(1, 2), grid).swapaxes(1, 2)
    found = np.zeros((classes, grid, grid, images.shape[3]))
    found[there] = _from_jumps(down[there], along[there], grid)
    return _snapped(found + _constants(found))


def _constants(found: np.ndarray) -> np.ndarray:
    """What is to be added to patches with sum 0, for each class and channel: ``[classes, 1, 1, channels]``.

    Either all patches become equally strong, or most cells stay without a patch: what needs the smaller constants.
    """
    flat = found.reshape(len(found), -1, found.shape[3])  # [classes, cells, channels]
    reach = np.abs(flat).max(1, keepdims=True)
    tried = np.linspace(-1, 1, 201)[:, None, None, None] * reach  # [201, classes, 1, channels]
    uneven = np.abs(flat + tried).var(2)  # [201, classes, channels]
    even = np.take_along_axis(tried[:, :, 0], uneven.argmin(0)[None], 0)[0]
    sparse = -np.median(flat, 1)
    return min(even, sparse, key=lambda one: float(np.abs(one).sum()))[:, None, None]


def _snapped(found: np.ndarray) -> np.ndarray:
    """Patches that are nearly −A, 0 or A in all cells of a class become so; others stay as they are."""
    flat = found.reshape(len(found), -1)  # [classes, cells · channels]
    most = np.abs(flat).max(1, keepdims=True)
    there = np.abs(flat) > most / 2
    size = (np.abs(flat) * there).sum(1, keepdims=True) / np.maximum(there.sum(1, keepdims=True), 1)
    snapped = np.sign(flat) * there * size
    near = np.sqrt(((flat - snapped) ** 2).mean(1, keepdims=True)) < NEAR * size
    return np.where(near, snapped, flat).reshape(found.shape)


def _jumps(means: np.ndarray, grid: int) -> np.ndarray:
    """Jumps between cells that lie below each other, [classes, grid - 1, grid, channels], less the slope around them.

    Hiding may move content within blocks of a few pixels, so strips of two pixels or more are compared.
    """
    height, width = means.shape[1:3]
    wide = max(2, height // 16)
    cols = [slice(-(-cell * width // grid), -(-(cell + 1) * width // grid)) for cell in range(grid)]
    jumps = []
    for cell in range(1, grid):
        edge = -(-cell * height // grid)
        strips = [means[:, edge + k * wide : edge + (k + 1) * wide].mean(1) for k in (-2, -1, 0, 1)]
        far_above, above, below, far_below = strips  # [classes, width, channels]
        jump = (below - above) - (far_below - below + above - far_above) / 2
        jumps.append(np.stack([jump[:, col].mean(1) for col in cols], 1))
    return np.stack(jumps, 1)


def _from_jumps(down: np.ndarray, along: np.ndarray, grid: int) -> np.ndarray:
    """Patches with these jumps by least squares, with sum 0: ``[classes, grid, grid, channels]``.

    Args:
        down: ``[classes, grid - 1, grid, channels]``; along: ``[classes, grid, grid - 1, channels]``.
    """
    cells = np.arange(grid * grid).reshape(grid, grid)
    pairs = [*zip(cells[:-1].ravel(), cells[1:].ravel()), *zip(cells[:, :-1].ravel(), cells[:, 1:].ravel())]
    equations = np.zeros((len(pairs), grid * grid))
    for number, (first, second) in enumerate(pairs):
        equations[number, [first, second]] = -1, 1
    classes, channels = len(down), down.shape[3]
    wanted = np.concatenate([down.reshape(classes, -1, channels), along.reshape(classes, -1, channels)], 1)
    solve = np.linalg.inv(equations.T @ equations + RIDGE * np.eye(grid * grid)) @ equations.T
    return (solve @ wanted).reshape(classes, grid, grid, channels)


def _basis(span: np.ndarray) -> np.ndarray:
    """Orthonormal basis of a span: float64 ``[k, height, width]`` → ``[height · width, rank]``."""
    left, sizes, _ = np.linalg.svd(span.reshape(len(span), -1).T, full_matrices=False)
    return left[:, sizes > 1e-6 * sizes[0]]


def _projected(values: np.ndarray, basis: np.ndarray) -> np.ndarray:
    """Each channel less its mean, made orthogonal to a basis: float64 ``[n, height, width, channels]``, same shape."""
    flat = values.reshape(len(values), -1, values.shape[3]).swapaxes(1, 2)  # [n, channels, height · width]
    centre = flat.mean(2, keepdims=True)
    rest = flat - centre
    rest = rest - (rest @ basis) @ basis.T + centre
    return rest.swapaxes(1, 2).reshape(values.shape)
