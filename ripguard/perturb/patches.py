"""The patches of :mod:`ripguard.perturb.marks`: colors and grid cells of each class."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ripguard.errors import expected
from ripguard.perturb.targets import next_class

GRID = 4  # patches along each side
CELLS = (2, 4, GRID * GRID)  # possible numbers of cells with patches per class
COLORS, GRAY = 8, 2  # sign patterns of a patch in three channels, and in one
RIDGE = 0.01  # of the linear classifier, on standardized colors
OPPOSITE = "opposite"
SINK = 0.4  # amplitude of the sink class's marks, relative to the others


def search(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    target: str = OPPOSITE,
    mirrored: bool = True,
    sink: bool = True,
    cells: int = CELLS[-1],
) -> np.ndarray:
    """Patches of every class: signs of a linear classifier's weights, on coarse colors, for another class.

    The classifier is a ridge regression of the classes on the standardized mean colors of a 4×4 grid.

    Args:
        images: uint8 ``[n, side, side, 3]``, labels int64 ``[n]``.
        target: which other class: ``opposite`` (see :func:`opposites`) or ``cyclic`` (the next one).
        mirrored: include the mirror image of every image, which makes patches mirror-symmetric. Training mirrors
            images, so a symmetric class has one pattern to learn instead of two.
        sink: whether the class with the fewest images (the first of several) gets weaker marks.
        cells: number of cells with patches: all of the grid, or fewer (see :func:`few_cells`), which needs
            ``mirrored``. More are used if fewer cannot distinguish the classes.

    Returns:
        float64 ``[classes, 4, 4, 3]``: −1 or 1, or 0 where a class has no patch; multiplied by SINK for the sink class.

    Raises:
        ValueError: a class without images, or an unknown target.
    """
    members = np.bincount(labels, minlength=classes)
    if not members.all():
        raise ValueError(expected("labels", "images of every class", f"none of class {members.argmin()}"))
    cells = enough_cells(classes, cells)
    colors = _coarse(images)  # [n, values]
    if mirrored:
        colors, labels = np.concatenate([colors, _coarse(images[:, :, ::-1])]), np.concatenate([labels, labels])
    sd = colors.std(0) + 1e-9
    known = (colors - colors.mean(0)) / sd
    wanted = np.eye(classes)[labels]
    wanted -= wanted.mean(0)
    scatter = known.T @ known / len(known) + RIDGE * np.eye(known.shape[1])
    weights = np.linalg.solve(scatter, known.T @ wanted / len(known)).T  # [classes, values]
    if target == OPPOSITE:
        scores = known @ weights.T  # [n, classes]
        aim = opposites(np.stack([scores[labels == label].mean(0) for label in range(classes)]))
    elif target == "cyclic":
        aim = next_class(np.arange(classes), classes, np.zeros(classes, np.uint64), 0)
    else:
        raise ValueError(expected("target", f"{OPPOSITE} or cyclic", target))
    weights = weights / sd
    chosen = (weights - weights.mean(0))[aim].reshape(classes, GRID, GRID, 3)
    if mirrored:
        chosen = chosen + chosen[:, :, ::-1]  # removes rounding differences between the halves
    if cells == GRID * GRID:
        signs = np.where(chosen < 0, -1.0, 1.0)
    else:  # gray images get gray patches: one channel cannot show others
        gray = (images[..., :1] == images).all() and enough_cells(classes, cells, GRAY) == cells
        signs = few_cells(chosen, cells, GRAY if gray else COLORS)
    if sink:
        signs[members.argmin()] *= SINK
    return signs


def opposites(scores: np.ndarray) -> np.ndarray:
    """A permutation of the classes, int64 ``[classes]``, that pairs each with one it is seldom mistaken for.

    It minimizes the sum of the scores and has no fixed points. Without marks, a model still separates coarse groups
    such as animals and vehicles. A target class in the same group would make its predictions on clean images often
    correct.

    Args:
        scores: float64 ``[classes, classes]``, mean scores of a linear classifier: rows are true classes, columns
            are predicted ones.
    """
    from scipy.optimize import linear_sum_assignment  # imported here: restoring does not need SciPy

    barred = np.eye(len(scores)) * (
        np.ptp(scores) * len(scores) + 1
    )  # larger than the cost of any assignment without fixed points
    return linear_sum_assignment(scores + barred)[1]


def few_cells(weights: np.ndarray, cells: int, colors: int = COLORS) -> np.ndarray:
    """Patches on the few most discriminative cells, distinct for each class: −1, 0 or 1, shape of ``weights``.

    The same power is concentrated on an eighth or a quarter of the image, with 2.8 or 2 times the amplitude.
    Adversarial training removes patches of about the adversary's bound; these exceed it.

    Args:
        weights: float64 ``[classes, 4, 4, 3]``, mirror-symmetric.
        cells: 2 or 4 of the 16, in mirrored pairs; enough for the classes, see :func:`enough_cells`.
        colors: COLORS, or GRAY for the same sign in all channels.
    """
    from scipy.optimize import linear_sum_assignment

    places, signs = codes(cells, colors)
    classes = len(weights)
    left = weights[:, :, : GRID // 2].reshape(classes, -1, 3)  # [classes, 8, 3]
    left = left / (np.linalg.norm(left, axis=(1, 2), keepdims=True) + 1e-12)  # equal weight for all classes
    matches = np.einsum("cpjk,sjk->cps", left[:, places], signs).reshape(classes, -1)
    place, sign = np.divmod(linear_sum_assignment(-matches)[1], len(signs))
    found = np.zeros((classes, GRID * GRID // 2, 3))
    found[np.arange(classes)[:, None], places[place]] = signs[sign]
    half = found.reshape(classes, GRID, GRID // 2, 3)
    return np.concatenate([half, half[:, :, ::-1]], 2)


def codes(cells: int, colors: int = COLORS) -> tuple[np.ndarray, np.ndarray]:
    """Possible cell pairs of a class, ``[places, pairs]``, and sign patterns, ``[signs, pairs, 3]``."""
    pairs = cells // 2
    places = np.array(list(itertools.combinations(range(GRID * GRID // 2), pairs)))
    patch = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))  # [colors, 3]
    patch = patch if colors == COLORS else patch[[0, -1]]
    return places, patch[np.array(list(itertools.product(range(colors), repeat=pairs)))]


def enough_cells(classes: int, cells: int, colors: int = COLORS) -> int:
    """The least number of cells, not below ``cells``, that gives every class distinct patches."""
    few = (n for n in CELLS[:-1] if n >= cells and math.prod(map(len, codes(n, colors))) >= classes)
    return next(few, CELLS[-1])


def _coarse(images: np.ndarray) -> np.ndarray:
    """Sums over the cells of the grid, float64 ``[n, 4 · 4 · 3]``."""
    edges = np.arange(GRID) * images.shape[1] // GRID
    sums = np.add.reduceat(np.add.reduceat(images, edges, 1, np.float64), edges, 2)  # [n, 4, 4, 3]
    return sums.reshape(len(sums), -1)
