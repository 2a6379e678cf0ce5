"""What an attacker can take off a release's images before training.  Claim: none; it shows how much.

    python experiments/chain.py cifar10
    python experiments/undo.py cifar10 --record undo-cifar10                       # protocol `small`, 20,000 images
    python experiments/undo.py cifar10 --only none restorer-500 made-up --protocol fast --count 50000

Every attack ends in the accuracy of a victim trained on what it leaves, on clean test images, for the same number of
steps: `restorer-m`: a U-Net that saw m leaked pairs of protected and clean images runs over all others; `made-up`:
the same without a leak: pairs are made by protecting the protected images once more, under labels drawn at random;
`…-told`: the U-Net is told the labels as well; `made-up-twice`: what it leaves of marks over an adversarial
perturbation, which another U-Net then takes off, from a surrogate trained on what is left; `…+defence`: the victim is
trained under that defence on what is left, and asked about images so treated as well; `averaged-4`: the mean of the
release and of three more sets of marks, each of its own seed, before hiding; `two-sizes`: the difference of two
releases with one seed, whose marks differ in size alone, before hiding; `oracle-…`: the perfect jigsaw of mRIT's
blocks, and the perfect guess of their shifts, the most that either can do alone; `clean-p`: p percent of the images
are known clean and are mixed with the protected rest; `alone-p`: those clean ones alone; `sink-out`: the class with
smaller marks is left out. Beside the plain accuracy, that of standardised outputs, which need no label, and what a
hundred labelled clean images make of the victim; where the names that a perturbation teaches follow a public rule
(`cyclic`), the right names as well. What is recorded already for this release is skipped.
Hardware: two CPU cores, or a GPU with the same commands.
"""

from __future__ import annotations

import argparse
import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.benchmark.attacks import oracle, restorer, synthetic_pairs
from ripguard.benchmark.attacks.limited_clean_data import TREATED, reached
from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.record import add_row, environment, go_on_with
from ripguard.benchmark.victims import check, read
from ripguard.data.image_set import ImageSet
from ripguard.data.registry import short_name
from ripguard.errors import refusals_printed
from ripguard.hide.mrit.method import MRITParams
from ripguard.images.quality import median_looks
from ripguard.numbers import not_negative, positive
from ripguard.perturb.layered import LayeredParams
from ripguard.perturb.make import make
from ripguard.perturb.marks import MarkedParams
from ripguard.release.manifest import Release
from ripguard.schemes import label
from ripguard.schemes.stored import read as read_scheme
from ripguard.schemes.two_axis import TwoAxis
from ripguard.train.loop import Victim, batches, fit
from ripguard.train.protocols import PROTOCOLS, Protocol

ROOT = Path(__file__).resolve().parents[1]
ATTACKS = (
    *("none", "sink-out", "restorer-500", "made-up", "made-up-told", "made-up-told+jpeg-10", "made-up-twice"),
    *("averaged-4", "two-sizes", "oracle-jigsaw", "oracle-shifts", "clean-10", "alone-10", "restorer-2000"),
    *("restorer-100", "clean-50", "alone-50", "clean-1", "alone-1", "restorer-500-told"),
    *("made-up-told+ueraser-max", "made-up-told+adversarial-training", "made-up-twice+jpeg-10"),
)
FEW = 100  # labelled clean images, for the last two readings of every victim
AGAIN = ("made", "averaged", "two")  # attacks that put on the same marks


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, epilog="Output: a table, a record."
    )
    parser.add_argument("source")
    parser.add_argument("--work", type=Path, help="folder with protected/ and restored/ (default: build/<source>)")
    parser.add_argument("--protocol", default="small", help=f"one of {', '.join(PROTOCOLS)} (default: small)")
    parser.add_argument("--count", type=positive, default=20_000, help="training images, drawn once (default 20,000)")
    parser.add_argument("--only", nargs="*", choices=ATTACKS, default=list(ATTACKS))
    parser.add_argument("--steps", type=positive, default=1500, help="batches to train a restorer for (default 1500)")
    parser.add_argument("--seed", type=not_negative, default=0)
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--record", metavar="NAME", help="write build/records/<date>_<NAME>/, after every row, and go on with it"
    )
    options = parser.parse_args()
    check((), options.protocol, None)
    work = options.work or ROOT / "build" / short_name(options.source)

    # 1. the release's images as published, and the clean ones that some of the attackers know
    protected = read("protected", options.source, work / "protected", "train")
    clean = read("restored", options.source, work / "restored", "train")  # of a limited release, its images alone
    test = read("clean", options.source, work, "test")
    chosen = np.random.default_rng(0).permutation(len(clean.labels))[: options.count]
    whole, protected, clean = clean, protected.part(chosen), clean.part(chosen)
    few = clean.part(np.random.default_rng([options.seed, FEW]).permutation(len(chosen))[:FEW])
    release = Release.open(work / "protected").info
    scheme = release["scheme"]
    made = read_scheme(scheme)

    # 2. one victim an attack
    protocol = PROTOCOLS[options.protocol]
    record: dict[str, Any] = {"name": f"undo {options.source} {options.protocol} {label(scheme)}"}
    here = environment()
    record |= {"command": "python experiments/undo.py " + shlex.join(sys.argv[1:])} | here
    record |= {"dataset": options.source, "protocol": "undo", "scheme": label(scheme)}
    record |= {"release": {"dataset_id": release["dataset_id"], "scheme": scheme}, "pictures": len(clean.labels)}
    record |= {"recipe": dataclasses.asdict(protocol), "rows": []}
    folder = Path()
    if options.record:
        folder, record = go_on_with(
            ROOT / "build" / "records", options.record, record, ("name", "release", "pictures", "recipe")
        )
    known = {(row["attack"], row["seed"]) for row in record["rows"]}
    left: dict[str, ImageSet] = {}  # by the last attack: a defence may follow, or another attack
    for attack in options.only:
        if (attack, options.seed) in known:
            continue
        if attack.startswith("oracle") and not isinstance(made.hide, MRITParams):
            continue  # nothing was moved
        if attack == "sink-out" and not getattr(made.perturb, "sink", False):
            continue  # there is none
        base, _, under = attack.partition("+")
        kind = base.split("-")[0]
        model = "steps" in made.perturb.options() or made.perturb.method in ("em", "em-sample")
        if kind in AGAIN and model and not (kind == "made" and isinstance(made.perturb, MarkedParams)):
            print(f"left out: {attack}, as {made.perturb.method} needs a model", file=sys.stderr)
            continue
        if base == "made-up-twice" and not isinstance(made.perturb, LayeredParams):
            continue  # nothing stands below
        if base not in left:
            left = {base: after(base, protected, clean, whole, made, options, left)}
        shown, defence = left[base], DEFENCES[under or "none"]
        own = dataclasses.replace(protocol, epochs=epochs_for(len(shown.labels), len(clean.labels), protocol))
        seen = defence.prepared(shown.images, shown.labels, options.seed)
        victim = fit(
            seen, shown.labels, len(clean.names), own, options.seed, options.device, note=attack,
            objective=defence.objective,
        )  # fmt: skip
        looks = median_looks(seen, clean.images) if len(shown.labels) == len(clean.labels) else {}
        about: dict[str, Any] = {"images": len(shown.labels), "seed": options.seed, "model": own.model}
        about |= {"epochs": own.epochs, "test_images": len(test.labels), "commit": here["commit"]}
        forms = {attack: (few, test)}
        if under and defence.each:  # first: a record that has the attack has this
            so = options.seed + 1
            forms = {attack + TREATED: (defence.treated(few, so), defence.treated(test, so))} | forms
        for name, (known_few, asked) in forms.items():
            row = {"attack": name} | about | read_by(victim, known_few, asked, names_off(made)) | looks
            print(row, flush=True)
            if options.record:
                add_row(folder, record, row)


def read_by(victim: Victim, few: ImageSet, asked: ImageSet, off: int) -> dict[str, float]:
    """What a victim tells: as it is, standardised, of ``few`` labelled clean images, and under the right names."""
    got = reached(victim, few, asked, (len(few.labels),), names_off=off)
    found = {"test_accuracy": got.plain, "standardised_accuracy": got.standardised}
    found |= {"permuted_accuracy": max(got.permuted, got.both), "head_accuracy": got.heads[len(few.labels)]}
    if got.renamed is not None:
        found["renamed_accuracy"] = got.renamed
    return {name: round(value, 3) for name, value in found.items()} | {"clean_pictures": len(few.labels)}


def names_off(made: TwoAxis) -> int:
    """How many classes further on than its label an image of a release shows; the rule ``cyclic`` is public."""
    return getattr(made.perturb, "label_shift", 0)


def epochs_for(images: int, usual: int, protocol: Protocol) -> int:
    """As many steps as ``usual`` images take: fewer images, more epochs."""
    return round(protocol.epochs * batches(usual, protocol) / batches(images, protocol))


def after(
    attack: str,
    protected: ImageSet,
    clean: ImageSet,
    whole: ImageSet,
    made: TwoAxis,
    options: argparse.Namespace,
    left: dict[str, ImageSet],
) -> ImageSet:
    """The training set that an attacker ends up with.

    Args:
        whole: all clean images that the marks were found on; left: by attacks before, where these begin with one.
    """
    kind, _, number = attack.removesuffix("-told").partition("-")
    classes = len(clean.names)
    told = classes if attack.endswith("-told") else 0
    draw = np.random.default_rng(options.seed + 1)
    order = draw.permutation(len(clean.labels))
    if kind == "restorer":
        known = order[: int(number)]
        model = restorer.train(
            protected.images[known], clean.images[known], clean.labels[known], told, options.steps, options.seed,
            options.device,
        )  # fmt: skip
        images = restorer.restored(model, protected.images, clean.labels, options.device)
        images[known] = clean.images[known]
        return dataclasses.replace(protected, images=images)
    if kind == "oracle":
        assert isinstance(made.hide, MRITParams)
        side = made.hide.for_shape(clean.images.shape[1:]).size
        best = oracle.jigsaw if number == "jigsaw" else oracle.shifts
        return dataclasses.replace(protected, images=best(protected.images, clean.images, side))
    if attack == "made-up-twice":
        stripped = left.get("made-up-told") or after("made-up-told", protected, clean, whole, made, options, left)
        assert isinstance(made.perturb, LayeredParams)
        images = synthetic_pairs.perturbation_off(
            stripped.images, clean.labels, classes, (clean.labels + names_off(made)) % classes, made.perturb.under,
            np.random.default_rng([options.seed, 2]), options.steps, options.seed, options.device,
        )  # fmt: skip
        return dataclasses.replace(protected, images=images)
    if kind in AGAIN:
        marks = made.perturb.marks if isinstance(made.perturb, MarkedParams) else made.perturb
        again = make(marks, whole)

        def seeds() -> np.ndarray:
            return draw.integers(0, 2**63, len(clean.labels)).astype(np.uint64)

        def marked(images: np.ndarray, labels: np.ndarray) -> np.ndarray:
            return again.in_parts(images, labels, seeds())

        if kind == "two":
            own = seeds()
            small = type(again)(again.params.changed(eps=again.params.eps / 2), again.fitted)  # type: ignore[attr-defined]
            large, half = (one.in_parts(clean.images, clean.labels, own).astype(np.int16) for one in (again, small))
            return dataclasses.replace(protected, images=np.clip(2 * half - large, 0, 255).astype(np.uint8))
        if kind == "averaged":
            others = [marked(clean.images, clean.labels).astype(np.uint16) for _ in range(int(number) - 1)]
            mean = np.round((protected.images + sum(others)) / int(number)).astype(np.uint8)
            return dataclasses.replace(protected, images=mean)
        images = synthetic_pairs.marks_off(
            protected.images, clean.labels, classes, again, bool(told), draw, options.steps, options.seed,
            options.device,
        )  # fmt: skip
        return dataclasses.replace(protected, images=images)
    if attack == "none":
        return protected
    if kind == "sink":  # who knows the method knows which class it is
        sink = np.bincount(whole.labels).argmin()
        return protected.part(np.flatnonzero(protected.labels != sink))
    known = order[: round(len(order) * int(number) / 100)]
    if kind == "alone":
        return clean.part(known)
    images = protected.images.copy()
    images[known] = clean.images[known]
    return dataclasses.replace(protected, images=images)


if __name__ == "__main__":
    with refusals_printed():
        main()
