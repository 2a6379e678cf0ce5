"""Run an audit: choose a size, train one model per attack until the budget is spent, keep rows, write the page."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from ripguard import __version__
from ripguard.benchmark.audit import model, page, words
from ripguard.benchmark.audit.clock import Budget, Now
from ripguard.benchmark.audit.images import Images
from ripguard.benchmark.audit.ledger import RELEASE, VERSIONS, Ledger
from ripguard.benchmark.audit.plan import Attack, attacks
from ripguard.benchmark.audit.prepared import Work, prepare
from ripguard.benchmark.audit.result import Audit, Earlier, Planned
from ripguard.benchmark.record import installed
from ripguard.crypto.keys import KeyRing
from ripguard.data.source import Source
from ripguard.errors import (
    InputRefused,
    MissingExtra,
    UsageError,
    WrongKey,
    out_of_memory,
    tell,
)
from ripguard.precision import check_device, fast_math
from ripguard.progress import stopped_by
from ripguard.release.inspect import described
from ripguard.release.manifest import Release
from ripguard.release.signers import vouched
from ripguard.release.wrapper import unwrapped
from ripguard.schemes.stored import read as read_scheme
from ripguard.schemes.two_axis import TwoAxis
from ripguard.train.loop import Unfinished
from ripguard.train.recipe import recipe_of

PAGE = "audit.html"
LIBRARIES = ("torch", "torchvision", "numpy", "scipy", "Pillow", "kornia")  # that figures hang on
SPENT, INTERRUPTED = "the budget was spent", "interrupted"


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
        budget: minutes; the call ends within them. The same call goes on with what was not tried. Where the models so
            far are too small to tell, it begins larger ones, if the budget affords them.
        source: clean images are read from it instead of being restored, for a release without exact restoration.
        images: training images of a model; None: chosen, so that a model takes at most a tenth of the budget.
        dry_run: plan and estimate, and write nothing.
        now: clock, in seconds; began: when the call began by that clock, None: now.

    Raises:
        WrongKey: the key does not open the whole release.
        UsageError: an unknown protocol or device, fewer images than classes, or a budget too short to restore images.
        InputRefused: too few images or classes.
        OutputRefused: ``out`` lies in the release, or has something else, or rows of other images, versions or options.
        Also what restoring an image raises. Once a model was trained, the page is written before an exception ends the
        call, :class:`KeyboardInterrupt` included.
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
    name = root.resolve().name
    folder = out or root.resolve().with_name(f"{name}-audit")
    ledger = Ledger(folder, identity_of(release, protocol, images, seed, device))
    data = Images(release, key, source, seed)
    if images is not None and images < len(data.names):
        raise UsageError(
            f"images: expected at least {len(data.names)}, one for each class, got {images}", "omit it, or give more"
        )

    def result(facts: dict[str, Any]) -> Audit:
        return Audit(
            release=name, scheme=str(stored["name"]), protocol=protocol, model=recipe.model, seed=seed,
            classes=len(data.names), held_out=data.held_out, budget=budget, **facts["shown"],
        )  # fmt: skip

    with stopped_by(clock.check), _threads_kept():
        known = None if ledger.facts is None else result(ledger.facts)
        if known:
            known.rows = ledger.rows
        too_small = known is not None and words.too_small(known.numbers)
        try:
            facts, work = prepare(data, ledger, clock, recipe, scheme, images, seed, device, too_small)
        except Unfinished as stopped:
            raise UsageError(
                f"{stopped}, before images were restored and the speed was measured", "give a longer --budget"
            ) from None
        found = result(facts)
        plan = attacks(scheme, found.labels)
        kept = ledger.rows if facts is ledger.facts else []
        open_ones = [one for one in plan if one.name not in {row.attack for row in kept}]
        if dry_run:
            found.not_tried = [_planned(one, work, dry=True) for one in open_ones]
            return found
        if facts is not ledger.facts:
            if ledger.rows:
                tell("ripguard: the models so far are too small to tell; larger ones are begun, those are kept apart")
            tell(f"ripguard: {found.why}")
            ledger.begin(facts)
        missed = dict[str, Planned]()
        try:
            for attack in open_ones:
                if one := _tried(attack, work, ledger):
                    missed[attack.name] = one
        except BaseException as error:
            found.stopped = INTERRUPTED if isinstance(error, KeyboardInterrupt) else "ended by an error"
            if ledger.rows:
                with contextlib.suppress(Exception):  # the error itself says more
                    _finished(found, plan, missed, ledger)
                    tell(f"ripguard: page of an unfinished audit: {found.page}")
            raise
    return _finished(found, plan, missed, ledger)


def identity_of(release: Release, protocol: str, images: int | None, seed: int, device: str) -> dict[str, Any]:
    """What rows must share to stand in one audit: release, options, device and versions; no path and no key."""
    named = device if device == "cpu" else f"{device}, {torch.cuda.get_device_name(device)}"
    with fast_math(device):
        numbers = "bfloat16" if torch.is_autocast_enabled(torch.device(device).type) else "float32"
    return {
        RELEASE: [release.info["dataset_id"], release.rows.digest], "protocol": protocol, "images": images,
        "seed": seed, "device": named, "numbers": numbers,
        VERSIONS: {"ripguard": __version__} | {name: installed(name) for name in LIBRARIES},
    }  # fmt: skip


@contextlib.contextmanager
def _threads_kept() -> Iterator[None]:
    """Context manager: afterwards, torch uses as many threads as before."""
    threads = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _scheme_of(stored: dict[str, Any]) -> TwoAxis | None:
    try:
        return read_scheme(stored)
    except UsageError:  # a scheme in one step, or of a package that is not installed
        tell(f"ripguard: note: no removal attack is known for the scheme {stored.get('name')}")
        return None


def _planned(attack: Attack, work: Work, why: str = "", seconds: float | None = None, dry: bool = False) -> Planned:
    if attack.why:
        why = attack.why
    elif dry:
        try:
            work.budget.check()
            seconds = model.estimate(attack, work)
        except Unfinished:
            why = "the time for measuring it was spent"
        except MissingExtra as error:
            return Planned(attack.name, attack.kind, attack.what, None, error.message, False)
    minutes = None if seconds is None else round(seconds / 60, 2)
    return Planned(attack.name, attack.kind, attack.what, minutes, why, not attack.why)


def _tried(attack: Attack, work: Work, ledger: Ledger) -> Planned | None:
    """Train and read one model, and keep its row; the attack with a reason if that was impossible."""
    if attack.why:
        return _planned(attack, work)
    seconds = None
    try:
        work.budget.check()
        seconds = model.estimate(attack, work)
        if seconds > work.budget.left:
            return _planned(attack, work, too_long(seconds, work.budget), seconds)
        ledger.add(model.row(attack, work))
        return None
    except Unfinished:
        return _planned(attack, work, SPENT, seconds)
    except (MissingExtra, UsageError, InputRefused) as error:
        return Planned(attack.name, attack.kind, attack.what, None, error.message, False)
    except (MemoryError, RuntimeError) as error:
        if not out_of_memory(error):
            raise
        return Planned(attack.name, attack.kind, attack.what, None, "there was not enough memory", False)


def too_long(seconds: float, budget: Budget) -> str:
    """Why an attack of so many seconds was not begun."""
    time = f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} minutes"
    return f"it takes about {time}, more than {'the whole budget' if seconds > budget.most else 'was left'}"


def _finished(found: Audit, plan: Sequence[Attack], missed: dict[str, Planned], ledger: Ledger) -> Audit:
    """The result of what is there, with its page."""
    order = {attack.name: place for place, attack in enumerate(plan)}
    found.rows = sorted(ledger.rows, key=lambda row: order.get(row.attack, len(order)))
    done = {row.attack for row in found.rows}
    found.not_tried = [
        missed.get(one.name) or Planned(one.name, one.kind, one.what, None, one.why or found.stopped, not one.why)
        for one in plan
        if one.name not in done
    ]
    found.earlier = [
        Earlier(part.facts["size"]["images"], part.facts["size"]["epochs"], part.facts["tests"], part.rows)
        for part in ledger.earlier
    ]
    found.seconds = round(sum(row.seconds for row in found.rows), 1)
    found.verdict, found.sentence = words.verdict(found.numbers)
    found.page = str(page.write(found, ledger.folder / PAGE))
    return found
