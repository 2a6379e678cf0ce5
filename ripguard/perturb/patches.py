"""The patches of :mod:`ripguard.perturb.marks`: which colors, on which cells of the grid, each class gets."""

from __future__ import annotations

import itertools
import math

import numpy as np

from ripguard.errors import expected
from ripguard.perturb.targets import next_class

GRID = 4  # patches along each side
CELLS = (2, 4, GRID * GRID)  # that a class may have its patches on; others are not tried
COLORS, GRAY = 8, 2  # signs that a patch may have in three channels, and in one
RIDGE = 0.01  # of the linear classifier, against standardised colors
OPPOSITE = "opposite"
SINK = 0.4  # size of the sink's marks, where that of the others is 1


def search(
    images: np.ndarray,
    labels: np.ndarray,
    classes: int,
    target: str = OPPOSITE,
    mirrored: bool = True,
    sink: bool = True,
    cells: int = CELLS[-1],
) -> np.ndarray:
    """Patches of every class: the signs by which a linear classifier of coarse colors knows another class.

    Ridge regression of the classes on the mean colors of a 4×4 grid, standardised; a color that the images vary
    little in weighs more, as it should.

    Args:
        images: uint8 ``[n, side, side, 3]``, labels int64 ``[n]``.
        target: which other class: ``opposite``, see :func:`opposites`, or ``cyclic``: the next one.
        mirrored: count every image with its mirror image, so that patches are their own mirror images: models are
            trained with both, and have one pattern a class to find instead of two.
        sink: whether the class with the fewest images, the first of several, gets smaller marks.
        cells: that a class has its patches on: all of the grid, or fewer, see :func:`few_cells`, if mirrored; more
            where those do not tell the classes apart.

    Returns:
        float64 ``[classes, 4, 4, 3]``, −1 or 1, or 0 where a class has no patch; times SINK for the sink.
    """
    members = np.bincount(labels, minlength=classes)
    if not members.all():
        raise ValueError(expected("labels", "some of every class", f"none of class {members.argmin()}"))
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
        chosen = chosen + chosen[:, :, ::-1]  # what rounding left of a difference
    if cells == GRID * GRID:
        signs = np.where(chosen < 0, -1.0, 1.0)
    else:  # gray images get gray patches: those of one channel could not show others
        gray = (images[..., :1] == images).all() and enough_cells(classes, cells, GRAY) == cells
        signs = few_cells(chosen, cells, GRAY if gray else COLORS)
    if sink:
        signs[members.argmin()] *= SINK
    return signs


def opposites(scores: np.ndarray) -> np.ndarray:
    """For every class another, each once, so that together they are least mistaken for each other: int64 ``[classes]``.

    A model that finds no marks in a clean image still tells coarse kinds of images apart, animals from vehicles. With
    the next class of an alphabet, which may be of the same kind, such a guess is often right; with these it is wrong.

    Args:
        scores: float64 ``[classes, classes]``, mean scores of a linear classifier: rows are true classes, columns
            are predicted ones.
    """
    from scipy.optimize import linear_sum_assignment  # here: who only restores needs no SciPy

    barred = np.eye(len(scores)) * (np.ptp(scores) * len(scores) + 1)  # dearer than any choice without it
    return linear_sum_assignment(scores + barred)[1]


def few_cells(weights: np.ndarray, cells: int, colors: int = COLORS) -> np.ndarray:
    """Patches on the few cells that tell most, no two classes the same: −1, 0 or 1, as ``weights``.

    The power that patches have is then on an eighth or a quarter of the image, 2.8 or 2 times as large there. An
    adversary who may change every sample by a few gray levels, as in adversarial training, takes patches of about that
    size away; not these.

    Args:
        weights: float64 ``[classes, 4, 4, 3]``, their own mirror images.
        cells: 2 or 4 of the 16, in mirrored pairs; enough for that many classes, see :func:`enough_cells`.
        colors: COLOURS, or GREY for the same sign in all channels.
    """
    from scipy.optimize import linear_sum_assignment

    places, signs = codes(cells, colors)
    classes = len(weights)
    left = weights[:, :, : GRID // 2].reshape(classes, -1, 3)  # [classes, 8, 3]
    left = left / (np.linalg.norm(left, axis=(1, 2), keepdims=True) + 1e-12)  # no class counts for more than another
    matches = np.einsum("cpjk,sjk->cps", left[:, places], signs).reshape(classes, -1)
    place, sign = np.divmod(linear_sum_assignment(-matches)[1], len(signs))
    found = np.zeros((classes, GRID * GRID // 2, 3))
    found[np.arange(classes)[:, None], places[place]] = signs[sign]
    half = found.reshape(classes, GRID, GRID // 2, 3)
    return np.concatenate([half, half[:, :, ::-1]], 2)


def codes(cells: int, colors: int = COLORS) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of cells that a class may have patches on, ``[places, pairs]``, and their signs, ``[signs, pairs, 3]``."""
    pairs = cells // 2
    places = np.array(list(itertools.combinations(range(GRID * GRID // 2), pairs)))
    patch = np.array(list(itertools.product((-1.0, 1.0), repeat=3)))  # [colors, 3]
    patch = patch if colors == COLORS else patch[[0, -1]]
    return places, patch[np.array(list(itertools.product(range(colors), repeat=pairs)))]


def enough_cells(classes: int, cells: int, colors: int = COLORS) -> int:
    """So many cells, or as many more as it takes for every class to have patches of its own."""
    few = (n for n in CELLS[:-1] if n >= cells and math.prod(map(len, codes(n, colors))) >= classes)
    return next(few, CELLS[-1])


def _coarse(images: np.ndarray) -> np.ndarray:
    """Sums over the cells of the grid, float64 ``[n, 4 · 4 · 3]``."""
    edges = np.arange(GRID) * images.shape[1] // GRID
    sums = np.add.reduceat(np.add.reduceat(images, edges, 1, np.float64), edges, 2)  # [n, 4, 4, 3]
    return sums.reshape(len(sums), -1)
