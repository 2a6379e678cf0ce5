"""Train a queue of accuracy rows in the background, one after the other; this fills records.

    python experiments/victims.py --queue experiments/queues/table1.txt            # resumes where it stopped
    python experiments/victims.py --queue experiments/queues/table1.txt --list     # done, running, waiting rows
    python experiments/victims.py --queue experiments/queues/table1.txt --seconds 3000

The queue is one process of the lowest priority, on one thread. Its state is in the work folder: releases, which rows of
the same options share, and a folder for each row with its checkpoint. The process may be killed at any time: the same
command resumes from the last checkpoint and ends in the same weights. A row is added to its record when it is complete.
A refused row is noted, and the next call tries it again. As in `table1.py`, rows of clean and of restored images have
different seeds. Restored images are compared with the clean ones, unless the release is lossy.

Exit code 0: every row is recorded; 1: some were refused; 75: the time limit was reached, run the command again.
`ripguard/benchmark/queue.py` documents the format of a queue.

Hardware: one CPU core.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import hashlib
import io
import json
import math
import os
import shlex
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _run import AGAIN, RESULTS, ROOT, release_facts
from chain import with_usual
from queue_state import DONE, LOOKS, NOW, REFUSED, Release, note, show

from ripguard import api
from ripguard.benchmark.accuracy import done, illustrate, key, open_run, recipe
from ripguard.benchmark.other_images import pretrained_on
from ripguard.benchmark.queue import Row, read_queue
from ripguard.benchmark.report import report
from ripguard.benchmark.victims import Job, digest_of, is_release, train_row
from ripguard.cli import parse
from ripguard.cli.protect import of_scheme
from ripguard.data.registry import open_source, short_name
from ripguard.errors import RipguardError, UsageError, VerifyFailed, refusals_printed, tell
from ripguard.numbers import above_zero, positive
from ripguard.progress import Progress
from ripguard.store.atomic import lock
from ripguard.train.loop import SAVE_EVERY, Unfinished
from ripguard.train.protocols import PROTOCOLS, called

LOWEST = 19  # of nice(2)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queue", type=Path, required=True, metavar="FILE", help="rows to train, one a line")
    parser.add_argument("--work", type=Path, help="releases and checkpoints (default: build/queue-<name of the queue>)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where records go (default: results/)")
    parser.add_argument(
        "--threads", type=positive, default=1, help="of the CPU (default 1); others end in other last bits"
    )
    parser.add_argument("--seconds", type=above_zero, help="stop after so many, to be called again")
    parser.add_argument(
        "--save-every", type=above_zero, default=SAVE_EVERY, metavar="SECONDS",
        help=f"between checkpoints within an epoch (default {SAVE_EVERY:.0f}); each epoch ends with one",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="only print the state of each row")
    parser.add_argument("--json", action="store_true", help="with --list: as JSON")
    return parser.parse_args()


def release_of(row: Row, queue: Path, work: Path) -> Release:
    """Raises UsageError, which names line and field, for options that no release can be made with."""
    where, errors = f"{queue}, line {row.line}, protect", io.StringIO()
    try:
        with contextlib.redirect_stderr(errors):
            words = with_usual(row.dataset, shlex.split(row.protect))
            chosen = parse(["protect", row.dataset, str(work), *words])
        own = {name: getattr(chosen, name) for name in ("labels", "limit", "seed")} | of_scheme(chosen)
        api.choose_scheme(**of_scheme(chosen))
    except SystemExit:
        raise UsageError(f"{where}: {errors.getvalue().splitlines()[-1].partition('error: ')[2]}") from None
    except RipguardError as error:
        raise UsageError(f"{where}: {error.message}", error.hint) from None
    if chosen.limit and row.split == "clean":
        raise UsageError(
            f"{where}: --limit selects a part of the images, split=clean trains on all", "set split=restored"
        )
    digest = hashlib.sha256(json.dumps([row.dataset, own], sort_keys=True).encode()).hexdigest()[:8]
    place = work / "releases" / f"{short_name(row.dataset)}-{chosen.scheme}-{digest}"
    return Release(place, row.dataset, own, chosen.lossy)


def main() -> None:
    options, began = arguments(), time.time()
    work = options.work or ROOT / "build" / f"queue-{options.queue.stem}"
    rows = read_queue(options.queue)
    releases = [release_of(row, options.queue, work) for row in rows]
    if options.list:
        show(rows, releases, work, options.json)
        return
    os.nice(LOWEST)
    import torch

    torch.set_num_threads(options.threads)
    deadline = began + options.seconds if options.seconds else None
    refused = 0
    with lock(work / "lock"):
        for row, release in zip(rows, releases):
            folder = work / "rows" / row.slug
            if (folder / DONE).exists():
                continue
            note(work / NOW, {"row": row.slug})
            try:
                outcome = one_row(row, release, folder, options, deadline)
            except Unfinished:
                tell("time was up: call the same command again")
                sys.exit(AGAIN)
            except RipguardError as error:
                refused += 1
                note(folder / REFUSED, {"error": error.code, "message": error.message, "hint": error.hint})
                tell(f"line {row.line}: {error.message}", *([f"hint: {error.hint}"] if error.hint else []))
                continue
            note(folder / DONE, outcome)
            (folder / REFUSED).unlink(missing_ok=True)
            print(json.dumps(row.about | outcome), flush=True)
    sys.exit(1 if refused else 0)


def one_row(
    row: Row, release: Release, folder: Path, options: argparse.Namespace, deadline: float | None
) -> dict[str, Any]:
    """Train a row and record it; returns where it is recorded, and its accuracies.

    Raises:
        Unfinished: the deadline came first.
        RipguardError: it cannot be trained.
    """
    for partial in folder.glob("*/.*.partial"):  # of a checkpoint that was being written when the process was killed
        partial.unlink()
    model = row.model or PROTOCOLS[row.protocol].model
    place = release.restored if row.split == "restored" else release.protected
    job = Job(
        row.split, row.dataset, str(place), row.protocol, model, row.seed, str(folder / "victim"), str(folder / "logs"),
        row.epochs, deadline=deadline, threads=options.threads, defence=row.defence, save_every=options.save_every,
    )  # fmt: skip
    trained = None
    if row.split == "clean":  # needs no release, but for its record: the longest piece that can be begun at once
        trained = train_row(job)
    make(release, deadline)
    info = release_facts(release.place)
    how, results = recipe(row.protocol, row.model, row.epochs), (options.results, RESULTS)
    run = open_run(
        row.dataset, called(row.protocol, row.model, row.epochs), how, info, release.restored, command(options.queue),
        row.record, tuple(dict.fromkeys(place.resolve() for place in results)),
    )  # fmt: skip
    seen = pretrained_on(row.defence, row.dataset)
    about = (row.split, model, job.own_seed, digest_of(row.split, row.dataset, place), row.defence, seen)
    if about not in done(run):
        run.add(trained or train_row(job))
    figures = folder.parents[1] / "figures" / row.record
    illustrate(run, figures, [job.log], release.protected, open_source(row.dataset), release.restored)
    own = next(one for one in run.rows if key(one) == about)
    found = ("train_acc", "test_acc", "seconds")
    return {"recorded": run.place} | {name: own.metrics[name] for name in found}


def make(release: Release, deadline: float | None) -> None:
    """Protect, restore, and compare with the clean images, as far as that is not done; in this process alone, so that
    nothing goes on when it is killed.

    Raises:
        Unfinished: the deadline came first.
        VerifyFailed: an image did not come back.
        RipguardError: the release is refused.
    """
    key, checked = release.place / "owner.key", release.place / LOOKS
    if checked.exists():
        return
    release.place.mkdir(parents=True, exist_ok=True)
    watched = watching(release.place / NOW, deadline)
    if not key.exists():
        api.keygen(key)
    if not is_release(release.protected):
        api.protect(release.dataset, release.protected, key, workers=1, progress=watched, **release.own)
    if not release.restored.is_dir():
        back = api.restore(release.protected, release.restored, key, workers=1, progress=watched)
        if back.first_error:
            raise back.first_error
    source = open_source(release.dataset, release.own["labels"])
    found = report(release.protected, source, release.restored)
    if not release.lossy and found["restored_equal"] != found["pictures"]:
        lost = found["pictures"] - found["restored_equal"]
        raise VerifyFailed(f"{lost} of {found['pictures']} restored images differ from the clean ones: a defect")
    note(checked, found)


def watching(place: Path, deadline: float | None) -> Callable[[Progress], None]:
    """Notes how far a release is, at most every ten seconds, and raises Unfinished at the deadline: the same call goes
    on."""
    last = [-math.inf]

    def look(step: Progress) -> None:
        if deadline is not None and time.time() > deadline:
            raise Unfinished(step.stage)
        if time.monotonic() - last[0] > 10:
            last[0] = time.monotonic()
            note(place, dataclasses.asdict(step))

    return look


def command(queue: Path) -> str:
    """That makes the records, wherever it is run: work folder, threads and time are not a record's business."""
    queue = queue.resolve()
    shown = queue.relative_to(ROOT) if queue.is_relative_to(ROOT) else queue.name
    return f"python experiments/victims.py --queue {shlex.quote(str(shown))}"


if __name__ == "__main__":
    with refusals_printed():
        main()
