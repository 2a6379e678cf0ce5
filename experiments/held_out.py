"""How to read "Adam, lr 0.01, 80 epochs" where the paper is silent.  Claim: crop and flip, not less.

    python experiments/held_out.py tinyimagenet --epochs 80 --record held-out-tinyimagenet
    python experiments/held_out.py tinyimagenet --epochs 20 --only "CIFAR stem" --record held-out-tinyimagenet-20

Every tenth training image, drawn at random, is held out; victims are trained on the others with one change each to
the `paper` protocol and measured on the held-out ones. No test image is read. Hardware: two CPU cores, one victim a
core; `--only` takes some of the choices, `--device cuda` a GPU, on which the CIFAR stem at 64 pixels is affordable too.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shlex
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch

from ripguard.benchmark.record import environment, write_record
from ripguard.data.image_set import held_out, load
from ripguard.data.registry import open_source, short_name
from ripguard.errors import refusals_printed
from ripguard.numbers import positive
from ripguard.train.loop import accuracy, fit
from ripguard.train.protocols import PROTOCOLS, Protocol

ROOT = Path(__file__).resolve().parents[1]
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
    rest, asked = data.part(~held), data.part(held)
    protocol: Protocol = dataclasses.replace(PAPER, epochs=epochs, **CHOICES[choice])
    checkpoint = Path(work) / "held-out" / f"{choice.replace(' ', '-')}-{epochs}.pt"
    victim = fit(
        rest.images, rest.labels, len(data.names), protocol, 0, device, checkpoint,
        watch=(asked.images, asked.labels), log=checkpoint.with_suffix(".jsonl"), note=choice,
    )  # fmt: skip
    return {
        "choice": choice,
        "change": CHOICES[choice],
        "train_accuracy": round(accuracy(victim, rest.images, rest.labels), 2),
        "held_out_accuracy": round(accuracy(victim, asked.images, asked.labels), 2),
        "images": len(rest.labels),
        "held_out": len(asked.labels),
        "epochs": epochs,
        "seed": 0,
        "commit": environment()["commit"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--epochs", type=positive, default=80)
    parser.add_argument("--only", nargs="*", choices=list(CHOICES), help="some choices (default: all)")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=positive, help="victims at a time (default: one a core; one on a GPU)")
    parser.add_argument("--work", type=Path, help="folder of checkpoints (default: build/<source>)")
    parser.add_argument("--record", metavar="NAME")
    options = parser.parse_args()
    work = options.work or ROOT / "build" / short_name(options.source)
    jobs = options.jobs or (1 if options.device != "cpu" else os.cpu_count() or 1)
    rows = []
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:
        waiting = [
            pool.submit(one, options.source, choice, options.epochs, options.device, str(work))
            for choice in options.only or CHOICES
        ]
        for future in as_completed(waiting):
            rows.append(future.result())
            print(rows[-1], file=sys.stderr, flush=True)
    record: dict[str, Any] = {"name": f"held out {options.source}, {options.epochs} epochs"}
    record |= {"command": "python experiments/held_out.py " + shlex.join(sys.argv[1:])} | environment()
    folder = ROOT / "build" / "records" / f"{record['date']}_{options.record}" if options.record else work / "held-out"
    if (folder / "record.json").exists():  # choices tried before, at the same length, stay
        old = json.loads((folder / "record.json").read_text())["rows"]
        new = {row["choice"] for row in rows}
        rows = [row for row in old if row["epochs"] == options.epochs and row["choice"] not in new] + rows
    record |= {"dataset": options.source, "protocol": "held out", "scheme": "none", "rows": rows}
    print(write_record(folder, record))


if __name__ == "__main__":
    with refusals_printed():
        main()
