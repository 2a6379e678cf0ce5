"""What all models of one call share: images, their number, the recipe, and the time they take."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from ripguard.benchmark.attacks.removal import Aid
from ripguard.benchmark.audit import size
from ripguard.benchmark.audit.clock import Budget
from ripguard.benchmark.audit.images import Images, Pairs
from ripguard.benchmark.audit.ledger import Ledger
from ripguard.benchmark.audit.plan import attacks, label_counts
from ripguard.data.image_set import ImageSet
from ripguard.errors import OutputRefused, tell
from ripguard.schemes.two_axis import TwoAxis
from ripguard.train.protocols import Protocol

TESTED, LOADED = 1_000, 10_000  # most test and training images that are restored
FIRST = 16  # images that the speed of restoring is measured with
RESTORING = {"train": 1 / 10, "test": 1 / 20}  # shares of the budget for restoring
MEASURING = 1 / 200  # share of the budget for a step of training that its speed is measured with
HEAD_SECONDS = 5.0  # estimate for one linear head with its cross-validation, before the first was fitted
LARGER = 1.5  # models of another size are begun if these see so many times as many images, or are tested on them; one
# thread is used if it is so many times as fast


@dataclass
class Work:
    """What all attacks of one call share.

    Attributes:
        few: clean images of attackers, in random order.
        speed: images a second of plain training; speeds: of other objectives, once measured.
        head: seconds of one linear head; slow: actual time of the last model over its estimate.
    """

    pairs: Pairs
    test: ImageSet
    few: ImageSet
    scheme: TwoAxis | None
    recipe: Protocol
    chosen: size.Size
    labels: list[int]
    seed: int
    device: str
    budget: Budget
    speed: float
    identity: str
    aid: Aid
    speeds: dict[str, float] = field(default_factory=dict)
    head: float = field(default_factory=lambda: HEAD_SECONDS)
    slow: float = 1.0

    @property
    def part(self) -> np.ndarray:
        """bool ``[n]``: the training images of a model."""
        return self.pairs.first(self.chosen.images)


@dataclass
class Loaded:
    """Images in memory, and the speed of plain training on them."""

    pairs: Pairs
    test: ImageSet
    sample: ImageSet
    speed: float

    @property
    def digest(self) -> str:
        """Of all samples, as published and clean, and all labels."""
        parts = (self.pairs.published.digest, self.pairs.clean.digest, self.test.digest)
        return hashlib.sha256("".join(parts).encode()).hexdigest()


def prepare(
    data: Images, ledger: Ledger, clock: Budget, recipe: Protocol, scheme: TwoAxis | None, wanted: int | None,
    seed: int, device: str, too_small: bool,
) -> tuple[dict[str, Any], Work]:  # fmt: skip
    """Restore images and choose the size of models, or go on with that of an earlier call.

    Args:
        too_small: whether the models of earlier calls are too small to tell. Then larger ones are begun, if the budget
            affords them now.

    Returns:
        What the ledger keeps of all models of this size, and the rest.

    Raises:
        OutputRefused: the images are not those of the rows in the ledger.
    """
    old = ledger.facts
    if old is not None and not ledger.rows and old["budget"] != clock.minutes:
        old = None  # nothing is lost
    own: Loaded | None = None
    if old is None or too_small:  # the budget may be longer now, or the machine less busy
        loaded, tests = _counts(data, clock, wanted)
        if old is not None:  # what was restored before can be restored again
            loaded, tests = max(loaded, old["loaded"]), max(tests, old["tests"])
        own = _load(data, loaded, tests, recipe, clock, device)
        facts = _facts(own, loaded, tests, len(data.test), clock, recipe, scheme, wanted, device)
        if old is None or larger(facts, old):
            return facts, _work(own, facts, ledger, clock, recipe, scheme, seed, device)
        own = own if (loaded, tests) == (old["loaded"], old["tests"]) else None
    own = own or _load(data, old["loaded"], old["tests"], recipe, clock, device)
    if ledger.rows and own.digest != old["digest"]:
        raise OutputRefused(
            f"{ledger.folder} has another audit: the images of its rows were others, so the release or its source was "
            "changed",
            "choose another --out",
        )
    return old, _work(own, old, ledger, clock, recipe, scheme, seed, device)


def larger(new: dict[str, Any], old: dict[str, Any]) -> bool:
    """Whether models of the new size see, or are tested on, so many more images that they can tell more."""
    seen, before = (one["size"]["images"] * one["size"]["epochs"] for one in (new, old))
    return seen >= LARGER * before or new["tests"] >= LARGER * old["tests"]


def _counts(data: Images, clock: Budget, wanted: int | None) -> tuple[int, int]:
    """Numbers of training and test images to restore, from the speed of restoring."""
    least, began = 2 * len(data.names), clock.now()
    data.pairs(FIRST)
    rate = min(len(data.train), FIRST) / max(clock.now() - began, 1e-6)  # images a second
    most = {split: max(least, int(rate * clock.seconds * part)) for split, part in RESTORING.items()}
    loaded = min(len(data.train), max(min(LOADED, most["train"]), wanted or 0))
    return loaded, min(len(data.test), TESTED, most["test"])


def _load(data: Images, loaded: int, tests: int, recipe: Protocol, clock: Budget, device: str) -> Loaded:
    """Restore images, and measure the speed; from then on, torch uses the number of threads that is faster."""
    test, pairs = data.tested(tests), data.pairs(loaded)
    sample = pairs.published.part(pairs.first(min(loaded, 3 * recipe.batch)))
    speed = size.speed_of(sample, recipe, device, clock.now, steps=1)
    if device == "cpu" and (threads := torch.get_num_threads()) > 1:
        torch.set_num_threads(1)
        alone = size.speed_of(sample, recipe, device, clock.now, steps=1)
        if alone > LARGER * speed:  # threads wait for each other where others use the processor, or a quota is set
            tell(f"ripguard: one thread is faster than {threads} here: all models are trained with one")
            speed = alone
        else:
            torch.set_num_threads(threads)
    if recipe.batch / speed < MEASURING * clock.seconds:  # there is time for a better estimate
        speed = size.speed_of(sample, recipe, device, clock.now)
    return Loaded(pairs, test, sample, speed)


def _facts(
    own: Loaded, loaded: int, tests: int, available: int, clock: Budget, recipe: Protocol, scheme: TwoAxis | None,
    wanted: int | None, device: str,
) -> dict[str, Any]:  # fmt: skip
    """The size of models for a budget, and what else they share."""
    chosen = size.choose(own.speed, clock, loaded, len(own.test.names), recipe, wanted)
    if any(one.removal and one.removal.cost and not one.why for one in attacks(scheme, ())):
        chosen = size.with_networks(chosen, size.unet_seconds(own.sample, device, clock.now))
    chance = round(100 * float(np.bincount(own.test.labels).max() / len(own.test.labels)), 2)
    shown = {
        "images": chosen.images, "epochs": chosen.epochs, "why": chosen.why, "chance": chance,
        "steps": chosen.epochs * max(1, chosen.images // chosen.batch), "test_images": tests,
        "more_tests": tests < min(available, TESTED), "labels": label_counts(loaded),
    }  # fmt: skip
    return {
        "budget": clock.minutes, "loaded": loaded, "tests": tests, "digest": own.digest,
        "size": dataclasses.asdict(chosen), "shown": shown,
    }  # fmt: skip


def _work(
    own: Loaded, facts: dict[str, Any], ledger: Ledger, clock: Budget, recipe: Protocol, scheme: TwoAxis | None,
    seed: int, device: str,
) -> Work:  # fmt: skip
    kept = size.Size(**facts["size"])
    chosen = dataclasses.replace(kept, seconds=kept.images * kept.epochs / own.speed)  # as fast as it is now
    labels = facts["shown"]["labels"]
    order = np.random.default_rng([seed, 100]).permutation(len(own.pairs.clean.labels))[: max(labels)]
    name = hashlib.sha256(f"{ledger.identity} {kept}".encode()).hexdigest()[:32]
    return Work(
        own.pairs, own.test, own.pairs.clean.part(order), scheme, dataclasses.replace(recipe, batch=chosen.batch),
        chosen, labels, seed, device, clock, own.speed, name, Aid(own.pairs.clean, chosen.steps),
    )  # fmt: skip
