"""Measure what an attacker gets out of a trained model with a few clean images.

    python experiments/table1.py tinyimagenet --protocol paper --seeds 0,1,2
    python experiments/adaptive.py tinyimagenet --protocol paper --record adaptive-tinyimagenet

Input: the models that `table1.py` trained on protected images, from the checkpoints in <work>/victims.

1. Without labels: each logit is standardized over the test images. Where the taught labels follow a public rule
   (`cyclic`), the outputs are renamed by it; the recipe of the release is read with `owner.key` beside it.
2. With 100 labelled clean training images: the best permutation of the outputs is fitted, plain and standardized.
3. With the numbers of `--few`: a new linear head is fitted to the features.
4. Where a defence can transform single images, 1 to 3 are repeated on test images transformed in the same way.
5. For comparison, a model of the same protocol is trained on those few clean images alone.

Test images are used for the final accuracy only. Expected: little more than the few images give alone.

Hardware: two CPU cores.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _run import ROOT, add_pretrain_on, begin, parser, release_facts

from ripguard.benchmark.accuracy import recipe, release_of, scheme_of
from ripguard.benchmark.attacks.limited_clean_data import (
    BOTH,
    HEAD,
    PERMUTED,
    RENAMED,
    STANDARDISED,
    public_rule,
    reached,
)
from ripguard.benchmark.defences import DEFENCES, WITHDRAWN
from ripguard.benchmark.other_images import mark_of
from ripguard.benchmark.victims import check
from ripguard.data.image_set import ImageSet, load
from ripguard.data.registry import open_source, short_name
from ripguard.errors import InputRefused, UsageError, refusals_printed
from ripguard.numbers import above_zero, positive
from ripguard.release.manifest import Release
from ripguard.train.loop import Victim, batches, fit
from ripguard.train.protocols import PROTOCOLS, called

NAME = re.compile(r"[^-]+-protected-(?P<model>.+?)-(?P<seed>\d+)(-(?P<defence>[^@]+)(?P<mark>@.+)?)?")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--protocol", default="fast")
    arguments.add_argument("--model", help="of the victims, as given to table1.py")
    arguments.add_argument("--epochs", type=positive, help="likewise")
    arguments.add_argument("--work", type=Path, help="folder with victims/ (default: build/<source>)")
    arguments.add_argument(
        "--few",
        type=numbers,
        default="0.01,0.1",
        metavar="N,…",
        help="clean training images the attacker has, beside 100: numbers, or shares below 1 (default 0.01,0.1)",
    )
    arguments.add_argument("--no-alone", action="store_true", help="leave out the few alone: the same for every scheme")
    arguments.add_argument("--steps", type=positive, default=2000, help="batches that the few alone are trained for")
    add_pretrain_on(arguments)
    options = arguments.parse_args()
    check((), options.protocol, options.model)
    work = options.work or ROOT / "build" / short_name(options.source)

    # 1. the attacker's images: drawn once, the smaller sets inside the larger ones
    items = open_source(options.source).items
    clean, test = (load([item for item in items if item.split == part]) for part in ("train", "test"))
    classes = len(clean.names)
    order = np.random.default_rng(0).permutation(len(clean.labels))
    wanted = (100, *(round(number if number >= 1 else number * len(order)) for number in options.few))
    amounts = sorted({min(number, len(order)) for number in wanted})
    few = clean.part(order[: amounts[-1]])

    # 2. the record so far: what was read already is not read again
    opened = Release.open(work / "protected")
    release, units = release_facts(work), opened.info["units"]
    off = public_rule(release["scheme"])
    trained = called(options.protocol, options.model, options.epochs)
    run = begin(
        options, "limited-clean", dataset=options.source, protocol=trained, scheme=scheme_of(release),
        images=sum(units[row["unit"]]["split"] == "train" for row in opened.rows), release=release_of(release),
        recipe=recipe(options.protocol, options.model, options.epochs),
    )  # fmt: skip

    def known(about: dict[str, Any], wanted: Sequence[int]) -> bool:
        """Whether heads on so many images are recorded, which are read last; of a victim, renamed outputs as well."""
        if off and "alone" not in about and not run.has(**(about | {"attack": RENAMED})):
            return False
        return all(run.has(**(about | {"attack": HEAD, "clean_images": count})) for count in wanted)

    def keep(about: dict[str, Any], found: Sequence[tuple[str, int, float]]) -> None:
        """Rows of (attack, clean images, accuracy)."""
        for attack, count, value in found:
            row = about | {"attack": attack, "clean_images": count, "test_acc": round(value, 3)}
            run.add(row | {"test_images": len(test.labels)})
            print(row, file=sys.stderr, flush=True)

    usual = PROTOCOLS[options.protocol]
    usual = dataclasses.replace(usual, model=options.model or usual.model, epochs=options.epochs or usual.epochs)
    epochs = usual.epochs

    # 3. every victim of protected images, read as it is and, where its defence can, with its inputs defended too
    for path in sorted((work / "victims").glob(f"{options.protocol}-protected-*.pt")):
        parts = NAME.fullmatch(path.stem)
        if parts is None:
            raise InputRefused(f"{path} has not the name of a model that table1.py trained", "move it away")
        if parts["model"] != usual.model or parts["defence"] in WITHDRAWN:
            continue
        defence = DEFENCES[parts["defence"] or "none"]
        if (parts["mark"] or "") != mark_of(defence.name, options.pretrain_on):
            continue  # its backbone has seen other images
        about: dict[str, Any] = {
            "training_set": "protected",
            "defence": defence.name,
            "model": parts["model"],
            "seed": int(parts["seed"]),
        }
        treated = (True,) if defence.shrinks else (False, True)[: 1 + defence.each]
        forms = [(about | ({"inputs_defended": True} if so else {}), so) for so in treated]
        seen = options.pretrain_on if defence.start else ""
        forms = [(form | ({"pretrained_on": seen} if seen else {}), so) for form, so in forms]
        fixed = about | {"pretrained_on": seen or None}
        forms = [(form, so) for form, so in forms if not known(fixed | {"inputs_defended": so or None}, amounts)]
        if not forms:
            continue
        stored = torch.load(path, map_location="cpu", weights_only=True)
        if {stored["epoch"], stored.get("epochs", epochs)} != {epochs}:  # cut, or of another length
            print(f"{path.name} is not trained for {epochs} epochs: left out", file=sys.stderr)
            continue
        victim = Victim(usual, classes, defence.fitting(few.part(np.arange(1)), 0).images.shape[1])
        victim.restore(stored["victim"])
        for form, so in forms:
            known_few, shown = (defence.treated(few, 1), defence.treated(test, 1)) if so else (few, test)
            keep(form, read_by(victim, known_few, shown, amounts, off))
    if not run.rows:
        raise UsageError(f"{work / 'victims'} has no whole victim of protocol {trained}", "run table1.py first")

    # 4. those few images alone
    for amount in [] if options.no_alone else amounts:
        about = {"training_set": "clean", "alone": True, "model": usual.model, "seed": 0}
        about |= {"defence": "none"}
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
        print(run.path)


def numbers(text: str) -> list[float]:
    return [above_zero(word) for word in text.split(",")]


def read_by(
    victim: Victim, few: ImageSet, test: ImageSet, amounts: Sequence[int], off: int = 0
) -> list[tuple[str, int, float]]:
    """(attack, clean images, accuracy) of each attack on one victim."""
    got = reached(victim, few, test, amounts, names_off=off)
    found = [("none", 0, got.plain), (STANDARDISED, 0, got.standardised), (PERMUTED, 100, got.permuted)]
    found += [(RENAMED, 0, got.renamed)] if got.renamed is not None else []
    return [*found, (BOTH, 100, got.both), *((HEAD, amount, accuracy) for amount, accuracy in got.heads.items())]


if __name__ == "__main__":
    with refusals_printed():
        main()
