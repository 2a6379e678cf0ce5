"""Measure vaults beside plain files and beside Fernet, one token a file, as Datumaro encrypted datasets.

    python experiments/vault.py cifar10 --record vault               # all 60,000 files
    python experiments/vault.py photos --files 2000                  # quickly, nothing is recorded

Read: all files in one random order, from memory of the operating system, one process. Rates are medians; what is
compared takes turns. Folders are written once each, below TMPDIR. An epoch: a DataLoader that decodes every image,
without workers. Expected: reading at least 0.9 times as fast as plain files and 10 times as fast as Fernet, and an
epoch at most 3 percent longer.

Hardware: an idle machine; rates on a busy one are not comparable.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from _run import begin, parser, scheme_named
from bench_rates import Row, measured, rates
from torch.utils.data import DataLoader, Subset

from ripguard import api
from ripguard._torchvision import torchvision
from ripguard.crypto.backend import backend
from ripguard.crypto.keys import Key
from ripguard.data.registry import export, open_source
from ripguard.errors import refusals_printed
from ripguard.files import walk
from ripguard.numbers import above_zero, positive
from ripguard.train.protected import _tensor as as_uint8
from ripguard.vault import Vault, VaultDataset

BATCH = 256


def main() -> None:
    arguments = parser(__doc__, source=False)
    arguments.add_argument("source", nargs="?", default="photos")
    arguments.add_argument("--files", type=positive, help="how many of the source's images (default: all)")
    arguments.add_argument("--seconds", type=above_zero, default=3.0, help="least seconds a measurement takes")
    options = arguments.parse_args()
    run = begin(options, "bench", dataset=options.source, scheme=scheme_named("vault"))
    with tempfile.TemporaryDirectory() as folder:
        place, key = Path(folder), Key.generate()
        source = open_source(options.source)
        export(source.limited(options.files) if options.files else source, place / "plain")
        names = [name for name, _ in walk(place / "plain")]
        size = sum(os.path.getsize(place / "plain" / name) for name in names)
        facts = {"part": "vault", "files": len(names), "bytes": size, "library": backend.name}
        for part in (writing, reading, epochs):
            for row in part(place, key, names, size, options):
                run.add(row | facts)
                print(in_words(row), flush=True)


def in_words(row: Row) -> str:
    return (
        f"{row['rate']:>10,.0f}/s  {row['what']}"
        if "rate" in row
        else f"{row['value']:>10,.2f} {row['unit']}  {row['what']}"
    )


def pair(what: str, value: float, files: int, size: int) -> list[Row]:
    """Files a second, and megabytes a second."""
    rate = round(value * size / files / 1e6, 1)
    return [measured(what, value, files), {"what": f"{what}, MB", "value": rate, "unit": "MB/s"}]


def times(what: str, value: float) -> Row:
    return {"what": what, "value": round(value, 3), "unit": "×"}


def writing(place: Path, key: Key, names: list[str], size: int, options: argparse.Namespace) -> list[Row]:
    """Encrypt and decrypt a folder, beside copying it and beside Fernet. Each is done once: a disk gets slower."""
    global _fernet
    from cryptography.fernet import Fernet

    _fernet = Fernet(Fernet.generate_key())

    def each(work: Callable[[bytes], bytes], read: Callable[[str], Path], folder: str) -> None:
        for name in names:
            target = place / folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(work(read(name).read_bytes()))

    def silent(step: object) -> None:
        pass

    works: dict[str, Callable[[], object]] = {
        "vault: encrypt a folder, synced to disk": lambda: api.vault_encrypt(
            place / "plain", place / "vault", key, workers=1, progress=silent
        ),
        "Fernet: encrypt a folder, not synced": lambda: each(
            _fernet.encrypt, lambda name: place / "plain" / name, "fernet"
        ),
        "plain: copy a folder, not synced": lambda: shutil.copytree(place / "plain", place / "copy"),
        "vault: decrypt a folder, synced to disk": lambda: api.vault_decrypt(
            place / "vault", place / "back", key, workers=1, progress=silent
        ),
        "Fernet: decrypt a folder, not synced": lambda: each(
            _fernet.decrypt, lambda name: place / "fernet" / name, "fernet-back"
        ),
    }
    rows: list[Row] = []
    for what, work in works.items():
        start = time.perf_counter()
        work()
        rows += pair(what, len(names) / (time.perf_counter() - start), len(names), size)
    return rows


_fernet: Any = None  # of the tokens that were written


def reading(place: Path, key: Key, names: list[str], size: int, options: argparse.Namespace) -> list[Row]:
    """Read every file in one random order: plain, from the vault, from tokens."""
    vault = Vault(place / "vault", key)
    entries = [one for unit in vault.units for one in vault.entries(unit)]
    random.Random(0).shuffle(entries)
    paths = [str(place / "plain" / one.path) for one in entries]
    tokens = [str(place / "fernet" / one.path) for one in entries]

    def plain() -> None:
        for path in paths:
            with open(path, "rb") as file:
                file.read()

    def sealed() -> None:
        for one in entries:
            vault.read(one)

    def fernet() -> None:
        for path in tokens:
            with open(path, "rb") as file:
                _fernet.decrypt(file.read())

    found = rates([plain, sealed, fernet], len(names), options.seconds)
    rows = pair("plain: read files", found[0], len(names), size)
    rows += pair("vault: read files", found[1], len(names), size)
    rows += pair("Fernet: read files", found[2], len(names), size)
    rows.append(times("vault: reading is as fast as plain reading, times", found[1] / found[0]))
    rows.append(times("vault: reading is as fast as Fernet, times", found[1] / found[2]))
    return rows


def transform(image: Any) -> Any:
    import numpy as np

    return as_uint8(np.array(image))


def epochs(place: Path, key: Key, names: list[str], size: int, options: argparse.Namespace) -> list[Row]:
    """An epoch of a DataLoader over the training images: plain files and vault."""
    plain = torchvision.datasets.ImageFolder(place / "plain/train", transform)
    own = VaultDataset(place / "vault", key, transform=transform)
    order = list(range(len(plain)))
    random.Random(0).shuffle(order)

    def epoch(data: Any) -> Callable[[], None]:
        def run() -> None:
            for _ in DataLoader(Subset(data, order), BATCH, collate_fn=list):
                pass

        return run

    found = rates([epoch(plain), epoch(own)], len(order), options.seconds)
    rows = [measured("plain: epoch of ImageFolder", found[0], len(order))]
    rows.append(measured("vault: epoch of VaultDataset", found[1], len(order)))
    rows.append(times("vault: an epoch takes as long as with plain files, times", found[0] / found[1]))
    return rows


if __name__ == "__main__":
    with refusals_printed():
        main()
