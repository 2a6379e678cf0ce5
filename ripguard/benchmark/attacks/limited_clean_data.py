"""Attacks with limited clean data: standardized outputs, permuted outputs, a new linear head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ripguard.benchmark.attacks.linear_head import accuracy_of_new_head, features
from ripguard.benchmark.attacks.permutation import best_permutation
from ripguard.benchmark.attacks.standardised import standardised
from ripguard.data.image_set import ImageSet
from ripguard.errors import UsageError
from ripguard.methods.params import Params
from ripguard.schemes.stored import read as read_scheme
from ripguard.train.loop import Victim, percent_right

# names in records
STANDARDISED, PERMUTED, HEAD = "standardised outputs", "output permutation", "linear head"
BOTH = f"{PERMUTED}, standardised"
RENAMED = "renamed outputs"  # by the public rule of the perturbation: needs no image
PERMUTATIONS = (PERMUTED, BOTH)


@dataclass(frozen=True)
class Reached:
    """Accuracies in percent.

    Attributes:
        plain: of the unchanged victim.
        standardised: each output standardized over the test images, without labels.
        permuted: outputs permuted by the best assignment to classes.
        both: outputs standardized, then permuted.
        heads: with a new linear head, by number of clean images.
        renamed: outputs shifted by the known class rule, plain or standardized, whichever is higher; None without rule.
    """

    plain: float
    standardised: float
    permuted: float
    both: float
    heads: dict[int, float]
    renamed: float | None = None


def names_off(perturb: Params) -> int:
    """By how many classes the content of an image is ahead of its label, by a public rule; 0: no rule."""
    return getattr(perturb, "label_shift", 0)


def public_rule(stored: dict[str, Any]) -> int:
    """The same of a scheme as a release stores it; 0 for one in one step, a sealed one, or one not known here."""
    try:
        return names_off(read_scheme(stored).perturb)
    except UsageError:  # it has no perturbation whose parameters can be read
        return 0


def reached(
    victim: Victim,
    few: ImageSet,
    test: ImageSet,
    amounts: Sequence[int] = (100,),
    permuted_on: int = 100,
    names_off: int = 0,
) -> Reached:
    """Accuracies of an attacker with a victim and a few clean images.

    Args:
        few: clean images of the attacker, in random order. The first ``permuted_on`` fit the permutation.
        test: clean test images.
        amounts: numbers of images of ``few`` that fit a head.
        names_off: shift between predicted and true class by a rule that the attacker knows; 0: no rule.
    """
    classes = len(test.names)
    logits = victim.logits(test.images)  # [n, classes]
    first = victim.logits(few.images[:permuted_on])

    def permuted(first: np.ndarray, logits: np.ndarray) -> float:
        reading = best_permutation(first.argmax(1), few.labels[:permuted_on], classes)
        return 100 * float(np.mean(reading[logits.argmax(1)] == test.labels))

    heads: dict[int, float] = {}
    if amounts:
        known, wanted = features(victim, few.images[: max(amounts)]), features(victim, test.images)
        for n in amounts:
            heads[n] = accuracy_of_new_head(known[:n], few.labels[:n], wanted, test.labels, classes)
    even = standardised(logits)
    by_rule = [percent_right(np.roll(one, names_off, axis=1), test.labels) for one in (logits, even)]
    return Reached(
        plain=percent_right(logits, test.labels),
        standardised=percent_right(even, test.labels),
        permuted=permuted(first, logits),
        both=permuted(standardised(first, logits), even),
        heads=heads,
        renamed=max(by_rule) if names_off else None,
    )
