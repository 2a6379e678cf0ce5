"""Golden outputs: what hiding, keys and the perturbations without a predictor give, on inputs that are fixed.

    python tests/golden.py           # tells what differs from the files beside the tests
    python tests/golden.py --write   # after a change that is meant: writes them anew

`hide/golden.json` and `perturb/golden.json` hold SHA-256 digests and short bytes, `perturb/golden.npz` arrays. The code
under test is called by the functions under "Adapters" alone: where a class is built in another way one day, these
change, and neither the cases nor the files do.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from helpers import crop
from hidden import DATASET, KEY, keys_for

from ripguard.codecs.interlaced import networks
from ripguard.crypto.aead import associated_data
from ripguard.hide.base import Hidden
from ripguard.hide.header import Header
from ripguard.hide.mrit.method import MRIT
from ripguard.hide.mrit.pairing import RULES
from ripguard.hide.mrit.transform import Params
from ripguard.hide.rdh.layers import Layer
from ripguard.hide.rdh.method import RDH, RDHParams, RDHPart
from ripguard.hide.rit.method import RIT, RITParams, RITPart
from ripguard.hide.rit.transform import Settings
from ripguard.hide.seal.method import Seal, SealPart
from ripguard.methods.fitted import Fitted
from ripguard.methods.registries import PERTURBATIONS
from ripguard.perturb import ar, lsp, marks, ops
from ripguard.perturb.base import Perturbation

REVERSIBLE = {"rdh": (RDH, RDHParams), "rit": (RIT, RITParams)}
HERE = Path(__file__).resolve().parent
HIDE, PERTURB, ARRAYS = HERE / "hide" / "golden.json", HERE / "perturb" / "golden.json", HERE / "perturb" / "golden.npz"


def digest(array: np.ndarray) -> str:
    """Hex SHA-256 of type, shape and values, which are taken as little-endian."""
    head = f"{array.dtype.kind}{array.dtype.itemsize} {array.shape} ".encode()
    return hashlib.sha256(head + array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()


# Inputs: crops of photographs and whole numbers.


def photographs(count: int, height: int = 32, width: int = 32, channels: int = 3, first: int = 0) -> np.ndarray:
    """Crops, uint8 ``[count, height, width, channels]``; of one channel: the red one."""
    return np.stack([crop(first + i, height, width)[:, :, :channels] for i in range(count)])


def stretched(images: np.ndarray) -> np.ndarray:
    """With twice the contrast: many samples are 0 or 255."""
    return np.clip(2 * images.astype(np.int64) - 128, 0, 255).astype(np.uint8)


def grainy(images: np.ndarray) -> np.ndarray:
    """With half the contrast, and noise: no two pairings of their blocks are equally good."""
    return (images // 2 + 64 + np.random.default_rng(5).integers(-40, 41, images.shape)).astype(np.uint8)


def near(images: np.ndarray, channels: int, reach: int = 24) -> np.ndarray:
    """Carriers, uint8, with so many channels: patches of 4×4 samples moved by up to ``reach`` levels, and grain.

    The grain is what keeps each block from being its own best partner.
    """
    count, height, width, _ = images.shape
    draw = np.random.default_rng(7)
    moves = draw.integers(-reach, reach + 1, (count, -(-height // 4), -(-width // 4), channels))
    moves = moves.repeat(4, axis=1).repeat(4, axis=2)[:, :height, :width]
    moves = moves + draw.integers(-(reach // 2), reach // 2 + 1, moves.shape)
    return np.clip(images.astype(np.int64) + moves, 0, 255).astype(np.uint8)


def flat(images: np.ndarray) -> np.ndarray:
    """All samples of an image are its first."""
    return np.broadcast_to(images[:, :1, :1, :1], images.shape).copy()


def netpbm(image: np.ndarray) -> bytes:
    """A file of it that no compressor has a part in: PGM or PPM."""
    height, width, channels = image.shape
    return b"P%d %d %d 255\n" % (6 if channels == 3 else 5, width, height) + image.tobytes()


def labels_and_seeds(count: int, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """int64 and uint64 ``[count]``."""
    seeds = [int.from_bytes(hashlib.sha256(b"seed %d" % i).digest()[:8], "big") for i in range(count)]
    return np.arange(count) % classes, np.array(seeds, np.uint64)


def training(classes: int, channels: int = 3, side: int = 32, each: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """Images whose classes differ in colors, in which no search hangs on a last bit: uint8 and int64 labels.

    The last class has half as many images.
    """
    draw = np.random.default_rng(15)
    labels = np.arange(classes * each) % classes
    labels = labels[(labels != classes - 1) | (np.arange(len(labels)) < classes * each // 2)]
    tints = draw.integers(-25, 26, (classes, 4, 4, channels))
    colors = tints[labels] + draw.integers(-40, 41, (len(labels), 4, 4, channels))
    colors = colors.repeat(side // 4, axis=1).repeat(side // 4, axis=2)
    return (128 + colors + draw.integers(-30, 31, colors.shape)).astype(np.uint8), labels


# A zlib that is the same everywhere. Any zlib stream will do in a record: which one it is hangs on the library's
# version and make (zlib, zlib-ng), and with it the length of the record and, rarely, whether corrections find room in
# the image. So the golden outputs are made with this one instead.


def packed(data: bytes, level: int = -1) -> bytes:
    """A zlib stream, as ``zlib.compress`` gives one: literals and runs of the byte before, in the fixed code."""
    bits: list[int] = [1, 1, 0]  # the last block; fixed code

    def code(value: int, length: int) -> None:
        bits.extend(value >> i & 1 for i in reversed(range(length)))

    def literal(byte: int) -> None:
        code(*((0x30 + byte, 8) if byte < 144 else (0x190 + byte - 144, 9)))

    at = 0
    while at < len(data):
        literal(data[at])
        stop = at + 1
        while stop < len(data) and data[stop] == data[at]:
            stop += 1
        left = stop - at - 1
        while left >= 3:  # lengths without extra bits: 3..10, and 258
            length = 258 if left >= 258 else min(left, 10)
            code(*((0xC5, 8) if length == 258 else (length - 2, 7)))
            code(0, 5)  # distance 1
            left -= length
        for _ in range(left):
            literal(data[at])
        at = stop
    code(0, 7)  # end of the block
    body = np.packbits(np.array(bits, np.uint8), bitorder="little").tobytes()
    return b"\x78\x01" + body + struct.pack(">I", zlib.adler32(data))


@contextlib.contextmanager
def same_zlib() -> Iterator[None]:
    """Within it ``zlib.compress`` is :func:`packed`."""
    with mock.patch.object(zlib, "compress", packed):
        yield


# Adapters.


def hidden_by(
    method: str, options: dict[str, Any], clean: np.ndarray, carrier: np.ndarray, files: list[bytes] | None = None
) -> list[Hidden]:
    """What a hiding method makes of uint8 ``[batch, height, width, channels]`` images; ``model``: channels of one."""
    ids, keys = keys_for(len(clean))
    if method in REVERSIBLE:
        own_class, params = REVERSIBLE[method]
        return own_class(params(**options)).hide(clean, carrier, ids, keys, files)
    with same_zlib():
        if method == "mrit":
            own = {name: value for name, value in options.items() if name != "lossy"}
            return MRIT(Params(**own), options.get("lossy", False)).hide(clean, carrier, ids, keys, files)
        model = coder_model(options["model"]) if "model" in options else b""
        return Seal(**(options | {"model": model})).hide(clean, carrier, ids, keys, files)


def revealed_by(method: str, options: dict[str, Any], hidden: list[Hidden]) -> np.ndarray:
    """The clean images: inverse of :func:`hidden_by`."""
    _, keys = keys_for(len(hidden))
    with same_zlib():
        sealing = Seal(model=coder_model(options["model"]) if "model" in options else b"")
        own = {"mrit": MRIT(), "rdh": RDH(), "rit": RIT()}.get(method, sealing)
    found = own.reveal(
        np.stack([one.image for one in hidden]),
        [one.header for one in hidden],
        [one.residue for one in hidden],
        keys,
    )
    return np.stack([getattr(one, "image", one) for one in found])


def shown(one: Hidden) -> dict[str, Any]:
    """Everything that hiding one image gives."""
    return {
        "image": digest(one.image),
        "residue": [len(one.residue), hashlib.sha256(one.residue).hexdigest()],
        "header": one.header.pack().hex(),
        "overwritten": one.overwritten,
        "overflow": one.overflow,
    }


def coder_model(channels: int) -> bytes:
    """A model of the small-image coder: the mean of the neighbours, and small weights that draw it to and fro."""
    draw, predictors = np.random.default_rng(channels), {}
    for place in networks.places(channels):
        sizes = networks.shapes(channels, 4, *place[1:])
        weights = [draw.integers(-2, 3, size).astype(np.float32) for size in sizes]
        biases = [draw.integers(0, 512, (size[0], 1)).astype(np.float32) for size in sizes]
        biases[2] += np.array([[0], [12 << 8], [1 << 8]], np.float32)
        predictors[place] = networks.Predictor(weights, biases)
    return networks.pack(networks.Model(channels, 4, predictors))


def headers() -> dict[str, bytes]:
    """Packed headers of all methods."""
    ids = (b"key id 1", b"data set")
    made = {
        "mrit": Header(*ids, 513, 66051, 2, False, False, 460, Params()),
        "mrit v0": Header(*ids, 513, 66051, 2, False, False, 460, Params(), version=0),
        "mrit inline": Header(*ids, 0, 0, 1, True, False, 1, Params(1, 1, 64, "in-place", 1)),
        "mrit v1": Header(*ids, 513, 66051, 2, False, False, 460, Params(), version=1),
        "mrit v1 lossy, gray in color": Header(
            *ids, 65535, 2**32 - 1, 4, False, True, 2**24 - 1, Params(32, 128, 3, "ranked", 1024), version=1, gray=True
        ),
        "mrit lossy": Header(*ids, 65535, 2**32 - 1, 4, False, True, 2**24 - 1, Params(32, 128, 3, "ranked", 1024)),
        "mrit in the residue": Header(*ids, 1, 2, 0, False, False, 77, Params(4, 8, 0, "sd-classes", 256)),
        "seal": Header(*ids, 513, 66051, 5, True, False, 1234, SealPart(2, 0x0123456789ABCDEF)),
        "seal, long": Header(*ids, 0, 7, 8, False, False, 2**32 - 1, SealPart(0, 2**64 - 1)),
        "seal v1": Header(*ids, 513, 66051, 5, True, False, 1234, SealPart(2, 0x0123456789ABCDEF), version=1),
        "seal v1, gray in color": Header(*ids, 0, 7, 3, True, False, 2**24, SealPart(4, 1), version=1, gray=True),
        "seal in the residue": Header(*ids, 0, 7, 0, False, False, 99, SealPart(5, 0)),
        "rdh": Header(
            *ids, 513, 66051, 1, True, False, 145, RDHPart(size=2, step=12, layers=2, top=Layer(3, 4, 70000))
        ),
        "rdh in the residue": Header(*ids, 0, 7, 0, False, False, 99, RDHPart(size=64, step=128)),
        "rit": Header(
            *ids, 513, 66051, 1, True, False, 145, RITPart(settings=Settings(), layers=1, top=Layer(0, 1, 1480))
        ),
        "rit in the residue": Header(
            *ids,
            0,
            7,
            0,
            False,
            False,
            99,
            RITPart(settings=Settings(size=32, step=1, overflow=0, flat=127, classes=16)),
        ),
    }
    return {name: header.pack() for name, header in made.items()}


def keys() -> dict[str, bytes]:
    """Everything that is derived from one key."""
    dataset = KEY.dataset(DATASET)
    found = {"key id": KEY.id, "dataset id": KEY.dataset_id(b"what was planned"), "dataset": dataset.secret}
    found |= {"model": dataset.model}
    found |= {f"proof {purpose.decode()}": dataset.proof(purpose, b"a digest") for purpose in (b"clean", b"release")}
    for number in (0, 513):
        unit = dataset.unit(number)
        found[f"unit {number}"] = unit.secret
        for index in (0, 66051):
            own = unit.image(index)
            found |= {
                f"unit {number}, image {index}: payload": own.payload,
                f"unit {number}, image {index}: residue": own.residue,
                f"unit {number}, image {index}: place": own.place,
            }
    return found


def associated() -> dict[str, bytes]:
    """What records are bound to: of all versions of the format, for every purpose."""
    made = headers()
    purposes = [
        (name, purpose) for name in ("mrit v0", "mrit v1", "mrit") for purpose in (b"payload", b"residue", b"whole")
    ]
    purposes += [("mrit v1", b"file"), ("seal v1", b"seal"), ("mrit", b"file"), ("seal", b"seal")]
    purposes += [("rdh", b"rdh"), ("rit", b"rit")]
    return {f"{name}, {p.decode()}": associated_data(p, made[name], bytes(range(32))) for name, p in purposes}


def search(method: str, options: dict[str, Any], images: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """What a perturbation looks for in training images (``ar``: among its draws)."""
    if method == "marks":
        wanted = {name: options[name] for name in ("target", "sink", "cells") if name in options}
        return marks.search(images, labels, classes, **wanted)
    return ops.search(images, labels, classes) if method == "ops" else ar.rules(classes, options.get("seed", 0))


def carriers(
    method: str, options: dict[str, Any], images: np.ndarray, labels: np.ndarray, seeds: np.ndarray
) -> np.ndarray:
    """Carriers, uint8, of uint8 ``[batch, height, width, channels]`` images of ``options["classes"]`` classes."""
    return _perturbation(method, json.dumps(options))(images, labels, seeds)


@functools.cache  # rules and patches are looked for once
def _perturbation(method: str, written: str) -> Perturbation:
    options = json.loads(written)
    classes = options.get("classes", 0)
    own = PERTURBATIONS[method]
    params = own.kind(**{name: value for name, value in options.items() if name in own.kind.options()})
    if method == "lsp":
        return own(params, Fitted(lsp.clouds(classes)))
    if method == "ar":
        return own(params, Fitted({"rules": ar.rules(classes, options.get("seed", 0))}))
    if method not in ("marks", "ops"):
        return own(params)
    known, labels = training(classes, options.get("channels", 3))
    found = search(method, options, known, labels, classes)
    if method == "ops":
        return own(params, Fitted({"pixels": found, "size": np.array(known.shape[1:3])}))
    return own(params, Fitted({"patches": found}))


# Cases.

KINDS = {"photograph": np.copy, "stretched": stretched, "grainy": grainy, "flat": flat}
SOLVED = {"assignment": "grainy", "ranked": "grainy"}  # rules that leave the choice between equals to SciPy


@dataclass(frozen=True)
class Hide:
    """Images that are hidden.

    Attributes:
        channels: of the clean images, and of the carriers.
        kind: a key of KINDS.
        files: whether there are source files.
    """

    method: str
    options: dict[str, Any] = field(default_factory=dict)
    height: int = 32
    width: int = 32
    channels: tuple[int, int] = (3, 3)
    kind: str = "photograph"
    files: bool = False

    def clean(self) -> np.ndarray:
        return KINDS[self.kind](photographs(2, self.height, self.width, self.channels[0]))

    def hidden(self) -> list[Hidden]:
        clean = self.clean()
        reach = 0 if self.kind == "flat" else 24
        files = [netpbm(one) for one in clean] if self.files else None
        return hidden_by(self.method, self.options, clean, near(clean, self.channels[1], reach), files)


def mrit(height: int = 32, width: int = 32, channels: tuple[int, int] = (3, 3), kind: str = "", **options):  # type: ignore[no-untyped-def]
    kind = kind or SOLVED.get(options["pairing"], "photograph")
    return Hide("mrit", options, height, width, channels, kind)


def sealed(  # type: ignore[no-untyped-def]
    height: int = 32, width: int = 32, channels: tuple[int, int] = (3, 3), files: bool = False, **options
):
    return Hide("seal", options, height, width, channels, files=files)


def reversible(  # type: ignore[no-untyped-def]
    method: str,
    height: int = 32,
    width: int = 32,
    channels: tuple[int, int] = (3, 3),
    kind: str = "photograph",
    **options,
):
    return Hide(method, options, height, width, channels, kind)


TINTED = (1, 3)  # gray images with carriers in color
HIDING = {
    **{f"mrit, {name}": mrit(pairing=name) for name, _ in RULES.values()},
    **{f"mrit, {name}, odd size": mrit(13, 21, pairing=name, tile=16) for name, _ in RULES.values()},
    "mrit, blocks of 1": mrit(size=1, pairing="in-place"),
    "mrit, blocks of 3": mrit(size=3, step=4, pairing="ranked", tile=64),
    "mrit, blocks of 4": mrit(size=4, step=4, overflow=8, pairing="ranked", tile=16),
    "mrit, blocks of 8": mrit(64, 64, size=8, step=2, pairing="assignment", tile=1024),
    "mrit, blocks of 9": mrit(64, 48, size=9, step=1, pairing="sd-rank", tile=5),
    "mrit, blocks as large as the image": mrit(size=32, step=16, pairing="sd-classes"),
    "mrit, blocks larger than the image": mrit(9, 9, size=16, pairing="sd-rank"),
    "mrit, step 1": mrit(step=1, pairing="sd-rank"),
    "mrit, step 3": mrit(step=3, pairing="ranked"),
    "mrit, step 128": mrit(step=128, pairing="sd-rank"),
    "mrit, tiles of 7": mrit(tile=7, pairing="assignment"),
    "mrit, one block a tile": mrit(tile=1, pairing="ranked"),
    "mrit, overflow 64": mrit(kind="stretched", overflow=64, pairing="sd-rank"),
    "mrit, overflow 8, odd size": mrit(13, 21, kind="stretched", overflow=8, step=4, pairing="sd-rank"),
    "mrit, no overflow, stretched": mrit(kind="stretched", pairing="sd-rank"),
    "mrit, gray": mrit(channels=(1, 1), pairing="sd-rank"),
    "mrit, gray, odd size": mrit(31, 9, channels=(1, 1), pairing="sd-classes"),
    "mrit, gray in color": mrit(channels=TINTED, pairing="ranked"),
    "mrit, gray in color, odd size": mrit(21, 13, channels=TINTED, pairing="sd-rank"),
    "mrit, gray in color, lossy": mrit(channels=TINTED, pairing="sd-rank", lossy=True),
    "mrit, lossy": mrit(pairing="ranked", lossy=True),
    "mrit, lossy, overflow 8": mrit(kind="stretched", pairing="sd-rank", overflow=8, lossy=True),
    "mrit, too small for its record": mrit(3, 2, pairing="sd-rank"),
    "mrit, too small for its record, overflow 8": mrit(5, 7, kind="stretched", step=4, overflow=8, pairing="sd-rank"),
    "mrit, too small for its record, gray in color": mrit(4, 4, channels=TINTED, pairing="sd-rank"),
    "mrit, one pixel": mrit(1, 1, pairing="assignment"),
    "mrit, inline": mrit(kind="flat", size=4, pairing="in-place"),
    "mrit, inline, gray": mrit(64, 64, channels=(1, 1), kind="flat", size=8, pairing="sd-rank"),
    "mrit, inline, gray in color": mrit(channels=TINTED, kind="flat", size=8, pairing="sd-rank"),
    # coders that this leaves out: `xz`, `webp` and `jxl`, whose bytes are those of a library's version
    "seal, raw, gray in color": sealed(channels=TINTED, coders=("raw",)),
    "seal, raw, residue left over": sealed(coders=("raw",), allow_residue=True),
    "seal, raw, 4 planes, residue left over": sealed(coders=("raw",), most=4, allow_residue=True),
    "seal, raw, 1 plane, odd size, residue left over": sealed(21, 33, coders=("raw",), most=1, allow_residue=True),
    "seal, interlaced without a model": sealed(coders=("interlaced",), allow_residue=True),
    "seal, interlaced": sealed(coders=("interlaced",), model=3),
    "seal, interlaced, odd size": sealed(33, 21, coders=("interlaced",), model=3),
    "seal, interlaced, 64 pixels": sealed(64, 64, coders=("interlaced",), model=3),
    "seal, interlaced, 2 planes, residue left over": sealed(
        coders=("interlaced",), model=3, most=2, allow_residue=True
    ),
    "seal, interlaced, gray": sealed(channels=(1, 1), coders=("interlaced",), model=1, allow_residue=True),
    "seal, interlaced, gray in color": sealed(channels=TINTED, coders=("interlaced",), model=1),
    "seal, interlaced, model of other channels": sealed(
        channels=TINTED, coders=("raw", "interlaced"), model=3
    ),
    "seal, file": sealed(coders=("file",), files=True, allow_residue=True),
    "seal, file, a model that it does without": sealed(coders=("file",), model=3, files=True, allow_residue=True),
    "seal, file, gray in color": sealed(channels=TINTED, coders=("file",), files=True),
    "seal, tiny": sealed(3, 2, coders=("raw",), allow_residue=True),
    "seal, tiny, gray in color": sealed(3, 2, channels=TINTED, coders=("raw",), allow_residue=True),
    "seal, tiny, interlaced": sealed(5, 4, coders=("interlaced",), model=3, allow_residue=True),
    "seal, just room for the header": sealed(8, 14, coders=("raw",), most=1, allow_residue=True),
    "rdh": reversible("rdh"),
    "rdh, blocks of 4, nearest": reversible("rdh", size=4, rule="nearest", step=8, most=2),
    "rdh, odd size": reversible("rdh", 33, 21, size=3),
    "rdh, 64 pixels": reversible("rdh", 64, 64),
    "rdh, gray": reversible("rdh", 48, 48, channels=(1, 1)),
    "rdh, gray in color": reversible("rdh", channels=TINTED),
    "rdh, stretched": reversible("rdh", kind="stretched", size=4),
    "rdh, grainy": reversible("rdh", kind="grainy", size=4, layers=3, doublings=0),
    "rdh, no layers": reversible("rdh", layers=0),
    "rdh, tiny": reversible("rdh", 3, 2),
    "rit": reversible("rit"),
    "rit, blocks of 2, odd size": reversible("rit", 33, 21, size=2, layers=3),
    "rit, blocks of 4": reversible("rit", 64, 64, size=4),
    "rit, blocks of 4, stretched": reversible("rit", kind="stretched", size=4, layers=3),
    "rit, flat": reversible("rit", kind="flat"),
    "rit, gray": reversible("rit", 48, 48, channels=(1, 1), size=4, overflow=0, flat=0, classes=2),
    "rit, gray in color": reversible("rit", channels=TINTED, size=8, step=4),
    "rit, tiny": reversible("rit", 3, 2, size=2),
}  # fmt: skip


@dataclass(frozen=True)
class Perturb:
    """Images that are perturbed, ``count`` of them."""

    method: str
    options: dict[str, Any] = field(default_factory=dict)
    height: int = 32
    width: int = 32
    channels: int = 3
    count: int = 2

    def clean(self) -> np.ndarray:
        return photographs(self.count, self.height, self.width, self.channels, first=50)

    def carriers(self) -> np.ndarray:
        labels, seeds = labels_and_seeds(self.count, self.options.get("classes", 1))
        return carriers(self.method, self.options, self.clean(), labels, seeds)


FIVE = {"classes": 5}
EXACT = {
    "none": Perturb("none"),
    "noise": Perturb("noise", count=4),
    "noise, eps 0.1": Perturb("noise", {"eps": 0.1}),
    "noise, gray": Perturb("noise", channels=1),
    "noise, 64 pixels": Perturb("noise", height=64, width=64),
    "noise, odd size": Perturb("noise", height=13, width=21),
    "ops": Perturb("ops", FIVE, count=6),
    "ops, gray": Perturb("ops", FIVE | {"channels": 1}, channels=1, count=5),
    "ops, 64 pixels": Perturb("ops", FIVE, 64, 64, count=5),
    "ops, odd size": Perturb("ops", FIVE, 13, 21, count=5),
}
NEARLY = {
    "lsp": Perturb("lsp", {"classes": 10}),
    "lsp, gray": Perturb("lsp", {"classes": 10}, channels=1),
    "lsp, 64 pixels": Perturb("lsp", {"classes": 10}, 64, 64, count=1),
    "lsp, odd size": Perturb("lsp", {"classes": 10}, 13, 21),
    "ar": Perturb("ar", {"classes": 3}),
    "ar, gray": Perturb("ar", {"classes": 3}, channels=1),
    "ar, 64 pixels": Perturb("ar", {"classes": 3}, 64, 64, count=1),
    "ar, odd size": Perturb("ar", {"classes": 3}, 13, 21),
    "marks": Perturb("marks", FIVE),
    "marks, the sink too": Perturb("marks", FIVE, 16, 16, count=5),
    "marks, cyclic": Perturb("marks", FIVE | {"target": "cyclic"}),
    "marks, no sink": Perturb("marks", FIVE | {"sink": False}, 16, 16, count=5),
    "marks, 2 cells": Perturb("marks", FIVE | {"cells": 2}),
    "marks, 4 cells": Perturb("marks", FIVE | {"cells": 4}, count=1),
    "marks, eps 0.1": Perturb("marks", FIVE | {"eps": 0.1}, count=1),
    "marks, 50 classes": Perturb("marks", {"classes": 50}),
    "marks, gray": Perturb("marks", FIVE, channels=1),
    "marks, 64 pixels": Perturb("marks", FIVE, 64, 64, count=1),
    "marks, 96 pixels": Perturb("marks", FIVE, 96, 96, channels=1, count=1),
    "marks, odd size": Perturb("marks", FIVE, 13, 21),
}
SEARCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "ops": ("ops", FIVE),
    "ar": ("ar", {"classes": 3}),
    "ar, seed 1": ("ar", {"classes": 2, "seed": 1}),
    "marks": ("marks", FIVE),
    "marks, cyclic": ("marks", FIVE | {"target": "cyclic"}),
    "marks, no sink": ("marks", FIVE | {"sink": False}),
    "marks, 2 cells": ("marks", FIVE | {"cells": 2}),
    "marks, 4 cells, cyclic": ("marks", FIVE | {"cells": 4, "target": "cyclic"}),
    "marks, more cells than asked for": ("marks", {"classes": 65, "cells": 2}),
}


def searched(name: str) -> np.ndarray:
    method, options = SEARCHES[name]
    return search(method, options, *training(options["classes"]), options["classes"])


def moved(case: Perturb) -> np.ndarray:
    """How far the samples moved: int8, shape of the images. Fewer bytes than the carriers."""
    found = case.carriers().astype(np.int64) - case.clean()
    assert np.abs(found).max() < 128
    return found.astype(np.int8)


# What is kept.


def in_hiding() -> dict[str, Any]:
    """Content of `tests/hide/golden.json`."""
    return {
        "inputs": {"clean": digest(photographs(4)), "carrier": digest(near(photographs(4), 3))},
        "hiding": {name: [shown(one) for one in case.hidden()] for name, case in HIDING.items()},
        "headers": {name: data.hex() for name, data in headers().items()},
        "keys": {name: data.hex() for name, data in keys().items()},
        "associated data": {name: data.hex() for name, data in associated().items()},
    }


def in_perturbing() -> dict[str, Any]:
    """Content of `tests/perturb/golden.json`."""
    images, labels = training(5)
    return {
        "inputs": {"clean": digest(photographs(4, first=50)), "training": [digest(images), digest(labels)]},
        "carriers": {name: digest(case.carriers()) for name, case in EXACT.items()},
    }


def arrays() -> dict[str, np.ndarray]:
    """Content of `tests/perturb/golden.npz`."""
    found = {f"moved: {name}": moved(case) for name, case in NEARLY.items()}
    return found | {f"search: {name}": searched(name) for name in SEARCHES}


def stored() -> dict[str, np.ndarray]:
    with np.load(ARRAYS) as found:
        return dict(found)


def main() -> None:
    texts = {HIDE: in_hiding(), PERTURB: in_perturbing()}
    if "--write" in sys.argv:
        for path, content in texts.items():
            path.write_text(json.dumps(content, indent=1) + "\n")
        np.savez_compressed(ARRAYS, **arrays())  # type: ignore[arg-type]
        return
    stale = [path.name for path, content in texts.items() if json.loads(path.read_text()) != content]
    known, now = stored(), arrays()
    same = known.keys() == now.keys() and all(np.array_equal(known[name], now[name]) for name in now)
    stale += [] if same else [ARRAYS.name]
    sys.exit(f"out of date: {', '.join(stale)}" if stale else 0)


if __name__ == "__main__":
    main()
