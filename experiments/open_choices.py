"""What the paper leaves open, one choice at a time.  Claim: block side, target rule, layer decide; the rest is tuning.

    python experiments/open_choices.py cifar10 --record open-choices-cifar10
    python experiments/open_choices.py photos --count 200 --epochs 4          # a few minutes

Training pictures only. Every line changes one thing of the scheme `mrit` (or is a preset), perturbs and hides the same
pictures, and asks the surrogate and an independent net, trained on clean pictures (the `fast` protocol), for the class
of the published 8-bit pictures. Kept labels are a proxy: what victims learn is in table1. Hardware: two CPU cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.data.pictures import load
from ripguard.data.registry import open_source
from ripguard.evaluate.metrics import likeness
from ripguard.evaluate.record import environment, write_record
from ripguard.hide.base import Identity
from ripguard.hide.mrit.method import MRIT
from ripguard.keys import Key
from ripguard.perturb import surrogate
from ripguard.perturb.fsp import FSP, library
from ripguard.schemes import SCHEMES, Scheme
from ripguard.train.loop import fit
from ripguard.train.protocols import PROTOCOLS

ROOT = Path(__file__).resolve().parents[1]


def choices() -> Iterator[tuple[str, str, Scheme, int | None]]:
    """(what is changed, to what, scheme, surrogate epochs if others than usual)."""
    base = SCHEMES["mrit"]
    yield "preset", "mrit", base, None
    yield "preset", "paper", SCHEMES["paper"], None
    for eps in (0.03, 0.05, 0.1):
        yield "ε", f"{eps}", dataclasses.replace(base, eps=eps), None
    for steps in (5, 20, 40):
        yield "steps", f"{steps}", dataclasses.replace(base, steps=steps), None
    for layer in ("stage1", "stage2", "stage3"):
        yield "layer", layer, dataclasses.replace(base, layer=layer), None
    for target in ("random", "farthest"):
        yield "target", target, dataclasses.replace(base, target=target), None
    for size in (3, 4):
        yield "block side", f"{size}", dataclasses.replace(base, size=size), None
    for pairing in ("in-place", "sd-rank", "sd-classes", "ranked"):
        yield "pairing", pairing, dataclasses.replace(base, hide=dataclasses.replace(base.hide, pairing=pairing)), None
    yield "tile", "256", dataclasses.replace(base, hide=dataclasses.replace(base.hide, tile=256)), None
    yield "shift step", "4", dataclasses.replace(base, hide=dataclasses.replace(base.hide, step=4)), None
    yield "overflow", "8", dataclasses.replace(base, hide=dataclasses.replace(base.hide, overflow=8)), None
    yield "surrogate epochs", "2", base, 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source")
    parser.add_argument("--count", type=int, default=500, help="training pictures that are perturbed and hidden")
    parser.add_argument("--epochs", type=int, default=10, help="of the surrogate")
    parser.add_argument("--work", type=Path, help="folder of checkpoints (default: build/<source>)")
    parser.add_argument("--record", metavar="NAME")
    options = parser.parse_args()
    work = options.work or ROOT / "build" / options.source.replace(":", "-")

    # 1. the owner's surrogate, and a net that has never met it
    source = open_source(options.source)
    data = load(
        [item for item in source.items if item.split == "train"], workers=os.cpu_count() or 1, note="clean train"
    )
    classes, side = len(data.names), data.pictures.shape[1]
    other = fit(
        data.pictures, data.labels, classes, PROTOCOLS["fast"], checkpoint=work / "victims" / "fast-clean-fastnet-0.pt",
        note="independent net",
    )  # fmt: skip

    def owners(epochs: int) -> tuple[surrogate.Surrogate, list[np.ndarray]]:
        settings = surrogate.Settings(epochs=epochs, side=side)
        model = surrogate.load(surrogate.obtain(data.pictures, data.labels, data.names, settings, "cpu"))[0]
        return model, library(model, data.pictures, data.labels)

    # 2. the same pictures for every choice; the surrogate that judges is always the usual one
    chosen = np.random.default_rng(7).permutation(len(data.labels))[: options.count]
    clean, true = data.pictures[chosen], data.labels[chosen]
    seeds = np.random.default_rng(8).integers(0, 2**63, len(clean)).astype(np.uint64)
    judge, members = owners(options.epochs)
    key = Key(bytes(32))  # measures only; nothing is published
    ids = [Identity(key.id, bytes(8), 0, i) for i in range(len(clean))]
    keys = [key.dataset(bytes(8)).unit(0).picture(i) for i in range(len(clean))]

    def says(pictures: np.ndarray, name: str) -> dict[str, float]:
        told = surrogate.predict(judge, pictures).argmax(1), other.logits(pictures).argmax(1)
        return {
            f"{name}_surrogate_keeps": round(100 * float((told[0] == true).mean()), 2),
            f"{name}_other_keeps": round(100 * float((told[1] == true).mean()), 2),
        }

    rows: list[dict[str, Any]] = [{"choice": "clean", "value": "", "pictures": len(clean)} | says(clean, "published")]
    for what, value, scheme, epochs in choices():
        model, library_of = owners(epochs) if epochs else (judge, members)
        attack = FSP(model, library_of, scheme.eps, scheme.steps, scheme.layer, scheme.target)
        carrier = attack(clean, true, seeds)
        hidden = MRIT(scheme.params(clean.shape[1:])).hide(clean, carrier, ids, keys)
        published = np.stack([one.picture for one in hidden])
        psnr = {
            name: round(float(np.median([likeness(a, b)["psnr"] for a, b in zip(published, pictures)])), 2)
            for name, pictures in (("psnr_to_clean", clean), ("psnr_to_carrier", carrier))
        }
        bits = float(np.mean([8 * one.overwritten / clean[0].size for one in hidden]))
        row: dict[str, Any] = {"choice": what, "value": value, "pictures": len(clean)}
        row |= says(carrier, "carrier") | says(published, "published") | psnr | {"bits_a_sample": round(bits, 3)}
        rows.append(row)
        print(row, file=sys.stderr, flush=True)

    record: dict[str, Any] = {"name": f"open choices {options.source}"}
    record |= {"command": "python experiments/open_choices.py " + shlex.join(sys.argv[1:])} | environment()
    record |= {"dataset": options.source, "protocol": "open choices", "scheme": "mrit", "rows": rows}
    folder = ROOT / "results" / f"{record['date']}_{options.record}" if options.record else work / "open-choices"
    print(write_record(folder, record))


if __name__ == "__main__":
    main()
