"""Whether what keeps one model from learning keeps others.  Claim: it does; marks are made without any model.

    python experiments/grid.py cifar10 --only mrit --scripts table1      # or table1.py: makes the release
    python experiments/transfer.py cifar10 --work build/grid/cifar10-small-20000-mrit --record transfer-mrit
    python experiments/transfer.py cifar10 --pictures 50000 --protocol standard --device cuda --seconds 560

Every model of ripguard.train.models is trained on the images of a release as they are published, and on as many that
its key gave back: one protocol for all, on every n-th of them, by default at most 5,000 (large models take minutes an
epoch on a CPU). Small models come first. What is recorded already is skipped, a victim that was cut goes on: the same
command, called again, ends with the whole table. Exit code 75: time was up, call again. Hardware: two CPU cores, or a
GPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
import time
from pathlib import Path
from typing import Any

from ripguard.benchmark.record import add_row, environment, go_on_with
from ripguard.benchmark.victims import Job, check, digest_of, train_row
from ripguard.data.registry import short_name
from ripguard.errors import refusals_printed
from ripguard.numbers import above_zero, not_negative, positive
from ripguard.release.manifest import Release
from ripguard.schemes import label
from ripguard.train.loop import Unfinished
from ripguard.train.protocols import PROTOCOLS

ROOT = Path(__file__).resolve().parents[1]
AGAIN = 75  # EX_TEMPFAIL, as table1.py
MODELS = "fastnet-narrow,resnet18-imagenet,vit-small,mobilenet-v2,vgg16-bn,resnet18,densenet121"  # smallest work first


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="Output: a table, a record."
    )
    parser.add_argument("source")
    parser.add_argument("--work", type=Path, help="folder with protected/ and restored/ (default: build/<source>)")
    parser.add_argument("--models", default=MODELS, help=f"by commas (default: {MODELS})")
    parser.add_argument("--splits", default="protected,restored", help="by commas (default: protected,restored)")
    parser.add_argument("--images", type=positive, default=5_000, help="training images at most (default 5,000)")
    parser.add_argument("--protocol", default="small", help=f"one of {', '.join(PROTOCOLS)} (default: small)")
    parser.add_argument("--seed", type=not_negative, default=0)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--seconds", type=above_zero, help="stop after so many, to be called again")
    parser.add_argument(
        "--record", metavar="NAME", help="write build/records/<date>_<NAME>/, after every row, and go on with it"
    )
    options = parser.parse_args()
    deadline = time.time() + options.seconds if options.seconds else None
    work = options.work or ROOT / "build" / short_name(options.source)
    for model in options.models.split(","):
        check(tuple(options.splits.split(",")), options.protocol, model)
    transfer(options, work, deadline)


def transfer(options: argparse.Namespace, work: Path, deadline: float | None) -> None:
    # 1. the release, and the record so far
    release = Release.open(work / "protected").info
    scheme = release["scheme"]
    record: dict[str, Any] = {"name": f"transfer {options.source} {options.protocol} {label(scheme)}"}
    record |= {"command": "python experiments/transfer.py " + shlex.join(sys.argv[1:])} | environment()
    record |= {"dataset": options.source, "protocol": "transfer", "scheme": label(scheme)}
    record |= {"release": {"dataset_id": release["dataset_id"], "scheme": scheme}, "pictures": options.images}
    record |= {"recipe": dataclasses.asdict(PROTOCOLS[options.protocol]), "rows": []}
    folder = work / "transfer"
    if options.record:
        folder, record = go_on_with(
            ROOT / "build" / "records", options.record, record, ("name", "release", "pictures", "recipe")
        )

    # 2. one victim a model and kind of images
    digests = {
        split: digest_of(split, options.source, work / split, most=options.images)
        for split in options.splits.split(",")
    }
    jobs = [
        Job(
            split, options.source, str(work / split), options.protocol, model, options.seed, str(work / "transfer"),
            str(folder / "logs"), None, options.device, deadline, 1 if options.device == "cpu" else 0,
            most=options.images,
        )
        for model in options.models.split(",")
        for split in options.splits.split(",")
    ]  # fmt: skip
    done = {(row["split"], row["model"], row["seed"], row["digest"]) for row in record["rows"]}
    for job in jobs:
        if (job.split, job.model, job.own_seed, digests[job.split]) in done:
            continue
        try:
            row = train_row(job)
        except Unfinished:
            print("time was up: call the same command again", file=sys.stderr)
            sys.exit(AGAIN)
        print({name: row[name] for name in ("split", "model", "seed", "images", "test_accuracy")}, flush=True)
        if options.record:
            add_row(folder, record, row)


if __name__ == "__main__":
    with refusals_printed():
        main()
