"""One attack of an audit: how long it takes, the training of its model, and the readings of it."""

from __future__ import annotations

import dataclasses

import numpy as np

from ripguard.benchmark.attacks.limited_clean_data import names_off, reached
from ripguard.benchmark.audit import size
from ripguard.benchmark.audit.plan import Attack
from ripguard.benchmark.audit.prepared import Work
from ripguard.benchmark.audit.result import HEAD, PERMUTATION, RENAMED, STANDARDIZED, TRAINED, Row
from ripguard.data.image_set import ImageSet
from ripguard.data.source import cache_root
from ripguard.train.loop import Victim, batches, fit

HEADED = ("plain", "removal")  # kinds of models that get new linear heads, which take longer than reading all else


def estimate(attack: Attack, work: Work) -> float:
    """Seconds that an attack takes: its networks, training and readings."""
    objective = attack.defence.objective
    if objective != "plain" and objective not in work.speeds:
        sample = work.pairs.published.part(work.pairs.first(work.recipe.batch))
        work.speeds[objective] = size.speed_of(sample, work.recipe, work.device, work.budget.now, objective, 1)
    plain, relative = work.chosen.seconds, 1.0
    if objective != "plain":
        relative = work.speed / work.speeds[objective]
    networks = attack.removal.cost * size.UNET * plain if attack.removal else 0.0
    model = plain * max(1.0, relative) + networks + len(work.test.labels) / work.speed
    return work.slow * model + work.head * len(_heads(attack, work))


def _heads(attack: Attack, work: Work) -> list[int]:
    """Numbers of clean images that linear heads are fitted to."""
    return work.labels if attack.kind in HEADED else [attack.labels] if attack.kind == "alone" else []


def row(attack: Attack, work: Work) -> Row:
    """Train the model of one attack and read it."""
    began, epochs, part = work.budget.now(), work.chosen.epochs, work.part
    published, clean = work.pairs.published, work.pairs.clean
    removal, defence, steps = attack.removal, attack.defence, 0
    if attack.kind == "clean":
        shown = clean.part(part)
    elif attack.kind == "alone":
        shown = work.few.part(np.arange(min(attack.labels, len(work.few.labels))))
        epochs = max(1, round(epochs * batches(int(part.sum()), work.recipe) / batches(len(shown.labels), work.recipe)))
    elif removal and work.scheme is not None:
        own = published if not removal.cost else published.part(part)  # means need many images, networks time
        images = removal.remove(own, work.scheme, work.seed, work.device, work.aid)
        work.aid.left = {attack.name: images} if removal.cost else work.aid.left
        shown = dataclasses.replace(own, images=images)
        shown = shown if removal.cost else shown.part(part)
        steps = work.chosen.steps if removal.cost else 0
    else:
        shown = published.part(part)
    recipe = dataclasses.replace(work.recipe, epochs=epochs)
    checkpoint = cache_root() / "audit" / f"{work.identity}-{attack.name}.pt"  # a stopped call continues from it
    victim = fit(
        defence.prepared(shown.images, shown.labels, work.seed), shown.labels, len(shown.names), recipe, work.seed,
        work.device, checkpoint, note=attack.name, objective=defence.objective,
    )  # fmt: skip
    trained = work.budget.now()
    known, judged = (defence.fitting(one, work.seed + 1) for one in (work.few, work.test))
    readings = _read(attack, victim, work, known, judged)
    if heads := len(_heads(attack, work)):
        work.head = (work.budget.now() - trained) / heads
    if defence.each and not defence.shrinks:
        few, test = (defence.treated(one, work.seed + 1) for one in (work.few, work.test))
        treated = _read(attack, victim, work, few, test)
        readings = {name: max(value, treated[name]) for name, value in readings.items()}
    checkpoint.unlink(missing_ok=True)
    seconds = work.budget.now() - began
    if attack.kind in ("clean", "plain"):  # of whose time the estimate is best: others use the machine, too
        work.slow = max(1.0, (trained - began) / max(work.chosen.seconds, 1e-6))
    return Row(attack.name, attack.kind, readings, len(shown.labels), epochs, steps, round(seconds, 1))


def _read(attack: Attack, victim: Victim, work: Work, few: ImageSet, test: ImageSet) -> dict[str, float]:
    """Accuracies of a model by reading, in percent."""
    amounts = _heads(attack, work)
    off = names_off(work.scheme.perturb) if work.scheme is not None else 0
    got = reached(victim, few, test, amounts, work.labels[0], off)
    found = {TRAINED: got.plain}
    if attack.kind not in ("clean", "alone"):
        found[STANDARDIZED] = got.standardised
        if got.renamed is not None:
            found[RENAMED] = got.renamed
        found[f"{PERMUTATION}, {work.labels[0]}"] = max(got.permuted, got.both)
    found |= {f"{HEAD}, {count}": value for count, value in got.heads.items()}
    return {name: round(value, 3) for name, value in found.items()}
