"""Measure readings of "Adam, lr 0.01, 80 epochs" where the paper leaves the protocol open.

    python experiments/held_out.py tinyimagenet --epochs 80 --record held-out-tinyimagenet
    python experiments/held_out.py tinyimagenet --epochs 20 --only "CIFAR stem" --record held-out-tinyimagenet-20

Every tenth training image, drawn at random, is held out. Models are trained on the others, each with one change to the
protocol `paper`, and measured on the held-out images. No test image is read. `--only` selects some of the choices.
Expected: crop and flip.

Hardware: two CPU cores, one model a core; or a GPU (`--device cuda`), where the CIFAR stem at 64 pixels is affordable
too.
"""

from __future__ import annotations

import dataclasses
import os
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
from _run import ROOT, begin, parser

from ripguard.data.image_set import held_out, load
from ripguard.data.registry import open_source, short_name
from ripguard.errors import refusals_printed
from ripguard.numbers import positive
from ripguard.train.loop import accuracy, fit
from ripguard.train.protocols import PROTOCOLS, Protocol

PAPER = PROTOCOLS["paper"]
CHOICES: dict[str, dict[str, Any]] = {
    "as the protocol": {},
    "no augmentation": {"crop": 0.0, "flip": "none"},
    "random zoom instead of crop": {"crop": 0.0, "zoom": 0.35},
    "constant learning rate": {"schedule": "constant"},
    "learning rate 0.001": {"lr": 0.001},
    "CIFAR stem": {"model": "resnet18"},
}


def one(source: str, choice: str, epochs: int, device: str, work: str) -> dict[str, Any]:
    """Train with one choice; returns a row."""
    if device == "cpu":
        torch.set_num_threads(1)
    data = load([item for item in open_source(source).items if item.split == "train"], note=choice)
    held = held_out(len(data.labels))
    rest, held_images = data.part(~held), data.part(held)
    protocol: Protocol = dataclasses.replace(PAPER, epochs=epochs, **CHOICES[choice])
    checkpoint = Path(work) / "held-out" / f"{choice.replace(' ', '-')}-{epochs}.pt"
    victim = fit(
        rest.images, rest.labels, len(data.names), protocol, 0, device, checkpoint,
        watch=(held_images.images, held_images.labels), log=checkpoint.with_suffix(".jsonl"), note=choice,
    )  # fmt: skip
    return {
        "choice": choice,
        "change": CHOICES[choice],
        "train_acc": round(accuracy(victim, rest.images, rest.labels), 2),
        "held_out_acc": round(accuracy(victim, held_images.images, held_images.labels), 2),
        "n_train": len(rest.labels),
        "held_out": len(held_images.labels),
        "epochs": epochs,
        "seed": 0,
    }


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--epochs", type=positive, default=80)
    arguments.add_argument("--only", nargs="*", choices=list(CHOICES), help="some choices (default: all)")
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument("--jobs", type=positive, help="victims at a time (default: one a core; one on a GPU)")
    arguments.add_argument("--work", type=Path, help="folder of checkpoints (default: build/<source>)")
    options = arguments.parse_args()
    work = options.work or ROOT / "build" / short_name(options.source)
    jobs = options.jobs or (1 if options.device != "cpu" else os.cpu_count() or 1)
    run = begin(options, "held-out", dataset=options.source)
    wanted = [one for one in options.only or CHOICES if not run.has(choice=one, epochs=options.epochs)]
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = [
            pool.submit(one, options.source, choice, options.epochs, options.device, str(work)) for choice in wanted
        ]
        for future in as_completed(waiting):
            row = future.result()
            run.add(row)
            print(row, flush=True)


if __name__ == "__main__":
    with refusals_printed():
        main()
