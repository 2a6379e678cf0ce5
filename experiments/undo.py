"""Measure what an attacker can remove from the images of a release before training.

    python experiments/chain.py cifar10
    python experiments/undo.py cifar10 --record undo-cifar10                       # protocol `small`, 20,000 images
    python experiments/undo.py cifar10 --only none restorer-500 synthetic-pairs --protocol fast --count 50000

Each attack changes the training images. A model is then trained on the result, for the same number of steps, and
measured on clean test images.

- `restorer-m`: a U-Net, trained on m leaked pairs of protected and clean images, is applied to all others;
- `synthetic-pairs`: the same without a leak: the attacker protects the protected images once more, under labels drawn
  at random; `…-labels`: the U-Net gets the labels too; `synthetic-pairs-twice`: another U-Net then removes the
  adversarial perturbation below the marks, with a surrogate trained on the first result;
- `…+defence`: the model is trained under that defence, and also measured on test images transformed in the same way;
- `class-patterns`: the patches of each class are estimated from the jumps of its mean image and subtracted, and the
  public waves are projected out; no key, no clean image, no network, seconds;
- `class-means`, `class-cells`: the mean color of each class is moved to that of all, the latter in 4×4 cells;
- `averaged-4`: the mean of the release and three more sets of marks, each with its own seed, before hiding;
- `two-sizes`: the difference of two releases with one seed, whose marks differ in size only, before hiding;
- `oracle-…`: the perfect jigsaw of mRIT's blocks, and the perfect guess of their shifts: upper bounds of both;
- `clean-p`: p percent of the images are clean and are mixed with the protected rest; `alone-p`: those alone;
- `sink-out`: the class with smaller marks is left out.

Beside the plain accuracy there are that of standardized logits, which needs no label, and what 100 labelled clean
images recover from the model. Where the taught labels follow a public rule (`cyclic`), the accuracy under the right
labels is measured too. Recorded rows of the same release are skipped.

Hardware: two CPU cores, or a GPU with the same commands.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np
from _run import ROOT, add_pretrain_on, begin, parser, release_facts

from ripguard.benchmark.accuracy import release_of, scheme_of
from ripguard.benchmark.attacks import oracle, restorer
from ripguard.benchmark.attacks.limited_clean_data import names_off, reached
from ripguard.benchmark.attacks.removal import REMOVALS, Aid, made_again, needs_model
from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.defended import fit_defended
from ripguard.benchmark.other_images import pretrained_on, seen_before
from ripguard.benchmark.victims import check, read
from ripguard.data.image_set import ImageSet
from ripguard.data.registry import short_name
from ripguard.errors import UsageError, refusals_printed
from ripguard.images.quality import median_looks
from ripguard.images.rounding import rounded
from ripguard.numbers import not_negative, positive
from ripguard.release.inspect import SEALED
from ripguard.schemes.base import Run
from ripguard.schemes.stored import read as read_scheme
from ripguard.schemes.two_axis import TwoAxis
from ripguard.train.loop import Victim, batches
from ripguard.train.protocols import PROTOCOLS, Protocol

ATTACKS = (
    *("none", "class-patterns", "sink-out", "restorer-500", "synthetic-pairs", "synthetic-pairs-labels"),
    *("synthetic-pairs-labels+jpeg-10", "synthetic-pairs-twice"),
    *("averaged-4", "two-sizes", "oracle-jigsaw", "oracle-shifts", "clean-10", "alone-10", "restorer-2000"),
    *("restorer-100", "clean-50", "alone-50", "clean-1", "alone-1", "restorer-500-labels"),
    *("synthetic-pairs-labels+ueraser-max", "synthetic-pairs-labels+adversarial-training"),
    *("synthetic-pairs-twice+jpeg-10", "class-means", "class-cells"),
)
FEW = 100  # labelled clean images, for the last two readings of every victim
MARKED_AGAIN = ("averaged", "two")  # attacks that put on the same marks, beside those of REMOVALS


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--work", type=Path, help="folder with protected/ and restored/ (default: build/<source>)")
    arguments.add_argument("--protocol", default="small", help=f"one of {', '.join(PROTOCOLS)} (default: small)")
    arguments.add_argument(
        "--count", type=positive, default=20_000, help="training images, drawn once (default 20,000)"
    )
    arguments.add_argument("--only", nargs="*", choices=ATTACKS, default=list(ATTACKS))
    arguments.add_argument(
        "--steps", type=positive, default=1500, help="batches to train a restorer for (default 1500)"
    )
    add_pretrain_on(arguments)
    arguments.add_argument("--seed", type=not_negative, default=0)
    arguments.add_argument("--device", default="cpu")
    options = arguments.parse_args()
    asked = tuple(one.partition("+")[2] or "none" for one in options.only)
    check((), options.protocol, None, asked, options.source, options.pretrain_on)
    work = options.work or ROOT / "build" / short_name(options.source)

    # 1. the release's images as published, and the clean ones that some attackers have
    protected = read("protected", options.source, work / "protected", "train")
    clean = read("restored", options.source, work / "restored", "train")  # of a limited release, its images alone
    test = read("clean", options.source, work, "test")
    chosen = np.random.default_rng(0).permutation(len(clean.labels))[: options.count]
    whole, protected, clean = clean, protected.part(chosen), clean.part(chosen)
    few = clean.part(np.random.default_rng([options.seed, FEW]).permutation(len(chosen))[:FEW])
    release = release_facts(work)
    scheme = release["scheme"]
    if scheme["name"] == SEALED:
        raise UsageError(f"the recipe of {work / 'protected'} is sealed", f"put its key at {work / 'owner.key'}")
    made = read_scheme(scheme)

    # 2. one victim an attack
    protocol = PROTOCOLS[options.protocol]
    run = begin(
        options, "undo", dataset=options.source, protocol=options.protocol, scheme=scheme_of(release),
        release=release_of(release), recipe=dataclasses.asdict(protocol),
    )  # fmt: skip
    drawn = max((row.n_train or 0 for row in run.rows), default=len(clean.labels))
    if drawn != len(clean.labels):
        raise UsageError(
            f"{run.path} is about {drawn:,} images, not {len(clean.labels):,}", "give this one another --record"
        )
    left: dict[str, ImageSet] = {}  # by the last attack: a defence may follow, or another attack
    for attack in options.only:
        base, _, under = attack.partition("+")
        seen = pretrained_on(under, options.source, options.pretrain_on)
        if any(row.about(attack=attack, seed=options.seed) and seen_before(row) == seen for row in run.rows):
            continue
        if attack.startswith("oracle") and "pairing" not in made.hide.options():
            continue  # its blocks were not moved
        if attack == "sink-out" and not getattr(made.perturb, "sink", False):
            continue  # there is none
        kind = base.split("-")[0]
        if kind in MARKED_AGAIN and needs_model(made):
            print(f"left out: {attack}, as {made.perturb.method} needs a model", file=sys.stderr)
            continue
        if base in REMOVALS and not REMOVALS[base].fits(made):
            print(f"left out: {attack}, as it does not fit {made.perturb.method}", file=sys.stderr)
            continue
        if base not in left:
            left = {base: after(base, protected, clean, whole, made, options, left)}
        shown, defence = left[base], DEFENCES[under or "none"]
        own = dataclasses.replace(protocol, epochs=epochs_for(len(shown.labels), len(clean.labels), protocol))
        trained = fit_defended(
            defence, shown.images, shown.labels, len(clean.names), own, options.source, options.seed, options.device,
            pretrain_on=options.pretrain_on, note=attack,
        )  # fmt: skip
        victim = trained.victim
        alike = trained.seen.shape == clean.images.shape  # thumbnails, and a part of the images, have no pairs
        quality = median_looks(trained.seen, clean.images) if alike else {}
        about: dict[str, Any] = {"n_train": len(shown.labels), "seed": options.seed, "model": own.model}
        about |= {"epochs": own.epochs, "test_images": len(test.labels)} | trained.about
        forms = [(False, few, test)]
        if under and defence.each:  # first: a record that has the attack has this
            so = options.seed + 1
            forms.insert(0, (True, defence.treated(few, so), defence.treated(test, so)))
            forms = forms[:1] if defence.shrinks else forms
        for defended, known_few, shown_test in forms:
            row = {"attack": attack} | about | read_by(victim, known_few, shown_test, names_off(made.perturb)) | quality
            row |= {"inputs_defended": True} if defended else {}
            print(row, flush=True)
            run.add(row)


def read_by(victim: Victim, few: ImageSet, test: ImageSet, off: int, head: bool = True) -> dict[str, float]:
    """Accuracies of a model: plain, standardized, with ``few`` labelled clean images, and under the right labels.

    Args:
        off: see :func:`names_off`; head: whether a new head is fitted, which takes most of the time.
    """
    got = reached(victim, few, test, (len(few.labels),) if head else (), names_off=off)
    found = {"test_acc": got.plain, "standardized_acc": got.standardised}
    found["permuted_acc"] = max(got.permuted, got.both)
    if head:
        found["head_acc"] = got.heads[len(few.labels)]
    if got.renamed is not None:
        found["renamed_acc"] = got.renamed
    return {name: round(value, 3) for name, value in found.items()} | {"clean_images": len(few.labels)}


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
    kind, _, number = attack.removesuffix("-labels").partition("-")
    classes = len(clean.names)
    if attack in REMOVALS:
        aid = Aid(whole, options.steps, {name: one.images for name, one in left.items()})
        images = REMOVALS[attack].remove(protected, made, options.seed, options.device, aid)
        return dataclasses.replace(protected, images=images)
    draw = np.random.default_rng(options.seed + 1)
    order = draw.permutation(len(clean.labels))
    if kind == "restorer":
        known = order[: int(number)]
        model = restorer.train(
            protected.images[known], clean.images[known], clean.labels[known],
            classes if attack.endswith("-labels") else 0, options.steps, options.seed, options.device,
        )  # fmt: skip
        images = restorer.restored(model, protected.images, clean.labels, options.device)
        images[known] = clean.images[known]
        return dataclasses.replace(protected, images=images)
    if kind == "oracle":
        side = made.hider(clean.images.shape[1:], Run()).params.size  # type: ignore[attr-defined]
        best = oracle.jigsaw if number == "jigsaw" else oracle.shifts
        return dataclasses.replace(protected, images=best(protected.images, clean.images, side))
    if kind in MARKED_AGAIN:
        again = made_again(made, whole)

        def seeds() -> np.ndarray:
            return draw.integers(0, 2**63, len(clean.labels)).astype(np.uint64)

        if kind == "two":
            own = seeds()
            small = type(again)(again.params.changed(eps=again.params.eps / 2), again.fitted)  # type: ignore[attr-defined]
            large, half = (one.in_parts(clean.images, clean.labels, own).astype(np.int16) for one in (again, small))
            return dataclasses.replace(protected, images=np.clip(2 * half - large, 0, 255).astype(np.uint8))
        others = [again.in_parts(clean.images, clean.labels, seeds()).astype(np.uint16) for _ in range(int(number) - 1)]
        return dataclasses.replace(protected, images=rounded((protected.images + sum(others)) / int(number)))
    if attack == "none":
        return protected
    if kind == "sink":  # the published method names this class
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
