"""What an audit finds: one row per model, and what was not tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ripguard.benchmark.audit.words import Numbers

TRAINED, STANDARDIZED, RENAMED = "as trained", "standardized", "renamed"
WITHOUT_LABELS = (TRAINED, STANDARDIZED, RENAMED)  # readings that need no clean image
UNAWARE = (TRAINED, STANDARDIZED)  # of the plain model: readings of somebody who does not look at the images
PERMUTATION, HEAD = "permutation", "head"  # readings with clean labels; their number follows


@dataclass(frozen=True)
class Row:
    """One model. Accuracies in percent on clean test images.

    Attributes:
        attack: name: ``clean``, ``plain``, ``alone-100``, a defence or a removal attack.
        kind: ``clean``, ``plain``, ``alone``, ``defence`` or ``removal``.
        readings: accuracy by reading: ``as trained``, ``standardized``, ``renamed``, ``permutation, 100``,
            ``head, 100``. Where the defence also treats test images, the higher of both accuracies.
        images, epochs: number of training images, and of epochs.
        steps: batches that each network of a removal attack was trained for; 0: none was.
        seconds: time of removal, training and readings.
    """

    attack: str
    kind: str
    readings: dict[str, float]
    images: int
    epochs: int
    steps: int = 0
    seconds: float = 0.0

    @property
    def without_labels(self) -> tuple[str, float]:
        """The best reading that needs no clean image, and its accuracy."""
        return best((name, value) for name, value in self.readings.items() if name in WITHOUT_LABELS)

    def with_labels(self, count: int) -> tuple[str, float] | None:
        """The best reading with so many labelled clean images, and its accuracy; None without one."""
        found = [(name, value) for name, value in self.readings.items() if name.endswith(f", {count}")]
        return best(found) if found else None


@dataclass(frozen=True)
class Planned:
    """One attack of the plan.

    Attributes:
        what: what the attacker does, in one line.
        minutes: estimate; None: unknown.
        why: why it was not tried; "" in a dry run for one that will be.
        possible: whether a longer budget can help.
    """

    attack: str
    kind: str
    what: str
    minutes: float | None = None
    why: str = ""
    possible: bool = True


@dataclass(frozen=True)
class Earlier:
    """Models of another size, of a smaller budget: not to be compared with those of the result.

    Attributes:
        images, epochs, test_images: as of :class:`Audit`.
        rows: one per model, in the order of training.
    """

    images: int
    epochs: int
    test_images: int
    rows: list[Row]


@dataclass
class Audit:
    """Result of an audit.

    Attributes:
        release: name of the release's folder.
        scheme: name of its scheme.
        images, epochs, steps: of every model, as chosen; steps are batches; why: the same in words.
        chance: accuracy in percent of predicting the most frequent class of the test images.
        held_out: whether the test images were held out of the training split.
        labels: numbers of labelled clean images that attackers hold.
        more_tests: whether a longer budget would use more test images.
        budget: minutes of this call; seconds: of all models so far.
        rows: one per model, in the order of the plan.
        not_tried: the attacks of the plan without a row, each with the reason.
        earlier: models of other sizes.
        stopped: how the call ended before its end; "" if it did not.
        sentence: the result in plain words; verdict: its code, see :mod:`ripguard.benchmark.audit.words`.
        page: path of the HTML page; "" in a dry run.
    """

    release: str
    scheme: str
    protocol: str
    model: str
    seed: int
    images: int
    epochs: int
    steps: int
    why: str
    classes: int
    test_images: int
    held_out: bool
    chance: float
    labels: list[int]
    budget: float
    more_tests: bool = False
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)
    not_tried: list[Planned] = field(default_factory=list)
    earlier: list[Earlier] = field(default_factory=list)
    stopped: str = ""
    verdict: str = ""
    sentence: str = ""
    page: str = ""

    def row(self, attack: str) -> Row | None:
        """The row of an attack; None without one."""
        return next((row for row in self.rows if row.attack == attack), None)

    @property
    def clean(self) -> float | None:
        """Accuracy after training on the clean images; None: not measured."""
        found = self.row("clean")
        return found.readings[TRAINED] if found else None

    @property
    def unaware(self) -> tuple[str, float] | None:
        """Best reading of the plain model, standardized included, and its accuracy."""
        found = self.row("plain")
        return best((name, found.readings[name]) for name in UNAWARE if name in found.readings) if found else None

    @property
    def aware(self) -> tuple[str, float] | None:
        """Best attack without key and clean images, and its accuracy."""
        found = [row for row in self.rows if row.kind in ("plain", "defence", "removal")]
        return best((_named(row, row.without_labels[0]), row.without_labels[1]) for row in found) if found else None

    def holding(self, count: int) -> tuple[str, float] | None:
        """Best attack with so many labelled clean images, and its accuracy."""
        found = [(row, row.with_labels(count)) for row in self.rows if row.kind != "alone"]
        read = [(_named(row, one[0]), one[1]) for row, one in found if one]
        return best(read) if read else None

    def alone(self, count: int) -> float | None:
        """Best accuracy from so many clean images without the published ones."""
        found = self.row(f"alone-{count}")
        return max(found.readings.values()) if found else None

    def reasons(self, possible: bool) -> dict[str, list[str]]:
        """Why attacks were not tried, with their names; those that a longer budget can help, or the others."""
        found: dict[str, list[str]] = {}
        for one in self.not_tried:
            if one.possible == possible:
                found.setdefault(one.why, []).append(one.attack)
        return found

    @property
    def numbers(self) -> Numbers:
        """What the sentence is made of."""
        few = {count: (held[1], self.alone(count)) for count in self.labels if (held := self.holding(count))}
        return Numbers(
            clean=self.clean, chance=self.chance, tests=self.test_images, steps=self.steps,
            unaware=self.unaware[1] if self.unaware else None, aware=self.aware[1] if self.aware else None,
            defences=sum(row.kind == "defence" for row in self.rows),
            removals_left=[one.attack for one in self.not_tried if one.kind == "removal" and one.possible], few=few,
            more_tests=self.more_tests,
        )  # fmt: skip

    def as_dict(self) -> dict[str, Any]:
        """Content of ``--json``."""
        return dataclasses.asdict(self)


def best(found: Iterable[tuple[str, float]]) -> tuple[str, float]:
    """The pair with the highest accuracy, of several the first."""
    return max(found, key=lambda one: one[1])


def _named(row: Row, reading: str) -> str:
    return row.attack if reading == TRAINED else f"{row.attack}, {reading.partition(',')[0]}"
