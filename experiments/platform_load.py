"""Measure a platform under load: calls a second, restored images a second, and the memory of the server.

    python experiments/platform_load.py                                 # photos, a minute
    python experiments/platform_load.py cifar10 --record platform-load  # 50,000 images
    python experiments/platform_load.py --only calls                    # one of PARTS

`ripguard serve` and its process that restores share one core; the client has another. `calls`: authorized GETs of one
dataset by 64 connections at once, each with a token of its own; once as fast as they go, once at 1,000 a second.
`images`: every image through POST restore, in requests of 1,000, each compared with what `ripguard restore` gives;
`memory`: resident memory of the server and of its process that restores, after each tenth of these images.

A rate is by the clock; `of processor time` is what one core does when it does nothing else.

Hardware: an idle machine with two cores; rates on a busy one are not comparable.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from _run import begin, parser, scheme_named
from _server import Measured, Served, connections, paced, percentile

from ripguard import api
from ripguard.crypto.keys import Key
from ripguard.errors import UsageError, VerifyFailed, refusals_printed
from ripguard.numbers import above_zero, positive
from ripguard.platform.client import Client, Image
from ripguard.release.manifest import Release

PARTS = ("calls", "images")
AT_ONCE, RATE = 64, 1000  # connections, calls a second
STEPS = 10  # looks at the memory
REQUEST = 1000  # images of one request

Row = dict[str, Any]


def main() -> None:
    arguments = parser(__doc__, source=False)
    arguments.add_argument("source", nargs="?", default="photos")
    arguments.add_argument("--images", type=positive, default=50_000, help="at most so many (default 50,000)")
    arguments.add_argument("--seconds", type=above_zero, default=10.0, help="of each measurement of calls (default 10)")
    arguments.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    arguments.add_argument("--work", type=Path, metavar="DIR", help="keep the release here, and use one that is there")
    options = arguments.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise UsageError("this needs two cores: one for the server, one for the client")
    run = begin(options, "platform-load", dataset=options.source, scheme=scheme_named("mrit"))
    with tempfile.TemporaryDirectory() as folder:
        made = Releases(options.work or Path(folder), options.source, options.images)
        os.sched_setaffinity(0, {cores[1]})
        with Served(Path(folder) / "platform", cores[0]) as served:
            dataset = served.deposit(made.root, made.key)
            for part in options.only:
                for row in (calls if part == "calls" else images)(served, dataset, made, options):
                    run.add(row | {"part": part})
                    print(in_words(row), flush=True)


def in_words(row: Row) -> str:
    return "  ".join(f"{value:,}" if isinstance(value, int | float) else str(value) for value in row.values())


class Releases:
    """A release without a perturbation, its key, and the clean files that `ripguard restore` makes of it."""

    def __init__(self, place: Path, source: str, images: int) -> None:
        self.root, self.key, self.back = place / "release", place / "k", place / "back"
        if not self.root.exists():
            place.mkdir(parents=True, exist_ok=True)
            api.keygen(self.key)
            api.protect(source, self.root, self.key, perturb="none", limit=images)
        if not self.back.exists():
            api.restore(self.root, self.back, self.key)
        release, key = Release.open(self.root), Key.read(self.key)
        self.sources = {row["path"]: release.source_path(row, key) for row in release.rows}

    def files(self) -> Iterator[tuple[str, bytes]]:
        for path in sorted(self.sources):
            yield path, (self.root / path).read_bytes()

    def clean(self, path: str) -> str:
        """SHA-256 of the clean file of a published image."""
        return hashlib.sha256((self.back / self.sources[path]).read_bytes()).hexdigest()


def calls(served: Served, dataset: str, made: Releases, options: argparse.Namespace) -> Iterator[Row]:
    """Authorized calls for the metadata of a dataset."""
    tokens = [served.user(dataset) for _ in range(AT_ONCE)]
    path = f"/v1/datasets/{dataset}"
    connections(served.url, path, tokens, 1.0)  # tables and caches are made once
    for what, ran in (
        ("as fast as they go", lambda: connections(served.url, path, tokens, options.seconds)),
        (f"at {RATE:,} a second", lambda: paced(served.url, path, tokens, options.seconds, RATE)),
    ):
        before = served.processor_time
        found: Measured = ran()
        used = served.processor_time - before
        yield {
            "what": what, "connections": AT_ONCE, "rate": round(len(found.took) / found.elapsed, 1),
            "rate_of_processor_time": round(len(found.took) / used, 1),
            "p50_ms": round(1000 * percentile(found.took, 50), 2),
            "p99_ms": round(1000 * percentile(found.took, 99), 2),
        }  # fmt: skip


def images(served: Served, dataset: str, made: Releases, options: argparse.Namespace) -> Iterator[Row]:
    """Every image of the release, in requests of some."""
    names, held = sorted(made.sources), list[tuple[str, bytes]]()
    looks = {round(len(names) * step / STEPS) for step in range(1, STEPS + 1)}
    elapsed = used = 0.0
    done, memory = 0, list[float]()
    with Client(served.url, served.user(dataset)) as client:
        list(client.restore(dataset, [next(made.files())]))  # the process that restores is started
        for name, data in made.files():
            held.append((name, data))
            if len(held) < REQUEST and done + len(held) not in looks:
                continue
            began, before = time.perf_counter(), served.processor_time
            found = list(client.restore(dataset, held))
            elapsed, used = elapsed + time.perf_counter() - began, used + served.processor_time - before
            for sent, one in zip(held, found, strict=True):
                if not isinstance(one, Image) or hashlib.sha256(one.data).hexdigest() != made.clean(sent[0]):
                    raise VerifyFailed(f"{sent[0]} was not restored exactly")
            done, held = done + len(held), []
            if done in looks:
                memory.append(served.memory)
    about = {"images": done}
    yield about | {
        "what": "restored",
        "rate": round(done / elapsed, 1),
        "rate_of_processor_time": round(done / used, 1),
    }
    yield about | {"what": "memory", "mebibytes": memory}


if __name__ == "__main__":
    with refusals_printed():
        main()
