"""Measure every scheme against the defences, the most valuable rows first; this fills the leaderboard.

    python experiments/grid.py cifar10                                  # 20,000 images, protocol `small`, two cores
    python experiments/grid.py cifar10 --list                           # only print the steps, in order
    python experiments/grid.py cifar10 --only strong mrit --seconds 3000
    python experiments/grid.py cifar10 --only mrit --scripts table1 --defences none --seeds 1,2     # beside seed 0
    python experiments/grid.py cifar10 --images 50000 --protocol standard --device cuda --seconds 560

Each step is one call of `table1.py`, `adaptive.py` or `undo.py`, with a record of its own for each scheme. Recorded
steps are skipped, and an interrupted training is resumed: run the same command again until the grid is complete. Exit
code 75: the time limit was reached, run the command again. A step of `adaptive.py` or `undo.py` that has begun is
finished first.

Hardware: two CPU cores (a day in all), or a GPU with the same commands.
"""

from __future__ import annotations

import argparse
import dataclasses
import math
import shlex
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from _run import AGAIN, RESULTS, ROOT, add_pretrain_on

from ripguard import api
from ripguard.benchmark.defences import DEFENCES, WITHDRAWN
from ripguard.benchmark.defended import applicable
from ripguard.benchmark.records import Measurement, read, scheme_name
from ripguard.benchmark.victims import own_seed, seeds_of
from ripguard.cli import parse
from ripguard.cli.protect import of_scheme
from ripguard.data.image_set import common_side
from ripguard.data.registry import open_source, short_name
from ripguard.data.source import Item
from ripguard.errors import refusals_printed
from ripguard.methods.params import DataStats
from ripguard.numbers import above_zero, positive
from ripguard.train.protocols import PROTOCOLS

OURS = {"strong": "--scheme strong", "mrit": "", "balanced": "--scheme balanced", "discreet": "--scheme discreet"}
OURS |= {name: f"--scheme {name}" for name in ("layered", "layered-balanced", "carve")}
TAP = {"mrit-tap": "--scheme mrit-tap", "seal-tap": "--scheme seal --perturb tap"}
PEERS = {name: f"--scheme seal --perturb {name}" for name in ("lsp", "em", "em-sample", "ar", "ops", "noise")}
HALF = {"mrit-half": "--surrogate-share 0.5"}  # marks found on half of the training images
AWARE = {"seal-tap-through": "--scheme seal --perturb tap --eot planes,jpeg,grayscale,blur,resize"}
CELLS = {  # patches on few cells where the scheme has them on all, and the other way round
    "strong-cells": "--scheme strong --patch-cells 2",
    "mrit-cells": "--patch-cells 2",
    "balanced-all-cells": "--scheme balanced --patch-cells 16",
}
CARVED = {"carve-6": "--scheme carve --keep 6"}  # smaller thumbnails
SCHEMES = OURS | CELLS | TAP | PEERS | HALF | AWARE | CARVED
CHEAP = ("jpeg-10", "grayscale")
OTHERS = tuple(name for name in DEFENCES if name not in ("none", "orthogonal-projection", *CHEAP))
SCRIPTS = ("table1", "adaptive", "undo")
WHOLE_ROW = (
    "strong",
    "balanced",
    "mrit",
    "layered",
    "carve",
    "carve-4",
    "mrit-tap",
)  # against all defences; the others: cheap ones


@dataclass(frozen=True)
class Step:
    """One call of ``script`` for one scheme; ``splits`` and ``defences`` are of table1."""

    script: str
    scheme: str
    defences: tuple[str, ...] = ()
    splits: str = "protected"


def steps() -> Iterator[Step]:
    """In the order of what they are worth."""
    for scheme in SCHEMES:
        yield Step("table1", scheme, ("none",))
    yield Step("table1", "mrit", ("none",), "restored")  # the clean images, as many as the others are trained on
    for scheme in SCHEMES:
        yield Step("adaptive", scheme)
    for scheme in WHOLE_ROW:
        yield Step("table1", scheme, (*CHEAP, "orthogonal-projection"))
    for scheme in SCHEMES:  # positive controls among them, as JPEG against TAP
        yield Step("table1", scheme, CHEAP)
    yield Step("table1", "ops", ("orthogonal-projection",))  # and this one
    yield Step("table1", "mrit", (*CHEAP, "orthogonal-projection"), "restored")
    for defence in OTHERS:
        for scheme in WHOLE_ROW:
            yield Step("table1", scheme, (defence,))
        yield Step("table1", "mrit", (defence,), "restored")
    for scheme in SCHEMES:
        yield Step("adaptive", scheme)  # once more, now that there are victims under defences
    for scheme in ("mrit", "strong", "layered", "carve"):
        yield Step("undo", scheme)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="Output: records."
    )
    parser.add_argument("source")
    parser.add_argument("--images", type=positive, default=20_000, help="training images (default 20,000)")
    parser.add_argument("--protocol", default="small", choices=PROTOCOLS)
    parser.add_argument("--only", nargs="*", choices=SCHEMES, default=list(SCHEMES), help="some schemes")
    parser.add_argument("--scripts", nargs="*", choices=SCRIPTS, default=list(SCRIPTS), help="some kinds of steps")
    parser.add_argument("--defences", nargs="*", choices=DEFENCES, help="at most these (default: all)")
    add_pretrain_on(parser)
    parser.add_argument("--seeds", default="0", help="of victims, by commas (default: 0)")
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--jobs", type=positive, help="victims at a time (default: as table1.py)")
    parser.add_argument("--seconds", type=above_zero, help="stop after so many, to be called again")
    parser.add_argument("--list", action="store_true", help="only print the calls")
    options = parser.parse_args()
    deadline = time.time() + options.seconds if options.seconds else None
    seeds = seeds_of(options.seeds)
    defences = applicable(options.source, options.pretrain_on) if options.defences is None else options.defences
    source = open_source(options.source)
    limit = limit_for(options.images, source.items)
    classes, side = len(source.labels), common_side(source.items[:100])
    for step in steps():
        step = dataclasses.replace(step, defences=tuple(one for one in step.defences if one in defences))
        if step.scheme not in options.only or step.script not in options.scripts:
            continue
        if step.script == "table1" and not step.defences:
            continue
        call = command(step, options, limit)
        if options.list:
            print(shlex.join(call[1:]))
            continue
        if recorded(step, call[-1], options.protocol, classes, side, seeds, read(RESULTS)):
            continue
        needed = ROOT / call[call.index("--work") + 1] / ("victims" if step.script == "adaptive" else "protected")
        if step.script != "table1" and not needed.exists():
            print(f"left out, as its rows were made elsewhere: {shlex.join(call[1:])}", file=sys.stderr)
            continue
        left = deadline - time.time() if deadline else None
        if left is not None and left < 0:
            sys.exit(AGAIN)
        if left is not None and step.script == "table1":
            call += ["--seconds", str(max(1, math.ceil(left)))]
        code = subprocess.run([sys.executable, *call[1:]], cwd=ROOT).returncode
        if code:
            sys.exit(code)


def limit_for(images: int, items: Sequence[Item]) -> int:
    """The ``--limit`` that leaves so many training images: it deals evenly to the classes of both splits."""
    groups = Counter((item.split, item.label) for item in items)
    each = math.ceil(images / sum(split == "train" for split, _ in groups))
    return sum(min(size, each) for size in groups.values())


def recorded(
    step: Step, name: str, protocol: str, classes: int, side: int, seeds: Sequence[int], known: Sequence[Measurement]
) -> bool:
    """Whether nothing is left to do; `undo.py` finds that out for itself.

    Args:
        known: all measurements of ``results/``.
    """
    wanted = scheme_called(SCHEMES[step.scheme], classes, side)
    own = [row for row in known if row.place.rpartition("/")[2] == f"{name.removeprefix('adaptive-')}.jsonl"]
    own = [row for row in own if row.scheme_name == wanted and row.protocol == protocol]
    victims = {(row.training_set, row.defence, row.seed) for row in own if row.kind == "victim"}
    if step.script == "table1":
        seen = any(row.kind == "image-quality" for row in own)
        needed = {(step.splits, one, own_seed(step.splits, seed)) for one in step.defences for seed in seeds}
        return seen and victims >= needed
    if step.script == "adaptive":
        found = [row for row in known if row.place == f"attacks/{name}.jsonl" and row.scheme_name == wanted]
        attacked = {(row.defence, row.seed) for row in found}
        trained = {(defence, seed) for kind, defence, seed in victims if kind == "protected"}
        return bool(found) and attacked >= {one for one in trained if one[0] not in WITHDRAWN}
    return False


def scheme_called(options: str, classes: int, side: int) -> str:
    """What tables call the scheme of a release of color images with these options; side in pixels."""
    given = of_scheme(parse(["protect", "source", "release", *shlex.split(options)]))
    return scheme_name(api.choose_scheme(**given).resolve(DataStats(side, classes)).to_json())


def command(step: Step, options: argparse.Namespace, limit: int) -> list[str]:
    """As a user would type it; the last word is the record's name."""
    folder = Path(options.source)
    source = str(folder.resolve()) if folder.is_dir() else options.source  # the call is made in the repository's root
    name = f"{short_name(source)}-{options.protocol}-{options.images}-{step.scheme}"
    call = ["python", f"experiments/{step.script}.py", source, "--protocol", options.protocol]
    call += ["--work", f"build/grid/{name}"]
    if step.script == "table1":
        protect = f"--limit {limit} {SCHEMES[step.scheme]}".strip()
        call += ["--splits", step.splits, "--defences", ",".join(step.defences), "--protect", protect]
        call += ["--seeds", options.seeds, "--device", options.device]
        call += ["--pretrain-on", options.pretrain_on] if options.pretrain_on else []
        return [*call, *(["--jobs", str(options.jobs)] if options.jobs else []), "--record", name]
    if step.script == "adaptive":
        alone = [] if step.scheme == "mrit" else ["--no-alone"]
        return [*call, "--few", "500", *alone, "--record", f"adaptive-{name}"]
    return [*call, "--count", str(options.images), "--device", options.device, "--record", f"undo-{name}"]


if __name__ == "__main__":
    with refusals_printed():
        main()
