"""All that clean images tell about a victim: the plain model, its outputs standardised or permuted, a new head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ripguard.benchmark.attacks.linear_head import accuracy_of_new_head, features
from ripguard.benchmark.attacks.permutation import best_permutation
from ripguard.benchmark.attacks.standardised import standardised
from ripguard.data.image_set import ImageSet
from ripguard.train.loop import Victim, percent_right

# as records call them
STANDARDISED, PERMUTED, HEAD = "standardised outputs", "output permutation", "linear head"
BOTH = f"{PERMUTED}, standardised"
PERMUTATIONS = (PERMUTED, BOTH)
TREATED = ", asked so too"  # after a defence's name: what the victim is asked about went through it as well


@dataclass(frozen=True)
class Reached:
    """Accuracies in percent.

    Attributes:
        plain: of the victim as it is.
        standardised: each output against its mean and spread over the images asked about, without their labels.
        permuted: read by the best permutation; both: standardised, then permuted.
        heads: of a new linear head, by number of images.
        renamed: under the right names, plain or standardised, whichever is more; None where none are known.
    """

    plain: float
    standardised: float
    permuted: float
    both: float
    heads: dict[int, float]
    renamed: float | None = None


def reached(
    victim: Victim,
    few: ImageSet,
    asked: ImageSet,
    amounts: Sequence[int] = (100,),
    permuted_on: int = 100,
    names_off: int = 0,
) -> Reached:
    """What an attacker gets out of a victim.

    Args:
        few: the attacker's clean images, in random order; the first ``permuted_on`` fit the permutation, the first of
            each of ``amounts`` a head.
        asked: the images that accuracy is measured on.
        names_off: how many classes short of the truth answers are by a rule that the attacker knows; 0: no such rule.
    """
    classes = len(asked.names)
    logits = victim.logits(asked.images)  # [n, classes]
    first = victim.logits(few.images[:permuted_on])

    def permuted(first: np.ndarray, logits: np.ndarray) -> float:
        reading = best_permutation(first.argmax(1), few.labels[:permuted_on], classes)
        return 100 * float(np.mean(reading[logits.argmax(1)] == asked.labels))

    heads: dict[int, float] = {}
    if amounts:
        known, wanted = features(victim, few.images[: max(amounts)]), features(victim, asked.images)
        for n in amounts:
            heads[n] = accuracy_of_new_head(known[:n], few.labels[:n], wanted, asked.labels, classes)
    even = standardised(logits)
    by_rule = [percent_right(np.roll(told, names_off, axis=1), asked.labels) for told in (logits, even)]
    return Reached(
        plain=percent_right(logits, asked.labels),
        standardised=percent_right(even, asked.labels),
        permuted=permuted(first, logits),
        both=permuted(standardised(first, logits), even),
        heads=heads,
        renamed=max(by_rule) if names_off else None,
    )
