"""The result of an audit in plain words, made of its numbers.

An attacker's *share* is what is recovered of the gap between chance and clean training:
(reached − chance) / (clean − chance). Up to :data:`HELD` the release holds against the attacker, from :data:`LOST` on
it does not. There is no verdict where too little was tried, or where the numbers cannot tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ripguard.benchmark.table import interval

HELD, LOST = 0.25, 0.75
GAP = 10.0  # least distance of clean training and chance, in points
STEPS = 100  # least number of batches of a model: marks are learned in the first ones, but not at once
MORE = "more defences"
DEFENCES = 2  # least number of defences tried before the best of them counts as small

# codes of verdicts
NONE, NOBODY, LOOKERS, HINDERS, HOLDS = (
    "no verdict", "deters nobody", "deters those who do not look", "hinders those who know the method",
    "holds against what was tried",
)  # fmt: skip


@dataclass(frozen=True)
class Numbers:
    """Accuracies in percent; None: not measured.

    Attributes:
        clean: after training on the clean images; chance: of the most frequent class.
        tests: number of test images; steps: of batches that each model was trained for.
        unaware: of the attacker who does not look: plain training, logits standardized or not.
        aware: of the best attacker without key and clean images.
        defences: number of defences tried; removals_left: removal attacks that fit the scheme and were not tried.
        more_tests: whether the release has more test images, which a longer budget would use.
        few: number of labelled clean images → best accuracy with them, and that of these images alone.
    """

    clean: float | None
    chance: float
    tests: int
    steps: int
    unaware: float | None
    aware: float | None
    defences: int = 0
    removals_left: list[str] = field(default_factory=list)
    few: dict[int, tuple[float, float | None]] = field(default_factory=dict)
    more_tests: bool = False


def verdict(found: Numbers) -> tuple[str, str]:
    """Code and sentences of a result."""
    code, first = _first(found)
    return code, " ".join([first, *_labels(found)])


def too_small(found: Numbers) -> bool:
    """Whether there can be no verdict with models and test images of this size, whatever else is tried."""
    return found.clean is None or found.unaware is None or found.aware is None or bool(_size(found))


def share(reached: float, found: Numbers) -> float:
    """What an accuracy recovers of the gap between chance and clean training: 0 at chance, 1 at clean training."""
    return (reached - found.chance) / ((found.clean or 0.0) - found.chance)


def _first(found: Numbers) -> tuple[str, str]:
    """The verdict on attackers without clean images."""
    if found.clean is None or found.unaware is None or found.aware is None:
        return NONE, "No verdict: clean and plain training were not both finished."
    clean, unaware, aware = (_round(one) for one in (found.clean, found.unaware, found.aware))
    known = f"Without the key and knowing the method, an attacker reaches {aware} of {clean} %"
    if found.clean - found.chance < GAP:
        return NONE, _size(found)
    if small := _size(found):
        return NONE, f"{known}. {small}"
    plain, best = share(found.unaware, found), share(found.aware, found)
    if plain >= LOST:
        return NOBODY, (
            f"Without the key and without looking, an attacker reaches {unaware} of {clean} %: this release deters "
            "nobody."
        )
    if best >= LOST:
        if plain <= HELD:
            return LOOKERS, f"{known}: this scheme only deters those who do not look."
        return LOOKERS, f"{known}: this scheme only hinders those who do not look, who reach {unaware} %."
    missing = found.removals_left + ([] if found.defences >= DEFENCES else [MORE])
    if missing:
        return NONE, f"{known} so far. No verdict: {_listed(missing)} {_were(missing)} not tried."
    if best > HELD:
        return HINDERS, f"{known}: this scheme hinders those who know the method, and does not stop them."
    return HOLDS, f"{known}: nothing that was tried undoes this scheme, which is no proof that nothing does."


def _size(found: Numbers) -> str:
    """Why models or test images are too few to tell; "" if they suffice. Clean training was measured."""
    clean, aware, more = found.clean or 0.0, found.aware or 0.0, "; give more minutes"
    gap = clean - found.chance
    if gap < GAP:
        return (
            f"No verdict: even clean training reaches only {_round(clean)} %, and the most frequent class alone is "
            f"{_round(found.chance)} %."
        )
    low, high = interval(aware, found.tests)
    if (high - low) / 2 > gap * HELD:
        return f"No verdict: {found.tests} test images are too few to tell{more if found.more_tests else ''}."
    if found.steps < STEPS:
        return f"No verdict: {found.steps} steps of training are too few to tell{more}."
    return ""


def _labels(found: Numbers) -> list[str]:
    """One sentence about attackers with clean images: those with the most."""
    if not found.few or found.clean is None:
        return []
    count = max(found.few)
    reached, alone = found.few[count]
    text = f"With {count} labelled clean images, an attacker reaches {_round(reached)} %"
    return [text + ("." if alone is None else f"; these images alone give {_round(alone)} %.")]


def _round(percent: float) -> str:
    return f"{percent:.0f}"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _were(names: list[str]) -> str:
    return "were" if len(names) > 1 or names == [MORE] else "was"
