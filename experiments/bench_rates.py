"""Rates of the codec, of PNG and of other tools, all in memory: parts of `experiments/bench.py`."""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from PIL import Image

from ripguard.crypto.keys import ImageKeys, Key
from ripguard.errors import VerifyFailed
from ripguard.hide.base import Hidden, Hiding, Identity
from ripguard.hide.mrit.method import MRIT, MRITParams
from ripguard.hide.seal.method import Seal
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes

BATCH = 256
Row = dict[str, Any]


def rate(function: Callable[[], object], images: int, seconds: float) -> float:
    """Images a second: median over at least three repeats that together take at least ``seconds``."""
    return rates([function], images, seconds)[0]


def rates(functions: Sequence[Callable[[], object]], images: int, seconds: float) -> list[float]:
    """Rates of several functions that take turns: what slows the machine down for a while slows each of them down."""
    took: list[list[float]] = [[] for _ in functions]
    for function in functions:
        function()  # tables and caches are made once
    while len(took[0]) < 3 or sum(took[0]) < seconds:
        for function, own in zip(functions, took):
            start = time.perf_counter()
            function()
            own.append(time.perf_counter() - start)
    return [images / statistics.median(own) for own in took]


def measured(what: str, value: float, images: int, cores: int = 1, **more: Any) -> Row:
    return {"what": what, "rate": round(value, 1), "images": images, "cores": cores} | more


# --- the codec alone: arrays in, arrays out -------------------------------------------------------------------------


def carriers(clean: np.ndarray) -> np.ndarray:
    noise = np.random.default_rng(0).choice([-18, 18], clean.shape)
    return np.clip(clean.astype(int) + noise, 0, 255).astype(np.uint8)


def identities(count: int) -> tuple[list[Identity], list[ImageKeys]]:
    key = Key(bytes(range(32)))  # measures only; nothing is published
    unit = key.dataset(bytes(8)).unit(0)
    return [Identity(key.id, bytes(8), 0, i) for i in range(count)], [unit.image(i) for i in range(count)]


def together(barrier: Any) -> None:
    """Start of a process: what it meets the others at, so that all are measured at once."""
    global _barrier
    _barrier = barrier


_barrier: Any = None


def hide_all(method: Hiding, clean: np.ndarray, carrier: np.ndarray) -> list[Hidden]:
    who, keys = identities(len(clean))
    parts = [slice(i, i + BATCH) for i in range(0, len(clean), BATCH)]
    return [one for p in parts for one in method.hide(clean[p], carrier[p], who[p], keys[p])]


def reveal_all(method: Hiding, hidden: list[Hidden]) -> list[Any]:
    found, keys = [], identities(len(hidden))[1]
    for i in range(0, len(hidden), BATCH):
        part = hidden[i : i + BATCH]
        images = np.stack([one.image for one in part])
        headers, residues = [one.header for one in part], [one.residue for one in part]
        found += method.reveal(images, headers, residues, keys[i : i + BATCH])
    return found


def codec_rates(method: Hiding, clean: np.ndarray, seconds: float) -> tuple[float, float]:
    """Rates of hiding and restoring in this process."""
    carrier = carriers(clean)
    hidden = hide_all(method, clean, carrier)
    back = reveal_all(method, hidden)
    if not all(np.array_equal(one, image) for one, image in zip(back, clean)):
        raise VerifyFailed(f"{method} does not restore what it hid: this is a defect")
    if _barrier:
        _barrier.wait(600)
    hiding = rate(lambda: hide_all(method, clean, carrier), len(clean), seconds)
    if _barrier:
        _barrier.wait(600)
    return hiding, rate(lambda: reveal_all(method, hidden), len(clean), seconds)


def codec(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    from ripguard.codecs.interlaced import fit, networks

    mrit = MRIT.hiding(MRITParams(), clean.shape[1:])
    model = networks.pack(fit.fit(clean, fit.Settings(steps=20)))  # how well it fits does not change how fast it is
    cases: list[tuple[str, Hiding, str]] = [
        ("mrit", mrit, "cryptography"),
        ("mrit", mrit, "pycryptodome"),
        ("seal with WebP", Seal(8, ("webp",)), "cryptography"),
        ("seal with the small-image coder", Seal(8, ("interlaced",), model), "cryptography"),
    ]
    rows: list[Row] = []
    for name, method, backend in cases:
        os.environ["RIPGUARD_CRYPTO"] = backend  # read when a process first seals: each measurement is its own process
        for cores in sorted({1, os.cpu_count() or 1}):
            context = get_context("spawn")
            with ProcessPoolExecutor(cores, context, together, (context.Barrier(cores),)) as pool:
                found = list(pool.map(codec_rates, [method] * cores, [clean] * cores, [options.seconds] * cores))
            for what, values in zip(("hide", "restore"), zip(*found)):
                title = f"{name}: {what}, {backend}"
                alone = [row["rate"] for row in rows if row["what"] == title]
                rows.append(measured(title, sum(values), len(clean), cores))
                rows += [{"what": f"{title}: on {cores} cores, times one", "value": round(sum(values) / one, 2),
                          "unit": "×"} for one in alone]  # fmt: skip
    del os.environ["RIPGUARD_CRYPTO"]
    return rows


# --- what everybody pays: PNG ---------------------------------------------------------------------------------------


def png(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    mrit = MRIT.hiding(MRITParams(), clean.shape[1:])
    published = [one.image for one in hide_all(mrit, clean, carriers(clean))]
    rows = []
    for name, images in (("clean", list(clean)), ("protected", published)):
        data = [png_bytes(one) for one in images]
        encode = rate(lambda images=images: [png_bytes(one) for one in images], len(clean), options.seconds)  # type: ignore[misc]
        decode = rate(lambda data=data: [read_image(one) for one in data], len(clean), options.seconds)  # type: ignore[misc]
        rows += [
            measured(f"PNG encode, {name} images", encode, len(clean), bytes=sum(map(len, data)) // len(data)),
            measured(f"PNG decode with ripguard's checks, {name} images", decode, len(clean)),
        ]
    return rows


# --- peers: what one would take instead -----------------------------------------------------------------------------


def bit_by_bit(image: np.ndarray, payload: bytes) -> np.ndarray:
    """Low bits replaced one Python step a bit, as the LSB package does that the paper cites (LSB-Steganography)."""
    width, channels = image.shape[1:]
    result, x, y, c = image.copy(), 0, 0, 0
    for byte in payload:
        for place in range(7, -1, -1):
            value = list(result[y, x])
            value[c] = value[c] & 254 | byte >> place & 1
            result[y, x] = tuple(value)
            c += 1
            if c == channels:
                c, x = 0, x + 1
                if x == width:
                    x, y = 0, y + 1
    return result


def peers(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    from cryptography.fernet import Fernet
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    few = clean[:64]
    payload, text = os.urandom(few[0].size // 8), "x" * (few[0].size // 8 - 8)  # about one full bit-plane
    raw, fernet, gcm = [one.tobytes() for one in clean], Fernet(Fernet.generate_key()), AESGCM(os.urandom(32))
    nonces = [i.to_bytes(12, "big") for i in range(len(raw))]
    lost, gone = "no cipher; the clean image is lost", "no image any more"
    cases: list[tuple[str, str, int, Callable[[], object]]] = [
        ("LSB replacement bit by bit, one plane", lost, len(few), lambda: [bit_by_bit(one, payload) for one in few]),
        ("Fernet of the samples", gone, len(raw), lambda: [fernet.encrypt(one) for one in raw]),
        ("AES-256-GCM of the samples", gone, len(raw), lambda: [gcm.encrypt(n, x, b"") for n, x in zip(nonces, raw)]),
    ]
    try:
        from stegano import lsb

        def stegano() -> list[object]:
            return [lsb.hide(Image.fromarray(one), text) for one in few]  # type: ignore[arg-type]

        cases.append(("Stegano, one plane", lost, len(few), stegano))
    except ImportError:
        # it wants an older Pillow than ours, so it is no dependency of any kind
        print("left out: pip install --no-deps stegano crayons piexif opencv-python-headless", file=sys.stderr)
    return [measured(what, rate(run, count, options.seconds), count, note=note) for what, note, count, run in cases]
