"""Interrupt commands at any moment: does the same command, run again, write the bytes of an undisturbed run?

    python experiments/interruption.py --record interruption          # about half an hour on two cores
    python experiments/interruption.py --moments 3 --stride 25        # a minute

1. 20 images are protected and restored. At each file-system operation in turn, the process is killed, dies in the
   middle of a write, loses power and all that no `fsync` has made durable, or finds the disk full, over quota,
   read-only or broken. After an error: exit code 9, one sentence, nothing at the output's place. After every fault: the
   source is unchanged, the same command succeeds, its tree is equal byte for byte, and no other file is left.
2. SIGKILL is sent to the whole process group of real commands on all cores, at random moments, most of them after the
   first write.

With `--record` every row is written when it is complete, and recorded rows are skipped.

Hardware: two CPU cores, Linux.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from _run import begin, parser, scheme_named
from faults import KINDS, run_with_fault

from ripguard.bar import Bar
from ripguard.cli import main as ripguard
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.numbers import not_negative, positive

STORAGE = 9  # exit code
AT_RANDOM = "SIGKILL at random moments"


class World:
    """Two sources, keys, and what undisturbed runs make of them."""

    def __init__(self, place: Path, many: int) -> None:
        self.place, self.log = place, place / "log"
        items = open_source("photos").items
        for name, count in (("few", 20), ("many", many)):
            for item in items[:: max(1, len(items) // count)][:count]:
                target = place / name / item.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(item.read())
            (place / name / "notes.txt").write_text("an annotation, to be copied\n")
        self.key = str(place / "k")
        self.must(["keygen", "--out", self.key])
        self.trees: dict[tuple[str, str], str] = {}
        for source, workers in (("few", 1), ("many", os.cpu_count() or 1)):
            for verb in ("protect", "restore"):
                out = place / ("release-" + source if verb == "protect" else "back-" + source)
                self.must(self.command(verb, source, out, workers))
                self.trees[verb, source] = tree(out)
            self.trees["source", source] = tree(place / source, times=True)

    def command(self, verb: str, source: str, out: Path, workers: int) -> list[str]:
        start = self.place / (source if verb == "protect" else "release-" + source)
        own = ["--perturb", "none"] if verb == "protect" else []
        return [verb, str(start), str(out), "--key-file", self.key, "--workers", str(workers), *own]

    def must(self, arguments: list[str]) -> None:
        code, _ = run_with_fault(ripguard, arguments, "", 0, self.log)
        if code:
            sys.exit(f"ripguard {shlex.join(arguments)} ended with {code}:\n{self.log.read_text()}")


def tree(root: Path, times: bool = False) -> str:
    """Digest of names and contents below a folder; with modification times too."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        digest.update(str(path.relative_to(root)).encode() + b"\0")
        if times:
            digest.update(str(path.stat().st_mtime_ns).encode())
        if path.is_file():
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def wrong_after(world: World, verb: str, source: str, out: Path, workers: int) -> str:
    """Why the state after a fault, or the run that goes on from it, is not as promised; "" if it is."""
    wanted = world.trees[verb, source]
    if tree(world.place / source, times=True) != world.trees["source", source]:
        return "the source was touched"
    if verb == "restore" and tree(world.place / ("release-" + source)) != world.trees["protect", source]:
        return "the release was touched"
    if out.exists() and tree(out) != wanted:
        return "an incomplete output is at the output's place"
    if not out.exists():
        code, _ = run_with_fault(ripguard, world.command(verb, source, out, workers), "", 0, world.log)
        if code or not out.exists():
            return f"the same command then ended with {code}: {world.log.read_text()[-300:]}"
        if tree(out) != wanted:
            return "the same command then made something else"
        left = [path.name for path in out.parent.iterdir() if path != out]
        return f"left beside the output: {left}" if left else ""
    return ""


def wrong_refusal(code: int, text: str) -> str:
    """Why an error was not reported as promised."""
    if code == 0:  # only tidying up failed
        return ""
    if code != STORAGE:
        return f"exit code {code}, expected {STORAGE}: {text[-300:]}"
    return "a traceback" if "Traceback" in text else "" if "ripguard: error:" in text else "no sentence"


def every_operation(world: World, verb: str, kind: str, stride: int) -> dict[str, Any]:
    """One fault of a kind at every ``stride``-th operation of a run on 20 images."""
    struck: Counter[str] = Counter()
    wrong: list[str] = []
    number, tries = 1, 0
    with Bar(stage=f"{verb}: {kind}", unit="operation") as bar:
        while True:
            beside = world.place / "beside"
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir()
            out = beside / "out"
            code, what = run_with_fault(ripguard, world.command(verb, "few", out, 1), kind, number, world.log)
            if not what:
                break
            struck[what] += 1
            tries += 1
            problem = "" if code < 0 else wrong_refusal(code, world.log.read_text())
            problem = problem or wrong_after(world, verb, "few", out, 1)
            if problem:
                wrong.append(f"operation {number} ({what}): {problem}")
            number += stride
            bar.update()
    return {
        "verb": verb, "fault": kind, "images": 20, "tries": tries, "wrong": len(wrong), "what": wrong[:5],
        "operations": dict(sorted(struck.items())), "stride": stride,
    }  # fmt: skip


def random_moments(world: World, verb: str, count: int, draw: random.Random) -> dict[str, Any]:
    """``count`` SIGKILLs of a real command with all its workers, five in six after its first write."""
    workers, wrong, written, over, kills = os.cpu_count() or 1, [], 0, 0, 0
    first, whole = (timed(world, verb, workers, until_written=only_first) for only_first in (True, False))
    images = sum(path.is_file() for path in (world.place / "many").rglob("*"))
    with Bar(total=count, stage=f"{verb}: random moments", unit="kill") as bar:
        while kills < count:
            beside = world.place / "beside"
            shutil.rmtree(beside, ignore_errors=True)
            beside.mkdir()
            out = beside / "out"
            process = start(world.command(verb, "many", out, workers))
            if kills % 6:  # most: wait for the first write, then for a part of what follows it
                while process.poll() is None and not any_written(beside):
                    time.sleep(0.002)
                time.sleep(draw.uniform(0, max(0.05, whole - first)))
            else:
                time.sleep(draw.uniform(0, whole))
            if process.poll() is not None:  # over before it could be killed: not a try
                over += 1
                continue
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            kills += 1
            written += any_written(beside)
            bar.update()
            if problem := wrong_after(world, verb, "many", out, workers):
                wrong.append(f"kill {kills}: {problem}")
    return {
        "verb": verb, "fault": AT_RANDOM, "images": images, "tries": kills, "wrong": len(wrong),
        "what": wrong[:5], "after_first_write": written, "over_before": over, "workers": workers,
    }  # fmt: skip


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "ripguard", *arguments]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)


def any_written(beside: Path) -> bool:
    """Whether an image, or a part of one, is anywhere below."""
    trees = {"release", "restored", "out"}  # not the plan, which is written before any image
    walk = os.walk(beside)  # folders may vanish meanwhile
    return any(
        name.endswith((".png", ".tmp")) for here, _, names in walk if trees & {*Path(here).parts} for name in names
    )


def timed(world: World, verb: str, workers: int, until_written: bool) -> float:
    """Seconds of an undisturbed command, or until its first write."""
    beside = world.place / "beside"
    shutil.rmtree(beside, ignore_errors=True)
    beside.mkdir()
    began, process = time.monotonic(), start(world.command(verb, "many", beside / "out", workers))
    while process.poll() is None and not (until_written and any_written(beside)):
        time.sleep(0.002)
    took = time.monotonic() - began
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return took


def main() -> None:
    arguments = parser(__doc__, source=False)
    arguments.add_argument("--moments", type=positive, default=100, help="random kills of each verb (default 100)")
    arguments.add_argument("--many", type=positive, default=2000, help="images for the random kills (default 2000)")
    arguments.add_argument("--stride", type=positive, default=1, help="take every n-th operation only")
    arguments.add_argument("--kinds", nargs="*", default=list(KINDS), choices=KINDS, help="faults (default: all)")
    arguments.add_argument("--verbs", nargs="*", default=["protect", "restore"], choices=["protect", "restore"])
    arguments.add_argument("--seed", type=not_negative, default=0)
    options = arguments.parse_args()
    run = begin(
        options, "interruption", dataset="photos", scheme=scheme_named("mrit") | {"perturb": {"method": "none"}}
    )
    wrong = sum(row.metrics["wrong"] for row in run.rows)
    with tempfile.TemporaryDirectory() as place:
        world = World(Path(place), options.many if options.moments else 20)
        draw = random.Random(options.seed)
        faults = [*options.kinds, AT_RANDOM] if options.moments else options.kinds
        for verb, fault in itertools.product(options.verbs, faults):
            if any(
                one.setting.get("stride", 1) == options.stride and one.about(verb=verb, fault=fault) for one in run.rows
            ):
                continue
            if fault == AT_RANDOM:
                row = random_moments(world, verb, options.moments, draw)
            else:
                row = every_operation(world, verb, fault, options.stride)
            print(row, flush=True)
            wrong += row["wrong"]
            run.add(row)
    if wrong:
        sys.exit(f"error: {wrong} interruptions did not end as expected, see the rows above: a defect")


if __name__ == "__main__":
    with refusals_printed():
        main()
