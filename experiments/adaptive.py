"""What a few clean images get out of a victim.  Claim: of a plain victim of marks, little more than they give alone.

    python experiments/table1.py tinyimagenet --protocol paper --seeds 0,1,2
    python experiments/adaptive.py tinyimagenet --protocol paper --record adaptive-tinyimagenet

Takes the victims that `table1.py` trained on protected images (their checkpoints in <work>/victims). Without a label
it counts each of their outputs against its mean and spread over the images asked about. From a few labelled clean
training images it fits the best permutation of their outputs, as they are and standardised, on 100 images, and a
new linear head on their features. Where a victim's defence can treat an image by itself, all of this is tried on
images so treated as well. Beside that, the same for a model of the same protocol trained on those few images alone:
what they are worth without the protected ones. Test images give the final accuracy only. Hardware: two CPU cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ripguard.benchmark.attacks.limited_clean_data import BOTH, HEAD, PERMUTED, STANDARDISED, TREATED, reached
from ripguard.benchmark.defences import DEFENCES, WITHDRAWN
from ripguard.benchmark.record import environment, go_on_with, write_record
from ripguard.benchmark.victims import check
from ripguard.data.image_set import ImageSet, load
from ripguard.data.registry import open_source, short_name
from ripguard.errors import UsageError, refusals_printed
from ripguard.numbers import above_zero, positive
from ripguard.release.manifest import Release
from ripguard.schemes import label
from ripguard.train.loop import Victim, batches, fit
from ripguard.train.protocols import PROTOCOLS, called

ROOT = Path(__file__).resolve().parents[1]
NAME = re.compile(r"[^-]+-protected-(?P<model>.+?)-(?P<seed>\d+)(-(?P<defence>.+))?")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="Output: a table, a record."
    )
    parser.add_argument("source")
    parser.add_argument("--protocol", default="fast")
    parser.add_argument("--model", help="of the victims, where table1.py was told so")
    parser.add_argument("--epochs", type=positive, help="likewise")
    parser.add_argument("--work", type=Path, help="folder with victims/ (default: build/<source>)")
    parser.add_argument(
        "--few",
        type=numbers,
        default="0.01,0.1",
        metavar="N,…",
        help="clean training images the attacker has, beside 100: numbers, or shares below 1 (default 0.01,0.1)",
    )
    parser.add_argument("--no-alone", action="store_true", help="leave out the few alone: the same for every scheme")
    parser.add_argument("--steps", type=positive, default=2000, help="batches that the few alone are trained for")
    parser.add_argument("--record", metavar="NAME", help="write build/records/<date>_<NAME>/")
    options = parser.parse_args()
    check((), options.protocol, options.model)
    work = options.work or ROOT / "build" / short_name(options.source)

    # 1. the attacker's images: drawn once, the smaller sets inside the larger ones
    items = open_source(options.source).items
    clean, test = (load([item for item in items if item.split == part]) for part in ("train", "test"))
    classes, side = len(clean.names), clean.images.shape[1]
    order = np.random.default_rng(0).permutation(len(clean.labels))
    wanted = (100, *(round(number if number >= 1 else number * len(order)) for number in options.few))
    amounts = sorted({min(number, len(order)) for number in wanted})
    few = clean.part(order[: amounts[-1]])

    # 2. the record so far: what was read already is not read again
    opened = Release.open(work / "protected")
    release, units = opened.info, opened.info["units"]
    made = release["scheme"]
    here = environment()
    trained = called(options.protocol, options.model, options.epochs)
    record: dict[str, Any] = {"name": f"adaptive {options.source} {trained} {label(made)}"}
    record |= {"command": "python experiments/adaptive.py " + shlex.join(sys.argv[1:])} | here
    record |= {"dataset": options.source, "protocol": "adaptive", "scheme": label(made)}
    record |= {"pictures": sum(units[row["unit"]]["split"] == "train" for row in opened.rows)}
    record |= {"victims": trained, "rows": []}
    record |= {"release": {"dataset_id": release["dataset_id"], "scheme": made}}
    folder = Path()
    if options.record:
        same = ("name", "victims", "pictures", "release")
        folder, record = go_on_with(ROOT / "build" / "records", options.record, record, same)

    def known(about: dict[str, Any], wanted: Sequence[int]) -> bool:
        """Whether heads on so many images are recorded, which are read last."""
        heads = [row for row in record["rows"] if row["attack"] == HEAD and about.items() <= row.items()]
        return {row["clean_pictures"] for row in heads} >= set(wanted)

    def keep(about: dict[str, Any], found: Sequence[tuple[str, int, float]]) -> None:
        """Rows of (attack, clean images, accuracy), in place of those about the same."""
        record["rows"] = [row for row in record["rows"] if not about.items() <= row.items()]
        for attack, count, value in found:
            row = about | {"attack": attack, "clean_pictures": count, "test_accuracy": round(value, 3)}
            record["rows"].append(row | {"test_images": len(test.labels), "commit": here["commit"]})
        print(record["rows"][-len(found) :], file=sys.stderr, flush=True)
        if options.record:
            write_record(folder, record)

    usual = PROTOCOLS[options.protocol]
    usual = dataclasses.replace(usual, model=options.model or usual.model, epochs=options.epochs or usual.epochs)
    epochs = usual.epochs

    # 3. every victim of protected images, asked as it is and, where its defence can, about treated images
    for path in sorted((work / "victims").glob(f"{options.protocol}-protected-*.pt")):
        parts = NAME.fullmatch(path.stem)
        assert parts is not None
        if parts["model"] != usual.model or parts["defence"] in WITHDRAWN:
            continue
        defence = DEFENCES[parts["defence"] or "none"]
        about: dict[str, Any] = {"trained_on": "protected", "model": parts["model"], "seed": int(parts["seed"])}
        names = {defence.name: False} | ({defence.name + TREATED: True} if defence.each else {})  # asked about treated
        forms = [(about | {"defence": name}, so) for name, so in names.items()]
        forms = [(form, so) for form, so in forms if not known(form, amounts)]
        if not forms:
            continue
        stored = torch.load(path, map_location="cpu", weights_only=True)
        if {stored["epoch"], stored.get("epochs", epochs)} != {epochs}:  # cut, or of another length
            print(f"{path.name} is not trained for {epochs} epochs: left out", file=sys.stderr)
            continue
        victim = Victim(usual, classes, side)
        victim.restore(stored["victim"])
        for form, so in forms:
            known_few, shown = (defence.treated(few, 1), defence.treated(test, 1)) if so else (few, test)
            keep(form, read_by(victim, known_few, shown, amounts))
    if not record["rows"]:
        raise UsageError(f"{work / 'victims'} has no whole victim of protocol {trained}", "run table1.py first")

    # 4. those few images alone
    for amount in [] if options.no_alone else amounts:
        about = {"trained_on": "the attacker's clean images alone", "model": usual.model, "seed": 0}
        about |= {"defence": "none", "clean_pictures": amount}
        if known(about, (amount,)):
            continue
        own = few.part(np.arange(amount))
        # few images are one batch or two: they are shown often enough
        length = max(epochs, options.steps // batches(amount, usual))
        protocol = dataclasses.replace(usual, epochs=length)
        alone = fit(own.images, own.labels, classes, protocol, note=f"{amount} clean images alone")
        got = reached(alone, own, test, (amount,))
        keep(about | {"epochs": length}, [("none", amount, got.plain), (HEAD, amount, got.heads[amount])])
    if options.record:
        print(folder / "record.json")


def numbers(text: str) -> list[float]:
    return [above_zero(word) for word in text.split(",")]


def read_by(victim: Victim, few: ImageSet, asked: ImageSet, amounts: Sequence[int]) -> list[tuple[str, int, float]]:
    """(attack, clean images, accuracy) of each attack on one victim."""
    got = reached(victim, few, asked, amounts)
    found = [("none", 0, got.plain), (STANDARDISED, 0, got.standardised), (PERMUTED, 100, got.permuted)]
    return [*found, (BOTH, 100, got.both), *((HEAD, amount, accuracy) for amount, accuracy in got.heads.items())]


if __name__ == "__main__":
    with refusals_printed():
        main()
