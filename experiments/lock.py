"""Learnability Lock: what its training gives, what the lock alone undoes, and what known pairs open.

    python experiments/lock.py cifar10 --record lock                          # all parts, both forms
    python experiments/lock.py cifar10 --record lock --part pairs --form linear

Part `fit` trains each form of the lock together with its model (Peng and Chen, ICLR 2022) and tests that model on
clean images. It never saw one, so what it knows of them came through the lock.

Part `unlock` inverts the lock with its numbers and the labels alone, as the paper does: on locked images, and on
published ones, whose low bits are a payload of `seal` (without the codec model that large releases have, so with more
noise). Restoring a release is exact and does not use the inverse. For comparison, clean images and what the inverse
misses of them are compressed by the same coders.

Part `pairs` is an attack: some clean images of a class are known with their published forms, and other images of the
class are opened. The mean over classes. The linear form is solved by least squares, the other imitated by a network.

Fitted locks are kept in --work. Recorded rows are skipped.

Hardware: two CPU cores; most of an hour for each form.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _run import begin, clean_images, parser

from ripguard.benchmark.attacks.lock_pairs import Opener, open_by_network, open_linear
from ripguard.benchmark.run import Run
from ripguard.codecs.coders import cheapest
from ripguard.crypto.keys import Key
from ripguard.data.image_set import ImageSet
from ripguard.data.source import cache_root
from ripguard.errors import refusals_printed
from ripguard.hide.base import Identity
from ripguard.images.quality import likeness
from ripguard.methods.fitted import Fitted
from ripguard.methods.params import DataStats, share
from ripguard.numbers import not_negative, positive
from ripguard.perturb.lock.method import EPS, FORMS, LINEAR, ROUNDS, Lock, LockParams
from ripguard.schemes import SCHEMES
from ripguard.schemes.base import Batch
from ripguard.schemes.base import Run as Protecting

PARTS = ("fit", "unlock", "pairs")
WHERE = ("locked", "published")  # images
PAIRS, OTHERS = (1, 2, 4, 8, 32), 50  # known pairs of a class, and images of it that are opened
CODERS = ("xz", "webp")


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--part", choices=PARTS, help="(default: all)")
    arguments.add_argument("--form", choices=FORMS, help="(default: both)")
    arguments.add_argument("--images", type=positive, default=20_000, help="training images (default 20,000)")
    arguments.add_argument("--measured", type=positive, default=1000, help="images of part unlock (default 1,000)")
    arguments.add_argument("--eps", type=bound, default=EPS, help="bound of the lock in 0..1 (default 16/255)")
    arguments.add_argument("--rounds", type=positive, default=ROUNDS, help=f"most rounds of a fit (default {ROUNDS})")
    arguments.add_argument("--seed", type=not_negative, default=0)
    arguments.add_argument("--work", type=Path, help="folder of fitted locks (default: in the cache)")
    arguments.add_argument("--device", default="cpu")
    options = arguments.parse_args()
    if options.device == "cpu":
        torch.set_num_threads(1)
    clean, test = clean_images(options.source, options.images)
    for form in FORMS:
        if options.form not in (None, form):
            continue
        params = LockParams(transform=form, eps=options.eps, rounds=options.rounds)
        lock = Lock(params, fitted(params, clean, test, options))
        for part, measure in (("fit", fits), ("unlock", unlocks), ("pairs", pairs)):
            if options.part in (None, part):
                about: dict[str, Any] = {"form": form, "eps": round(options.eps, 4)}
                run = begin(
                    options, f"lock-{part}", dataset=options.source, images=len(clean.labels), setting=about,
                    seed=options.seed, model="fastnet-narrow",
                )  # fmt: skip
                measure(run, lock, clean, options)


def bound(text: str) -> float:
    """A share; raises :class:`argparse.ArgumentTypeError`."""
    try:
        if share(value := float(text)):
            return value
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(f"expected more than 0 and at most 1, got {text}")


def fitted(params: LockParams, clean: ImageSet, test: ImageSet, options: argparse.Namespace) -> Fitted:
    """The lock and facts about its model, from the folder of fitted locks or trained now."""
    from ripguard.perturb.lock.search import search

    about = f"{params.to_json()} {params.form} {clean.digest} {options.seed}"
    name = f"{params.transform}-{hashlib.sha256(about.encode()).hexdigest()[:12]}.npz"
    place = (options.work or cache_root() / "lock") / name
    if kept := Fitted.read(place):
        return kept
    start = time.process_time()
    found = search(
        clean.images, clean.labels, len(clean.names), params.transform, params.eps, options.seed, options.device,
        params.rounds,
    )  # fmt: skip
    facts = {
        "rounds": len(found.accuracies),
        "locked_acc": round(100 * found.accuracies[-1], 2),
        "test_acc": round(found.accuracy(test.images, test.labels, options.device), 2),
        "processor_seconds": round(time.process_time() - start, 1),
    }
    made = Fitted(found.arrays, facts)
    made.write(place)
    return made


def fits(run: Run, lock: Lock, clean: ImageSet, options: argparse.Namespace) -> None:
    """The row of a fit."""
    if not run.has():
        add(run, dict(lock.fitted.about))


def unlocks(run: Run, lock: Lock, clean: ImageSet, options: argparse.Namespace) -> None:
    """What the inverse gives back of locked and of published images."""
    chosen = clean.part(np.linspace(0, len(clean.labels) - 1, min(options.measured, len(clean.labels))).astype(int))
    for where in WHERE:
        if run.has(where=where):
            continue
        shown = as_published(lock, chosen, where)
        back = lock.unlock(shown, chosen.labels)
        row = {"where": where, "measured": len(back)} | compared(back, shown, chosen.images)
        if where == "locked":
            missed = chosen.images - back + np.uint8(128)  # modulo 256
            row |= {"clean_bytes": size(chosen.images), "correction_bytes": size(missed)}
        add(run, row)


def pairs(run: Run, lock: Lock, clean: ImageSet, options: argparse.Namespace) -> None:
    """What known pairs of a class open of other images of it, for each number of pairs."""
    own = [np.flatnonzero(clean.labels == label) for label in range(len(clean.names))]
    least = min(map(len, own))
    others = min(OTHERS, least // 2)
    counts = [count for count in PAIRS if count + others <= least]
    draw = np.random.default_rng(options.seed)
    parts = [clean.part(draw.permutation(rows)[: counts[-1] + others]) for rows in own] if counts else []
    for where in WHERE:
        missing = [count for count in counts if not run.has(where=where, pairs=count)]
        shown = [as_published(lock, part, where) for part in parts] if missing else []
        for count in missing:
            found = []
            for part, images in zip(parts, shown):
                opener = opened_by(lock.params, part.images[:count], images[:count], options.seed)
                found.append(compared(opener(images[-others:]), images[-others:], part.images[-others:]))
            row = {name: round(float(np.mean([one[name] for one in found])), 4) for name in found[0]}
            add(run, {"where": where, "pairs": count, "opened": others} | row)


def opened_by(params: LockParams, clean: np.ndarray, shown: np.ndarray, seed: int) -> Opener:
    if params.transform == LINEAR:
        return open_linear(clean, shown, params.eps)
    return open_by_network(clean, shown, params.eps, seed)


def as_published(lock: Lock, clean: ImageSet, where: str) -> np.ndarray:
    """The images, locked, or also sealed under a key for an experiment, which protects nothing; uint8."""
    count, seeds = len(clean.labels), np.zeros(len(clean.labels), np.uint64)
    if where == "locked":
        return lock.in_parts(clean.images, clean.labels, seeds)
    data = DataStats(clean.images.shape[1], len(clean.names))
    options = {name: getattr(lock.params, name) for name in ("transform", "eps", "rounds")}
    scheme = SCHEMES["lock"].with_options({**options, "allow_residue": True}).resolve(data)
    key = Key(hashlib.sha256(b"experiments/lock").digest())
    who = [Identity(key.id, bytes(8), 0, i) for i in range(count)]
    keys = [key.dataset(bytes(8)).unit(0).image(i) for i in range(count)]
    hidden, _ = scheme.protector(lock.fitted, Protecting()).protect(
        Batch(clean.images, clean.labels, seeds, who, keys, [])
    )
    return np.stack([one.image for one in hidden])


def compared(back: np.ndarray, shown: np.ndarray, clean: np.ndarray) -> dict[str, float]:
    """Shares in percent of samples and of images that are exact; median PSNR in dB before and after."""
    right = back == clean
    psnr = {
        name: round(float(np.median([likeness(a, b, ssim=False)["psnr"] or 0.0 for a, b in zip(images, clean)])), 2)
        for name, images in (("psnr_of_shown", shown), ("psnr_to_clean", back))
    }
    shares = {"samples_exact": right.mean(), "images_exact": right.all((1, 2, 3)).mean()}
    return psnr | {name: round(100 * float(value), 2) for name, value in shares.items()}


def size(images: np.ndarray) -> float:
    """Median bytes of an image, losslessly compressed."""
    return float(np.median([len(data) for _, data in cheapest(images, [], CODERS, b"")]))


def add(run: Run, row: dict[str, Any]) -> None:
    print({"form": run.setting["form"]} | row, flush=True)
    run.add(row)


if __name__ == "__main__":
    with refusals_printed():
        main()
