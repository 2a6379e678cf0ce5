"""Table 1 of Xue et al.  Claim: victims learn from clean and restored pictures alike, and little from protected ones.

    python experiments/table1.py photos                                     # what `make evaluate` runs: minutes
    python experiments/table1.py tinyimagenet --protocol paper --seeds 0,1,2 --record tinyimagenet-paper
    python experiments/table1.py cifar10 --protocol paper --device cuda --seconds 560    # in pieces: call it again

Hardware: two CPU cores, or a GPU with the same commands. What is not there yet is made first (`experiments/chain.py`:
protect, restore, prove equality); every victim is trained from files on disk and measured on the clean test pictures.
Rows already recorded for the same pictures, protocol, model and seed are skipped, a victim that was cut goes on from
its last epoch: the same command, called again, ends with the whole table. Exit code 75: time was up, call again.
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

from chain import OPTIONS

from ripguard.data.registry import open_source, short_name
from ripguard.errors import UsageError, refusals_told
from ripguard.evaluate import figures
from ripguard.evaluate.page import html
from ripguard.evaluate.record import add_row, environment, new_folder, read_records, write_record
from ripguard.evaluate.report import grid, report
from ripguard.evaluate.table import markdown
from ripguard.evaluate.victims import SPLITS, Job, check, digest_of, is_release, seeds_of, train_row
from ripguard.numbers import above_zero, positive
from ripguard.schemes import label
from ripguard.train.loop import Unfinished
from ripguard.train.protocols import PROTOCOLS, Protocol, called

ROOT = Path(__file__).resolve().parents[1]
AGAIN = 75  # EX_TEMPFAIL


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="Output: record, logs, figures.",
    )
    parser.add_argument("source", help="photos, cifar10, tinyimagenet[:second], or a folder with train/ and test/")
    parser.add_argument("--protocol", default="smoke", help=f"one of {', '.join(PROTOCOLS)} (default: smoke)")
    parser.add_argument("--seeds", default="0", help="by commas (default: 0); restored rows take seeds of their own")
    parser.add_argument("--splits", default=",".join(SPLITS), help="training pictures, by commas (default: all three)")
    parser.add_argument("--defences", default="none", help="what victims try, by commas (default: none)")
    parser.add_argument("--model", help="instead of the protocol's own; the record then says so in its name")
    parser.add_argument("--epochs", type=positive, help="instead of the protocol's own; so does this")
    parser.add_argument("--work", type=Path, help="folder with protected/ and restored/ (default: build/<source>)")
    parser.add_argument("--record", metavar="NAME", help="write results/<date>_<NAME>/ (default: <work>/evaluation)")
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
    check(splits, options.protocol, options.model, tuple(options.defences.split(",")))
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
        command = [sys.executable, str(ROOT / "experiments" / "chain.py"), options.source, "--out", str(work), "--"]
        code = subprocess.run([*command, *extra], stdout=sys.stderr).returncode
        if code:
            sys.exit(code)
    release = json.loads((places["protected"] / ".ripguard" / "release.json").read_text())

    if release["limited"] and "clean" in splits:
        raise UsageError(
            f"the release in {work} holds a part of {options.source} only",
            "leave clean out of --splits: restored are the same pictures, as many as are protected",
        )

    # 2. the record so far
    model = options.model or PROTOCOLS[options.protocol].model
    protocol = called(options.protocol, options.model, options.epochs)
    folder, record = open_record(options, work, protocol, release, places["restored"])

    # 3. what is still to be trained, the first seed of every split first
    digests = {split: digest_of(split, options.source, places[split], os.cpu_count() or 1) for split in splits}
    if digests.get("clean") and digests.get("restored") not in (None, digests["clean"]):
        sys.exit("error: restored and clean training pictures differ: this is a defect")
    device_jobs = 1 if options.device != "cpu" else os.cpu_count() or 1
    number = options.jobs or device_jobs
    jobs = [
        Job(
            split, options.source, str(places[split]), options.protocol, model, seed, str(work / "victims"),
            str(folder / "logs"), options.epochs, options.device, deadline, 1 if options.device == "cpu" else 0,
            options.compile, defence,
        )
        for seed in seeds
        for defence in options.defences.split(",")
        for split in splits
    ]  # fmt: skip
    done = {(row["split"], row["model"], row["seed"], row["digest"], row["defence"]) for row in record["rows"]}
    jobs = [job for job in jobs if (job.split, job.model, job.own_seed, digests[job.split], job.defence) not in done]
    print(f"{record['name']}: {len(record['rows'])} rows recorded, {len(jobs)} to train", file=sys.stderr, flush=True)

    # 4. train; every finished row is written at once
    cut = False
    for row in finished(jobs, number):
        if row is None:
            cut = True
            continue
        add_row(folder, record, row)
        told = ("split", "defence", "seed", "train_accuracy", "test_accuracy")
        print(json.dumps({k: row[k] for k in told}), flush=True)
    finish(folder, record, options, work, cut)


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


def open_record(
    options: argparse.Namespace, work: Path, protocol: str, release: dict[str, Any], restored: Path
) -> tuple[Path, Any]:
    """Folder and record to go on with: the newest of this name about the same release, else a new one.

    Rows of clean and restored pictures are taken over from a record of another release, of whatever scheme, where its
    pictures are the same.
    """
    scheme = label(release["scheme"])
    name = f"table1 {options.source} {protocol} {scheme}"
    about = {"dataset": options.source, "protocol": protocol, "scheme": scheme}
    command = "python experiments/table1.py " + shlex.join(sys.argv[1:])
    fresh = {"name": name, "command": command} | environment() | about
    fresh |= {
        "release": {"dataset_id": release["dataset_id"], "scheme": release["scheme"], "root": release["manifest"]}
    }
    fresh |= {"recipe": recipe(options), "rows": []}
    own = work / "evaluation" / "record.json"
    known = sorted((ROOT / "results").glob(f"*_{options.record}/record.json")) if options.record else [own]
    for path in reversed(known):
        old = json.loads(path.read_text()) if path.exists() else {}
        if (
            old.get("name") == name
            and same_recipe(old["recipe"], fresh["recipe"])
            and old["release"] == fresh["release"]
        ):
            return path.parent, old
    folder = new_folder(ROOT / "results", fresh["date"], options.record) if options.record else own.parent
    others = read_records(ROOT / "results") if options.record else []
    alike = [r for _, r in others if r["name"].startswith(f"table1 {options.source} {protocol} ")]
    if alike := [r for r in alike if same_recipe(r["recipe"], fresh["recipe"])]:
        digest = digest_of("restored", options.source, restored, os.cpu_count() or 1)
        for old in alike:  # the newest record that has such rows
            rows = [row for row in old["rows"] if row["split"] != "protected" and row["digest"] == digest]
            fresh["rows"] = rows or fresh["rows"]
    return folder, fresh


def same_recipe(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether two recipes say the same, whatever their wording and whichever newer settings an older one lacks."""
    return Protocol(**(one | {"source": ""})) == Protocol(**(other | {"source": ""}))


def recipe(options: argparse.Namespace) -> dict[str, Any]:
    """The protocol in full, as the record keeps it."""
    import dataclasses

    found = dataclasses.asdict(PROTOCOLS[options.protocol])
    found |= {"model": options.model or found["model"], "epochs": options.epochs or found["epochs"]}
    return json.loads(json.dumps(found))


def finish(folder: Path, record: dict[str, Any], options: argparse.Namespace, work: Path, cut: bool) -> None:
    """Looks of the release, figures, page, table; say where everything is."""
    if cut:
        print("\ntime was up: call the same command again", file=sys.stderr)
        sys.exit(AGAIN)
    source, restored = open_source(options.source), work / "restored"
    if "looks" not in record:
        found = report(work / "protected", source, restored, workers=os.cpu_count() or 1)
        record["looks"] = {k: found[k] for k in ("pictures", "restored_equal", "psnr_to_clean", "ssim_to_clean")}
        write_record(folder, record)
    grid(work / "protected", source, restored, folder / "samples.png")
    pictures = [
        ("Accuracy", figures.bars(record, folder / "accuracy.png")),
        ("While training", figures.curves(record, folder / "logs", folder / "curves.png")),
        ("Answers", figures.confusion(record, folder / "confusion.png")),
        ("Clean, protected, restored, difference", folder / "samples.png"),
    ]
    page = html(record, [(title, path) for title, path in pictures if path], work / "report.html")
    if options.record:
        subprocess.run([sys.executable, str(ROOT / "experiments" / "tables.py")], stdout=sys.stderr, check=True)
    print("\n".join(["", *markdown(record), "", f"record  {folder / 'record.json'}", f"report  {page}"]))
    if record["looks"]["restored_equal"] != record["looks"]["pictures"]:
        sys.exit("NOT every picture came back: this is a defect")


if __name__ == "__main__":
    with refusals_told():
        main()
