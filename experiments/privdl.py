"""PrivDL: what networks reach on scrambled images, and what known pairs tell of the order.

    python experiments/privdl.py cifar10 --record privdl-cifar10                         # both parts, three seeds
    python experiments/privdl.py cifar10 --record privdl-cifar10 --part networks --seeds 0
    python experiments/privdl.py cifar10 --record privdl-cifar10 --part pairs            # a minute

Part `networks` has the five rows of Perez, Lopez, Arguello (ICASSP 2024), with VGG-16-BN on 20,000 images:

    plain        trained and tested on clean images
    pre-trained  the plain network, tested on scrambled images
    fine-tuned   the plain network trained further on scrambled images, as anybody can: without crop and flip, and with
                 a new head
    with key     the plain network converted with the key, tested on scrambled images
    without key  the same converted with another key

Part `pairs` draws clean images and the same ones scrambled, and reads the order off them; with it, other images are put
back. Once under one order for all images, once under an order for each.

Recorded rows are skipped, and training resumes from the checkpoints in --work.

Hardware: two CPU cores; hours for each seed.
"""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _run import begin, clean_images, parser

from ripguard.benchmark.attacks.known_pair import order_from_pairs, pairs_needed
from ripguard.benchmark.run import Run
from ripguard.benchmark.victims import check
from ripguard.data.image_set import ImageSet
from ripguard.data.source import cache_root
from ripguard.errors import refusals_printed
from ripguard.images.quality import likeness
from ripguard.numbers import not_negative, positive
from ripguard.schemes.pixel_order import pixel_order, scrambled, unscrambled
from ripguard.train.loop import Victim, accuracy, fit
from ripguard.train.models import MODELS
from ripguard.train.privdl import convert
from ripguard.train.protocols import PROTOCOLS, Protocol, called
from ripguard.train.start import Start

TUNING_RATE = 0.01  # initial learning rate of the fine-tuned network
PAIRS = (1, 2, 3, 4, 6, 8)
OTHERS = 20  # images put back with each order that was found


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--part", choices=("networks", "pairs"), help="(default: both)")
    arguments.add_argument("--seeds", type=not_negative, nargs="*", default=[0, 1, 2])
    arguments.add_argument("--images", type=positive, default=20_000, help="training images (default 20,000)")
    arguments.add_argument("--test-images", type=positive, help="the first so many (default: all)")
    arguments.add_argument("--protocol", default="standard", help=f"one of {', '.join(PROTOCOLS)} (default: standard)")
    arguments.add_argument("--model", default="vgg16-bn", choices=MODELS, help="(default: vgg16-bn)")
    arguments.add_argument("--epochs", type=positive, default=40, help="of the plain network (default 40)")
    arguments.add_argument("--tuning-epochs", type=positive, default=15, help="of the fine-tuned one (default 15)")
    arguments.add_argument("--trials", type=positive, default=100, help="draws of pairs (default 100)")
    arguments.add_argument("--work", type=Path, help="folder of checkpoints (default: in the cache)")
    arguments.add_argument("--device", default="cpu")
    options = arguments.parse_args()
    check((), options.protocol, options.model)
    if options.device == "cpu":
        torch.set_num_threads(1)  # as the victims of the leaderboard
    clean, test = clean_images(options.source, options.images)
    if options.test_images:
        test = test.part(np.linspace(0, len(test.labels) - 1, options.test_images).astype(np.int64))

    if options.part != "pairs":
        recipe = dataclasses.replace(PROTOCOLS[options.protocol], model=options.model, epochs=options.epochs)
        run = begin(
            options, "privdl", dataset=options.source, images=len(clean.labels), recipe=dataclasses.asdict(recipe),
            protocol=called(options.protocol, options.model, options.epochs),
        )  # fmt: skip
        work = options.work or cache_root() / "privdl"
        for seed in options.seeds:
            networks(run, clean, test, recipe, options.tuning_epochs, seed, options.device, work)
    if options.part != "networks":
        run = begin(options, "known-pair", dataset=options.source, images=len(clean.labels))
        for order in ("shared", "own"):
            if not run.has(order=order, pairs=PAIRS[-1]):
                pairs(run, clean.images, order, options.trials)


def order_key(text: str) -> bytes:
    """32 bytes: a key for an experiment, which protects nothing."""
    return hashlib.sha256(f"experiments/privdl {text}".encode()).digest()


def networks(
    run: Run, clean: ImageSet, test: ImageSet, recipe: Protocol, tuning_epochs: int, seed: int, device: str, work: Path
) -> None:
    """The five rows of one seed, those that are not recorded."""
    about: dict[str, Any] = {"model": recipe.model, "seed": seed}
    key, side = order_key(str(seed)), clean.images.shape[1]
    order = pixel_order(key, side, side)
    noise = scrambled(test.images, order)

    def add(row: str, victim: Victim, images: np.ndarray, **more: Any) -> None:
        found = {"row": row} | about | more | {"test_acc": round(accuracy(victim, images, test.labels), 3)}
        print(found, flush=True)
        run.add(found | {"test_images": len(test.labels)})

    def missing(row: str, **more: Any) -> bool:
        return not run.has(row=row, **about, **more)

    # 1. the plain network, which all rows need; from its checkpoint, if it was trained before
    tuned = {"epochs": tuning_epochs}
    if not (any(map(missing, ("plain", "pre-trained", "with key", "without key"))) or missing("fine-tuned", **tuned)):
        return
    name = f"{recipe.model}-{run.common['protocol']}-{len(clean.labels)}-{seed}".replace(" ", "-")
    plain = fit(
        clean.images, clean.labels, len(clean.names), recipe, seed, device, work / f"{name}.pt", note=f"plain, {seed}"
    )
    for row, images in (("plain", test.images), ("pre-trained", noise)):
        if missing(row):
            add(row, plain, images)

    # 2. converted, with the key and with another
    for row, own in (("with key", key), ("without key", order_key(f"{seed}, another"))):
        if missing(row):
            victim = Victim(recipe, len(clean.names), side, device)
            victim.restore(plain.state())
            victim.model = convert(victim.model.eval(), own, side)
            add(row, victim, noise)

    # 3. trained further on scrambled images
    if missing("fine-tuned", **tuned):
        further = dataclasses.replace(
            recipe, lr=TUNING_RATE, epochs=tuning_epochs, crop=0.0, zoom=1.0, flip="none", mirror_at_test=False
        )
        start = Start(plain.state(), name)
        victim = fit(
            scrambled(clean.images, order), clean.labels, len(clean.names), further, seed, device,
            work / f"{name}-tuned.pt", note=f"fine-tuned, {seed}", start=start,
        )  # fmt: skip
        add("fine-tuned", victim, noise, **tuned)


def pairs(run: Run, images: np.ndarray, order: str, trials: int) -> None:
    """What known pairs tell, for every number of pairs: the mean over trials."""
    side, found = images.shape[1:3], {count: list[tuple[float, bool, float]]() for count in PAIRS}
    needed = list[float]()
    for trial in range(trials):
        draw = np.random.default_rng(trial)
        chosen = images[draw.choice(len(images), PAIRS[-1] + OTHERS, replace=False)]
        if order == "shared":
            published = scrambled(chosen, pixel_order(order_key(f"pairs {trial}"), *side))
        else:
            keys = [order_key(f"pairs {trial} {number}") for number in range(len(chosen))]
            published = np.stack([scrambled(one, pixel_order(key, *side)) for one, key in zip(chosen, keys)])
        for count in PAIRS:
            guess, sure = order_from_pairs(chosen[:count], published[:count])
            back = unscrambled(published[PAIRS[-1] :], guess)
            looks = [likeness(a, b, ssim=False)["psnr"] or 0.0 for a, b in zip(back, chosen[PAIRS[-1] :])]
            found[count].append((float(sure.mean()), bool(sure.all()), float(np.median(looks))))
        needed.append(pairs_needed(chosen[: PAIRS[-1]], published[: PAIRS[-1]]) or float("inf"))
    for count, results in found.items():
        sure_share, whole, psnr = map(np.mean, zip(*results))
        row: dict[str, Any] = {"order": order, "pairs": count, "trials": trials}
        row |= {"psnr_of_others": round(float(psnr), 2)}
        if order == "shared":  # under an order for each image, what looks sure is wrong for the others
            row |= {"positions_sure": round(float(sure_share), 4), "whole_order": round(float(whole), 4)}
        if order == "shared" and count == 1 and np.isfinite(needed).all():
            row |= {"pairs_needed": float(np.median(needed)), "most_needed": float(max(needed))}
        print(row, flush=True)
        run.add(row)


if __name__ == "__main__":
    with refusals_printed():
        main()
