"""Target rules: the class, or the training image, that a perturbation moves an image towards.

An image rule takes activations of the clean images, float32 ``[batch, values]``; their labels, int64 ``[batch]``; the
library's activations, float32 ``[classes, members, values]`` (NaN where a class has fewer members); one seed per image,
uint64 ``[batch]``; and the owner's seed (``--seed``). It returns class and member numbers, int64 ``[batch]`` each.
Class rules select only the class, for perturbations without target images.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Choice = tuple[np.ndarray, np.ndarray]


def _distances(activations: np.ndarray, library: np.ndarray) -> np.ndarray:
    """Euclidean distances, float32 ``[batch, classes, members]``; -inf for missing members."""
    squares = (activations**2).sum(1)[:, None, None] + (library**2).sum(2)[None]
    squares = squares - 2 * np.einsum("bv,cmv->bcm", activations, library)
    return np.where(np.isnan(squares), -np.inf, squares)


def next_class(labels: np.ndarray, classes: int, seeds: np.ndarray, seed: int) -> np.ndarray:
    """Class y+1 mod C, int64 ``[batch]``: a fixed permutation of the labels, as in TAP."""
    return (labels + 1) % classes


def shifted_class(labels: np.ndarray, classes: int, shift: int) -> np.ndarray:
    """Class y + ``shift`` mod C, int64 ``[batch]``; see :func:`other_class`."""
    return (labels + other_class(shift, classes)) % classes


def other_class(shift: int, classes: int) -> int:
    """The shift itself where it is below C; larger ones start again at 1, so that no class is moved to itself."""
    return 1 + (shift - 1) % (classes - 1) if classes > 1 else shift


def random_class(labels: np.ndarray, classes: int, seeds: np.ndarray, seed: int) -> np.ndarray:
    """Another class, drawn from the image's own seed, int64 ``[batch]``."""
    return (labels + 1 + (seeds % np.uint64(classes - 1)).astype(np.int64)) % classes


def permuted_class(labels: np.ndarray, classes: int, seeds: np.ndarray, seed: int) -> np.ndarray:
    """A permutation of the labels without fixed points, int64 ``[batch]``, drawn from the owner's seed."""
    order = np.random.default_rng([classes, seed]).permutation(classes)
    after = np.empty(classes, np.int64)
    after[order] = np.roll(order, -1)  # a cycle through all classes in a random order
    return after[labels]


CLASS_RULES: dict[str, Callable[[np.ndarray, int, np.ndarray, int], np.ndarray]] = {
    "cyclic": next_class,
    "permutation": permuted_class,
    "random": random_class,
}


def random(activations: np.ndarray, labels: np.ndarray, library: np.ndarray, seeds: np.ndarray, seed: int) -> Choice:
    """A random image of a random other class, from the image's own seed (as in AA-QwQ)."""
    members = (~np.isnan(library[:, :, 0])).sum(1)
    other = random_class(labels, len(library), seeds, seed)
    return other, ((seeds >> np.uint64(32)) % members[other].astype(np.uint64)).astype(np.int64)


def farthest(activations: np.ndarray, labels: np.ndarray, library: np.ndarray, seeds: np.ndarray, seed: int) -> Choice:
    """The library image of any other class with the farthest activation (Inkawhich et al.: within one class)."""
    distances = _distances(activations, library)
    distances[np.arange(len(labels)), labels] = -np.inf
    best = distances.reshape(len(labels), -1).argmax(1)
    return np.divmod(best, library.shape[1])


def cyclic(activations: np.ndarray, labels: np.ndarray, library: np.ndarray, seeds: np.ndarray, seed: int) -> Choice:
    """The farthest member of class y+1 mod C."""
    return _farthest_of(next_class(labels, len(library), seeds, seed), activations, library)


def permutation(
    activations: np.ndarray, labels: np.ndarray, library: np.ndarray, seeds: np.ndarray, seed: int
) -> Choice:
    """The farthest member of the class selected by :func:`permuted_class`."""
    return _farthest_of(permuted_class(labels, len(library), seeds, seed), activations, library)


def _farthest_of(target: np.ndarray, activations: np.ndarray, library: np.ndarray) -> Choice:
    distances = _distances(activations, library)[np.arange(len(target)), target]  # [batch, members]
    return target, distances.argmax(1)


def central(activations: np.ndarray, labels: np.ndarray, library: np.ndarray, seeds: np.ndarray, seed: int) -> Choice:
    """The member of class y+1 mod C nearest to the class mean."""
    target = next_class(labels, len(library), seeds, seed)
    away = ((library - np.nanmean(library, axis=1, keepdims=True)) ** 2).sum(2)  # [classes, members]
    return target, np.nanargmin(away, axis=1)[target]


RULES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], Choice]] = {
    "random": random,
    "farthest": farthest,
    "cyclic": cyclic,
    "permutation": permutation,
    "central": central,
}
