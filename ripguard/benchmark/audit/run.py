"""Run an audit: choose a size, train one model per attack until the budget is spent, keep rows, write the page."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.benchmark.attacks.limited_clean_data import names_off, reached
from ripguard.benchmark.attacks.removal import Aid
from ripguard.benchmark.audit import page, size, words
from ripguard.benchmark.audit.clock import Budget, Now
from ripguard.benchmark.audit.images import Images, Pairs
from ripguard.benchmark.audit.ledger import Ledger
from ripguard.benchmark.audit.plan import Attack, attacks, label_counts
from ripguard.benchmark.audit.result import HEAD, PERMUTATION, RENAMED, STANDARDIZED, TRAINED, Audit, Planned, Row
from ripguard.crypto.keys import KeyRing
from ripguard.data.image_set import ImageSet
from ripguard.data.source import Source, cache_root
from ripguard.errors import InputRefused, MissingExtra, UsageError, WrongKey, tell
from ripguard.precision import check_device
from ripguard.progress import stopped_by
from ripguard.release.inspect import described
from ripguard.release.manifest import Release
from ripguard.release.signers import vouched
from ripguard.release.wrapper import unwrapped
from ripguard.schemes.stored import read as read_scheme
from ripguard.schemes.two_axis import TwoAxis
from ripguard.train.loop import Unfinished, Victim, batches, fit
from ripguard.train.protocols import Protocol
from ripguard.train.recipe import recipe_of

TESTED, LOADED = 1_000, 10_000  # most test and training images that are restored
FIRST = 16  # images that the speed of restoring is measured with
RESTORING = {"train": 1 / 10, "test": 1 / 20}  # shares of the budget for restoring
HEAD_SECONDS = 5.0  # estimate for one linear head with its cross-validation, before the first was fitted
HEADED = ("plain", "removal")  # kinds of models that get new linear heads, which take longer than reading all else
PAGE = "audit.html"


@dataclass
class _Work:
    """What all attacks of one call share."""

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
    head: float = field(default_factory=lambda: HEAD_SECONDS)  # seconds of one linear head
    slow: float = 1.0  # actual time of the last model over its estimate

    @property
    def part(self) -> np.ndarray:
        return self.pairs.first(self.chosen.images)


def audit(
    root: Path,
    key: KeyRing,
    out: Path | None = None,
    budget: float = 10.0,
    source: Source | None = None,
    protocol: str = "small",
    images: int | None = None,
    seed: int = 0,
    device: str = "cpu",
    signer: str | None = None,
    dry_run: bool = False,
    now: Now = time.monotonic,
    began: float | None = None,
) -> Audit:
    """Attack a release; the key is used for the recipe, the clean images and the test images only.

    Args:
        root: path of the release.
        key: of the owner, or of the whole release.
        out: folder for rows and page; None: ``<name>-audit`` beside the release.
        budget: minutes; the call ends within them. The same call goes on with what was not tried.
        source: clean images are read from it instead of being restored, for a release without exact restoration.
        images: training images of a model; None: chosen, so that a model takes at most a tenth of the budget.
        dry_run: plan and estimate, and write nothing.
        now: clock, in seconds; began: when the call began by that clock, None: now.

    Raises:
        WrongKey: the key does not open the whole release.
        UsageError: an unknown protocol or device, or a budget too short to restore images.
        InputRefused: too few images or classes.
        OutputRefused: ``out`` lies in the release, or has something else.
        Also what restoring an image raises.
    """
    clock = Budget(budget, now, began)
    recipe = recipe_of(protocol)
    check_device(device)
    root = unwrapped(root)
    release = Release.open(root)
    if release.opened_by(key) is None:
        raise WrongKey(
            f"wrong key: it opens single units of {root}", "use the key of the owner or of the whole release"
        )
    vouched(release, signer, key)
    stored = described(release, key)["scheme"]
    scheme = _scheme_of(stored)
    identity = {
        "dataset_id": release.info["dataset_id"], "manifest": release.rows.digest, "protocol": protocol,
        "images": images, "seed": seed, "source": source is not None,
    }  # fmt: skip
    folder = out or root.resolve().with_name(f"{root.resolve().name}-audit")
    ledger = Ledger(folder, identity)
    data = Images(release, key, source, seed)
    with stopped_by(clock.check):
        try:
            facts, work = _prepared(data, ledger, clock, recipe, scheme, images, seed, device)
        except Unfinished as stopped:
            raise UsageError(
                f"{stopped}, before images were restored and the speed was measured", "give a longer --budget"
            ) from None
        result = Audit(
            release=root.resolve().name, scheme=str(stored["name"]), protocol=protocol, model=recipe.model, seed=seed,
            classes=len(data.names), held_out=data.held_out, budget=budget, **facts["shown"],
        )  # fmt: skip
        plan = attacks(scheme, result.labels)
        if dry_run:
            result.not_tried = [found for one in plan if (found := _tried(one, work, None))]
            return result
        done = {row.attack for row in ledger.rows}
        if ledger.facts is None:
            ledger.begin(facts)
        for attack in plan:
            if attack.name not in done:
                missed = _tried(attack, work, ledger)
                result.not_tried += [missed] if missed else []
    order = {attack.name: place for place, attack in enumerate(plan)}
    result.rows = sorted(ledger.rows, key=lambda row: order.get(row.attack, len(order)))
    result.seconds = round(sum(row.seconds for row in result.rows), 1)
    result.verdict, result.sentence = words.verdict(result.numbers)
    result.page = str(page.write(result, folder / PAGE))
    return result


def _scheme_of(stored: dict[str, Any]) -> TwoAxis | None:
    try:
        return read_scheme(stored)
    except UsageError:  # a scheme in one step, or of a package that is not installed
        tell(f"ripguard: note: no removal attack is known for the scheme {stored.get('name')}")
        return None


def _prepared(
    data: Images, ledger: Ledger, clock: Budget, recipe: Protocol, scheme: TwoAxis | None, wanted: int | None,
    seed: int, device: str,
) -> tuple[dict[str, Any], _Work]:  # fmt: skip
    """Restore images and choose the size, or take both from an earlier call; the facts that the ledger keeps."""
    facts, least = ledger.facts, 2 * len(data.names)
    if facts is None:
        began = clock.now()
        data.pairs(FIRST)
        rate = min(len(data.train), FIRST) / max(clock.now() - began, 1e-6)  # images a second
        most = {split: max(least, int(rate * clock.seconds * part)) for split, part in RESTORING.items()}
        loaded = min(len(data.train), max(min(LOADED, most["train"]), wanted or 0))
        tests = min(len(data.test), TESTED, most["test"])
    else:
        loaded, tests = facts["loaded"], facts["tests"]
    test, pairs = data.tested(tests), data.pairs(loaded)
    sample = pairs.published.part(pairs.first(min(loaded, 3 * recipe.batch)))
    speed = size.speed_of(sample, recipe, device, clock.now)
    if facts is None:
        chosen = size.choose(speed, clock, loaded, len(data.names), recipe, wanted)
        if any(one.removal and one.removal.cost for one in attacks(scheme, ())):
            chosen = size.with_networks(chosen, size.unet_seconds(sample, device, clock.now))
        tell(f"ripguard: {chosen.why}")
        labels = label_counts(loaded)
        chance = round(100 * float(np.bincount(test.labels).max() / len(test.labels)), 2)
        steps = chosen.epochs * max(1, chosen.images // chosen.batch)
        shown = {
            "images": chosen.images, "epochs": chosen.epochs, "steps": steps, "why": chosen.why,
            "test_images": len(test.labels), "chance": chance, "labels": labels,
        }  # fmt: skip
        facts = {"loaded": loaded, "tests": tests, "size": dataclasses.asdict(chosen), "shown": shown}
    chosen = size.Size(**facts["size"])
    recipe = dataclasses.replace(recipe, batch=chosen.batch)
    labels = facts["shown"]["labels"]
    order = np.random.default_rng([seed, 100]).permutation(len(pairs.clean.labels))[: max(labels)]
    name = hashlib.sha256(f"{ledger.identity} {chosen} {device}".encode()).hexdigest()[:32]
    work = _Work(
        pairs, test, pairs.clean.part(order), scheme, recipe, chosen, labels, seed, device, clock, speed, name,
        Aid(pairs.clean, chosen.steps),
    )  # fmt: skip
    return facts, work


def _planned(attack: Attack, seconds: float | None, why: str = "") -> Planned:
    return Planned(attack.name, attack.kind, attack.what, None if seconds is None else round(seconds / 60, 2), why)


def _tried(attack: Attack, work: _Work, ledger: Ledger | None) -> Planned | None:
    """Train and read one model, and keep its row; the attack with a reason if that was impossible.

    Args:
        ledger: None: only estimate.
    """
    seconds = None
    try:
        work.budget.check()
        seconds = _estimate(attack, work)
        if ledger is None:
            return _planned(attack, seconds)
        if seconds > work.budget.left:
            return _planned(attack, seconds, "it would have exceeded the budget")
        ledger.add(_row(attack, work))
        return None
    except Unfinished:
        return _planned(attack, seconds, "the budget was spent")
    except (MissingExtra, UsageError, InputRefused) as error:
        return _planned(attack, seconds, error.message)


def _estimate(attack: Attack, work: _Work) -> float:
    """Seconds that an attack takes: its networks, training and readings."""
    if getattr(attack.defence, "start", ""):  # trained before on other data, which an audit does not have
        raise UsageError(f"{attack.name} needs images to pretrain on", "use experiments/victims.py")
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


def _heads(attack: Attack, work: _Work) -> list[int]:
    """Numbers of clean images that linear heads are fitted to."""
    return work.labels if attack.kind in HEADED else [attack.labels] if attack.kind == "alone" else []


def _row(attack: Attack, work: _Work) -> Row:
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


def _read(attack: Attack, victim: Victim, work: _Work, few: ImageSet, test: ImageSet) -> dict[str, float]:
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
