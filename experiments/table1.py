"""Train models on clean, protected and restored images: Table 1 of Xue et al.

    python experiments/table1.py photos                                     # as `make evaluate` runs it: minutes
    python experiments/table1.py tinyimagenet --protocol paper --seeds 0,1,2 --record tinyimagenet-paper
    python experiments/table1.py cifar10 --protocol paper --device cuda --seconds 560    # in pieces: run it again

Measured is the accuracy on clean test images of models trained on files on disk. A missing release is made first, as by
`experiments/chain.py`: protect, restore, compare. An interrupted training is resumed from its last epoch: run the same
command again until the table is complete.

Without `--record` nothing outside build/ is written; accuracies that the project has recorded are printed below the
table, with date and record. With `--record NAME` rows are added to results/victims/NAME.jsonl, and rows that are
recorded for the same images, protocol, model and seed are skipped. Exit code 75: the time limit was reached, run the
command again. Expected: clean and restored images teach a model equally well, protected ones little.

Hardware: two CPU cores, or a GPU with the same commands.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from _run import AGAIN, RESULTS, ROOT, add_pretrain_on, command, release_facts
from chain import OPTIONS

from ripguard.benchmark.accuracy import done, illustrate, open_run, recipe, references
from ripguard.benchmark.other_images import pretrained_on
from ripguard.benchmark.page import html
from ripguard.benchmark.run import Run
from ripguard.benchmark.table import markdown
from ripguard.benchmark.victims import SPLITS, Job, check, digest_of, is_release, seeds_of, train_row
from ripguard.data.registry import open_source, short_name
from ripguard.errors import UsageError, refusals_printed
from ripguard.numbers import above_zero, positive
from ripguard.train.loop import Unfinished
from ripguard.train.protocols import PROTOCOLS, called


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Output: record, logs, figures.",
    )
    parser.add_argument("source", help="photos, cifar10, tinyimagenet[:second], or a folder with train/ and test/")
    parser.add_argument("--protocol", default="smoke", help=f"one of {', '.join(PROTOCOLS)} (default: smoke)")
    parser.add_argument("--seeds", default="0", help="by commas (default: 0); restored rows take seeds of their own")
    parser.add_argument("--splits", default=",".join(SPLITS), help="training images, by commas (default: all three)")
    parser.add_argument("--defences", default="none", help="what victims try, by commas (default: none)")
    add_pretrain_on(parser)
    parser.add_argument("--model", help="instead of the protocol's own; the record then has it in its name")
    parser.add_argument("--epochs", type=positive, help="instead of the protocol's own; so does this")
    parser.add_argument("--work", type=Path, help="folder with protected/ and restored/ (default: build/<source>)")
    parser.add_argument(
        "--record", metavar="NAME", help="write results/victims/NAME.jsonl (default: <work>/evaluation)"
    )
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="DIR", help="folder of records (default: results/)"
    )
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument(
        "--jobs", type=positive, help="victims at a time (default: one a core on a CPU, each on one thread)"
    )
    parser.add_argument("--seconds", type=above_zero, help="stop after so many, to be called again")
    parser.add_argument("--compile", action="store_true", help="torch.compile the victims")
    parser.add_argument(
        "--protect", default="", help="options for `ripguard protect`, as one string, where it is to make the release"
    )
    return parser.parse_args()


def main() -> None:
    options, began = arguments(), time.time()
    splits, seeds = tuple(options.splits.split(",")), seeds_of(options.seeds)
    defences = tuple(options.defences.split(","))
    check(splits, options.protocol, options.model, defences, options.source, options.pretrain_on)
    evaluate(options, splits, seeds, began + options.seconds if options.seconds else None)


def evaluate(options: argparse.Namespace, splits: tuple[str, ...], seeds: list[int], deadline: float | None) -> None:
    work = options.work or ROOT / "build" / short_name(options.source)
    places = {"clean": work, "protected": work / "protected", "restored": work / "restored"}

    # 1. the release and what its key gives back, if they are not there
    extra = [*shlex.split(options.protect), *(["--device", options.device] if options.device != "cpu" else [])]
    if is_release(places["protected"]) and places["restored"].is_dir():
        made = work / OPTIONS
        if options.protect and made.exists() and shlex.split(made.read_text()) != extra:
            raise UsageError(
                f"{work} holds a release made with {made.read_text().strip() or 'no options'}",
                "name another --work, or remove that folder's protected/",
            )
    else:
        call = [sys.executable, str(ROOT / "experiments" / "chain.py"), options.source, "--out", str(work), "--"]
        code = subprocess.run([*call, *extra], stdout=sys.stderr).returncode
        if code:
            sys.exit(code)
    release = release_facts(work)

    if release["limited"] and "clean" in splits:
        raise UsageError(
            f"the release in {work} holds a part of {options.source} only",
            "leave clean out of --splits: restored are the same images, as many as are protected",
        )

    # 2. the record so far
    model = options.model or PROTOCOLS[options.protocol].model
    protocol = called(options.protocol, options.model, options.epochs)
    how = recipe(options.protocol, options.model, options.epochs)
    name = options.record or f"{short_name(options.source)}-{options.protocol}"
    places_of_records = (options.results if options.record else work / "evaluation", options.results)
    run = open_run(
        options.source, protocol, how, release, places["restored"], command(), name, places_of_records,
        os.cpu_count() or 1, fresh=not options.record,
    )  # fmt: skip

    # 3. what is still to be trained, the first seed of every split first
    digests = {split: digest_of(split, options.source, places[split], os.cpu_count() or 1) for split in splits}
    if digests.get("clean") and digests.get("restored") not in (None, digests["clean"]):
        sys.exit("error: restored and clean training images differ: this is a defect")
    device_jobs = 1 if options.device != "cpu" else os.cpu_count() or 1
    number = options.jobs or device_jobs
    jobs = [
        Job(
            split, options.source, str(places[split]), options.protocol, model, seed, str(work / "victims"),
            str(work / "victims" / "logs"), options.epochs, options.device, deadline,
            1 if options.device == "cpu" else 0, options.compile, defence,
            pretrain_on=options.pretrain_on,
        )
        for seed in seeds
        for defence in options.defences.split(",")
        for split in splits
    ]  # fmt: skip
    known = done(run)
    seen = {name: pretrained_on(name, options.source, options.pretrain_on) for name in options.defences.split(",")}
    wanted = {
        (job.split, job.model, job.own_seed, digests[job.split], job.defence, seen[job.defence]): job for job in jobs
    }
    left = [job for about, job in wanted.items() if about not in known]
    print(f"{name}: {len(known)} rows recorded, {len(left)} to train", file=sys.stderr, flush=True)

    # 4. train; every finished row is written at once
    cut = False
    for row in finished(left, number):
        if row is None:
            cut = True
            continue
        one = run.add(row)
        shown = {"training_set": one.training_set, "defence": one.defence, "seed": one.seed}
        print(json.dumps(shown | {name: one.metrics[name] for name in ("train_acc", "test_acc")}), flush=True)
    finish(run, options, work, [job.log for job in jobs], cut)


def finished(jobs: list[Job], number: int) -> Iterator[dict[str, Any] | None]:
    """Rows as they become ready, None for one that ran out of time."""
    if number == 1 or len(jobs) < 2:
        for job in jobs:
            try:
                yield train_row(job)
            except Unfinished:
                yield None
        return
    with ProcessPoolExecutor(number, get_context("spawn")) as pool:
        for future in as_completed([pool.submit(train_row, job) for job in jobs]):
            try:
                yield future.result()
            except Unfinished:
                yield None


def finish(run: Run, options: argparse.Namespace, work: Path, logs: list[Path], cut: bool) -> None:
    """Image quality of the release, figures, page, table; print where everything is."""
    if cut:
        print("\ntime was up: call the same command again", file=sys.stderr)
        sys.exit(AGAIN)
    source, restored, out = open_source(options.source), work / "restored", work / "evaluation"
    images = illustrate(run, out, logs, work / "protected", source, restored, os.cpu_count() or 1)
    page = html(run.rows, images, work / "report.html")
    print("\n".join(["", *markdown(run.rows), *references(run, options.results)]))
    print(f"\nrecord  {run.path}\nreport  {page}")
    if options.record:
        print("`make results` brings the tables up to date", file=sys.stderr)
    quality = next(row.metrics for row in run.rows if row.kind == "image-quality")
    if quality["restored_equal"] != quality["images"]:
        lost = quality["images"] - quality["restored_equal"]
        sys.exit(f"error: {lost:,} of {quality['images']:,} images in {restored} differ from the clean ones: a defect")


if __name__ == "__main__":
    with refusals_printed():
        main()
