"""Measure how many bits images hold reversibly, and how close to the image they then are.

    python experiments/capacity.py cifar10 --record capacity
    python experiments/capacity.py photographs --record capacity

Three kinds of rows, over the same images (`photographs`: the ten whole ones behind `photos`):

1. The most random bits under fixed thresholds, one layer; beside the histogram shifting of the package `stegano`
   (Ni et al. 2006), where that is installed: pip install stegano.
2. Given numbers of bits, as `rdh` and `rit` embed them, in one layer or two.
3. Both methods whole, under two perturbations that need no training: the share of images that need no residue.

Every row counts the images that came back bit for bit. Expected: all.

Hardware: two CPU cores.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from _run import begin, parser
from PIL import Image

from ripguard.crypto.keys import Key
from ripguard.data.image_set import load
from ripguard.data.photos import photograph_files
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.hide.base import Hiding, Identity
from ripguard.hide.rdh.expand import Pass, embed_with, extract
from ripguard.hide.rdh.layers import embed_bits, extract_bits
from ripguard.hide.rdh.method import RDH
from ripguard.hide.rdh.predict import CROSS, DOT, cells_of
from ripguard.hide.rit.method import RIT, RITParams
from ripguard.images.decoding import read_image
from ripguard.images.quality import likeness
from ripguard.methods.fitted import Fitted
from ripguard.numbers import positive
from ripguard.perturb.base import Perturbation
from ripguard.perturb.lsp import LSP, LSPParams, clouds
from ripguard.perturb.noise import Noise, NoiseParams

THRESHOLDS = (1, 2, 4, 8, 16, 32)
AMOUNTS = (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0)  # bits a sample
LARGE = (0.5, 0.7, 1.0)  # for which one layer may not suffice
CLASSES = 10
Held = tuple[np.ndarray, int, bool]  # image with bits in it, number of bits, whether the image and they came back


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=positive, default=1000, help="images, evenly from the source (default 1000)")
    options = arguments.parse_args()
    images = whole_photographs() if options.source == "photographs" else some_images(options.source, options.count)
    run = begin(options, "capacity", dataset=options.source)
    for about, hold in embeddings():
        if not run.has(**about):
            show(run.add(about | of_bits(images, hold)).metrics, about)
    for about, method, perturbation in chains():
        if not run.has(**about):
            show(run.add(about | of_method(images, method, perturbation)).metrics, about)


def show(metrics: dict[str, Any], about: dict[str, Any]) -> None:
    print(about | metrics, flush=True)


def whole_photographs() -> list[np.ndarray]:
    with tempfile.TemporaryDirectory() as place:
        return [read_image(path) for path in photograph_files(Path(place) / "photographs")]


def some_images(source: str, count: int) -> list[np.ndarray]:
    items = open_source(source).items
    return list(load(items[:: max(1, len(items) // count)][:count]).images)


def embeddings() -> Iterator[tuple[dict[str, Any], Callable[[np.ndarray], Held | None]]]:
    """What identifies a row of bits, and how an image holds them."""
    for threshold in THRESHOLDS:
        yield {"what": "thresholds", "threshold": threshold}, partial(filled, step=2 * threshold - 2)
    if shifted := histogram_shifting():
        yield {"what": "stegano"}, shifted
    for layers in (1, 2):
        for amount in AMOUNTS if layers == 1 else LARGE:
            about = {"what": "one layer" if layers == 1 else "two layers", "bits_a_sample": amount}
            yield about, partial(given, amount=amount, layers=layers)


def of_bits(images: list[np.ndarray], hold: Callable[[np.ndarray], Held | None]) -> dict[str, Any]:
    """Metrics of a row: of all images, PSNR of those that hold bits."""
    found = [hold(image) for image in images]
    net = [one[1] / image.size if one else 0.0 for one, image in zip(found, images)]
    psnr = np.array(
        [likeness(one[0], image, ssim=False)["psnr"] for one, image in zip(found, images) if one and one[1]], float
    )
    return {
        "images": len(images),
        "hold_bits": len(psnr),
        "exact": sum(one is None or one[2] for one in found),
        "net_bpp": round(float(np.mean(net)), 4),
        "net_bpp_p5": round(float(np.percentile(net, 5)), 4),
        "psnr": round(float(psnr.mean()), 2) if len(psnr) else None,
    }


def filled(image: np.ndarray, step: int) -> Held:
    """As many random bits as fit under these thresholds, half of the passes after the other."""
    flat, first, bits = image.reshape(-1).astype(np.int32), image.reshape(-1).astype(np.int32), []
    draw = np.random.default_rng(0)
    for parity in (CROSS, DOT):
        own = Pass.of(flat, cells_of(image.shape, 0, parity))
        _, room = embed_with(own, np.zeros(len(own.at) + 1, np.uint8), step)
        bits.append(draw.integers(0, 2, room).astype(np.uint8))
        values, _ = embed_with(own, bits[-1], step)
        if values is not None:
            flat[own.at] = values
    made, exact = flat.astype(np.uint8).reshape(image.shape), True
    for parity, part in ((DOT, bits[1]), (CROSS, bits[0])):
        own = Pass.of(flat, cells_of(image.shape, 0, parity))
        found, flat[own.at] = extract(own, len(part), step, searched=False)
        exact = exact and np.array_equal(found, part)
    return made, sum(map(len, bits)), exact and np.array_equal(flat, first)


def given(image: np.ndarray, amount: float, layers: int) -> Held | None:
    """A number of random bits, by :func:`embed_bits`; None if they do not fit."""
    bits = np.random.default_rng(0).integers(0, 2, round(amount * image.size)).astype(np.uint8)
    done = embed_bits(image, 0, bits, layers)
    if done is None:
        return None
    before, found = extract_bits(done.image, 0, done.layers, done.top)
    return done.image, len(bits), np.array_equal(before, image) and np.array_equal(found, bits)


def histogram_shifting() -> Callable[[np.ndarray], Held | None] | None:
    """The longest text of random bytes by `stegano`; None without the package."""
    try:
        from stegano import rdh  # type: ignore[import-not-found]
    except ImportError:
        print("stegano is not installed: its rows are left out", flush=True)
        return None

    def hold(image: np.ndarray) -> Held | None:
        pil = Image.fromarray(image)
        try:
            room = rdh.capacity(pil)
        except ValueError:  # every gray level occurs
            return None
        text = np.random.default_rng(0).integers(0, 256, room).astype(np.uint8).tobytes().decode("latin-1")
        if not text:
            return None
        made = rdh.hide(pil, text)
        exact = rdh.reveal(made) == text and np.array_equal(np.asarray(rdh.recover(made)), image)
        return np.asarray(made), 8 * room, exact

    return hold


def chains() -> Iterator[tuple[dict[str, Any], Hiding, Perturbation]]:
    """What identifies a row of a method, the method, and the perturbation."""
    methods = {"rdh": RDH(), "rit, 1×1": RIT(), "rit, 4×4": RIT(RITParams(size=4))}
    perturbations: dict[str, Perturbation] = {
        "lsp": LSP(LSPParams(), Fitted(clouds(CLASSES))),
        "noise": Noise(NoiseParams()),
    }
    for name, perturbation in perturbations.items():
        for hiding, method in methods.items():
            yield {"what": "method", "hiding": hiding, "poison": name}, method, perturbation


def of_method(images: list[np.ndarray], method: Hiding, perturbation: Perturbation) -> dict[str, Any]:
    """Metrics of a row: records, where they are, and how close images are to the carriers."""
    key = Key(bytes(32))
    unit, inside, exact, bpp, psnr = key.dataset(bytes(8)).unit(0), 0, 0, [], []
    for number, clean in enumerate(images):
        own, seed = unit.image(number), np.array([number], np.uint64)
        carrier = perturbation(clean[None], np.array([number % CLASSES]), seed)
        (one,) = method.hide(clean[None], carrier, [Identity(key.id, bytes(8), 0, number)], [own])
        (back,) = method.reveal(one.image[None], [one.header], [one.residue], [own])
        exact += isinstance(back, np.ndarray) and np.array_equal(back, clean)
        inside += one.header.inline
        bpp.append(8 * one.header.length / clean.size)
        psnr.append([likeness(one.image, other, ssim=False)["psnr"] for other in (carrier[0], clean)])
    to_carrier, to_clean = np.median(np.array(psnr, float), axis=0)
    return {
        "images": len(images),
        "exact": exact,
        "without_residue": inside,
        "record_bpp": round(float(np.mean(bpp)), 4),
        "psnr_to_carrier": round(float(to_carrier), 2),
        "psnr_to_clean": round(float(to_clean), 2),
    }


if __name__ == "__main__":
    with refusals_printed():
        main()
