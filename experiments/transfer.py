"""Measure whether a release keeps other models from learning too.

    python experiments/grid.py cifar10 --only mrit --scripts table1      # or table1.py: makes the release
    python experiments/transfer.py cifar10 --work build/grid/cifar10-small-20000-mrit --record transfer-mrit
    python experiments/transfer.py cifar10 --images 50000 --protocol standard --device cuda --seconds 560

Every model of `ripguard.train.models` is trained on the protected images of a release and on as many restored ones,
under one protocol. By default every n-th image is used, at most 5,000 in all: large models take minutes an epoch on a
CPU. Small models come first. Recorded rows are skipped, and an interrupted training is resumed: run the same command
again until the table is complete. Exit code 75: the time limit was reached, run the command again.

Hardware: two CPU cores, or a GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
from pathlib import Path

from _run import AGAIN, ROOT, begin, parser, release_facts

from ripguard.benchmark.accuracy import release_of, scheme_of
from ripguard.benchmark.victims import Job, check, digest_of, train_row
from ripguard.data.registry import short_name
from ripguard.errors import refusals_printed
from ripguard.numbers import above_zero, not_negative, positive
from ripguard.train.loop import Unfinished
from ripguard.train.protocols import PROTOCOLS

MODELS = "fastnet-narrow,resnet18-imagenet,vit-small,mobilenet-v2,vgg16-bn,resnet18,densenet121"  # smallest work first


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--work", type=Path, help="folder with protected/ and restored/ (default: build/<source>)")
    arguments.add_argument("--models", default=MODELS, help=f"by commas (default: {MODELS})")
    arguments.add_argument("--splits", default="protected,restored", help="by commas (default: protected,restored)")
    arguments.add_argument("--images", type=positive, default=5_000, help="training images at most (default 5,000)")
    arguments.add_argument("--protocol", default="small", help=f"one of {', '.join(PROTOCOLS)} (default: small)")
    arguments.add_argument("--seed", type=not_negative, default=0)
    arguments.add_argument("--device", default="cpu", help="cpu or cuda")
    arguments.add_argument("--seconds", type=above_zero, help="stop after so many, to be called again")
    options = arguments.parse_args()
    deadline = time.time() + options.seconds if options.seconds else None
    work = options.work or ROOT / "build" / short_name(options.source)
    for model in options.models.split(","):
        check(tuple(options.splits.split(",")), options.protocol, model)
    transfer(options, work, deadline)


def transfer(options: argparse.Namespace, work: Path, deadline: float | None) -> None:
    # 1. the release, and the record so far
    release = release_facts(work)
    run = begin(
        options, "transfer", dataset=options.source, protocol=options.protocol, scheme=scheme_of(release),
        release=release_of(release), recipe=dataclasses.asdict(PROTOCOLS[options.protocol]),
    )  # fmt: skip

    # 2. one victim a model and kind of images
    digests = {
        split: digest_of(split, options.source, work / split, most=options.images)
        for split in options.splits.split(",")
    }
    jobs = [
        Job(
            split, options.source, str(work / split), options.protocol, model, options.seed, str(work / "transfer"),
            str(work / "transfer" / "logs"), None, options.device, deadline, 1 if options.device == "cpu" else 0,
            most=options.images,
        )
        for model in options.models.split(",")
        for split in options.splits.split(",")
    ]  # fmt: skip
    done = {(one.training_set, one.model, one.seed, one.digests["train"]) for one in run.rows}
    for job in jobs:
        if (job.split, job.model, job.own_seed, digests[job.split]) in done:
            continue
        try:
            row = train_row(job)
        except Unfinished:
            print("time was up: call the same command again", file=sys.stderr)
            sys.exit(AGAIN)
        one = run.add(row)
        about = {"training_set": one.training_set, "model": one.model, "seed": one.seed, "n_train": one.n_train}
        print(about | {"test_acc": one.metrics["test_acc"]}, flush=True)


if __name__ == "__main__":
    with refusals_printed():
        main()
