"""The attacks of an audit, the most telling first, and why some of them can never be tried."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass

from ripguard.benchmark.attacks.removal import REMOVALS, Removal, needs_model
from ripguard.benchmark.defences import DEFENCES, Defence
from ripguard.schemes.two_axis import TwoAxis

# starts of the names of defences that recovered most, from known poisons and in the leaderboard; others follow
STRONG = ("ueraser", "jpeg", "grayscale", "low-pass", "adversarial-training", "autoaugment", "pretrained")
THUMBNAIL = "thumbnail"
LABELS = (100, 500)  # numbers of labelled clean images that attackers hold
LIBRARIES = {"ueraser-max": "kornia"}  # objective → library that it needs


@dataclass(frozen=True)
class Attack:
    """One model to train.

    Attributes:
        kind: ``clean``, ``plain``, ``alone``, ``defence`` or ``removal``.
        what: what the attacker does, in one line.
        labels: of the kind ``alone``: number of clean images.
        why: why an audit can never try it, however long; "" if it can.
    """

    name: str
    kind: str
    what: str
    labels: int = 0
    why: str = ""

    @property
    def defence(self) -> Defence:
        return DEFENCES[self.name if self.kind == "defence" else "none"]

    @property
    def removal(self) -> Removal | None:
        return REMOVALS[self.name] if self.kind == "removal" else None


def attacks(scheme: TwoAxis | None, labels: Sequence[int]) -> list[Attack]:
    """All attacks, in order.

    First come the two references and whatever needs no network of its own, then the attacks that recovered most so
    far, then all others. Those that can never be tried come last, with the reason.

    Args:
        scheme: None for a scheme in one step: no removal attack fits it.
        labels: numbers of clean images that some attackers hold.
    """
    removals = [
        Attack(one.name, "removal", one.source, why=_unfit(one, scheme))
        for one in sorted(REMOVALS.values(), key=lambda one: one.cost)
    ]
    quick = [one for one in removals if not REMOVALS[one.name].cost]
    slow = sorted((one for one in removals if REMOVALS[one.name].cost), key=lambda one: bool(one.why))
    defences = [
        Attack(one.name, "defence", one.source, why=_lacking(one)) for one in DEFENCES.values() if one.name != "none"
    ]
    # thumbnails are the attack on a scheme that leaves no more; on others they come last
    first = (THUMBNAIL, *STRONG) if scheme is not None and scheme.perturbation_class.replaces else STRONG
    defences.sort(key=lambda one: (_rank(one.name, first), one.name.startswith(THUMBNAIL)))
    strong = [one for one in defences if _rank(one.name, first) < len(first)]
    others = [one for one in defences if _rank(one.name, first) == len(first)]
    found = [
        Attack("clean", "clean", "the owner, with the clean images"),
        Attack("plain", "plain", "trains on the published images as they are"),
        *quick,
        *(Attack(f"alone-{count}", "alone", f"trains on {count} clean images alone", count) for count in labels),
        *slow[:1],
        *strong,
        *slow[1:],
        *others,
    ]
    return sorted(found, key=lambda one: bool(one.why))


def _unfit(removal: Removal, scheme: TwoAxis | None) -> str:
    """Why a removal attack cannot be tried on a scheme; "" if it can."""
    if scheme is None:
        return "no removal attack is known for this scheme"
    if removal.fits(scheme):
        return ""
    if needs_model(scheme):
        return "the perturbation of this scheme depends on a model of clean images, which nobody else can make again"
    return "this scheme has no perturbation of the kind that it removes"


def _lacking(defence: Defence) -> str:
    """Why a defence cannot be tried on this machine; "" if it can."""
    if defence.start:
        return "it starts from a model of other images, which an audit does not have"
    library = LIBRARIES.get(defence.objective)
    if library and importlib.util.find_spec(library) is None:
        return f'it needs the library {library}, which is not installed (pip install "ripguard[defences]")'
    return ""


def label_counts(images: int) -> list[int]:
    """Numbers of clean images that attackers hold: those of :data:`LABELS` up to half of the images, at least one."""
    return [count for count in LABELS if count <= images // 2] or [max(2, min(LABELS[0], images // 4))]


def _rank(name: str, first: Sequence[str]) -> int:
    return next((i for i, start in enumerate(first) if name.startswith(start)), len(first))
