"""A package of somebody else's: a perturbation, a hiding method and a scheme of one step.

It uses what CONTRIBUTING names and nothing else; ``test_third_party.py`` installs it beside ripguard.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ripguard.crypto.aead import associated_data, image_digest, open_sealed, seal
from ripguard.crypto.backend import TAG, Forged
from ripguard.crypto.keys import ImageKeys
from ripguard.errors import Damaged
from ripguard.hide.base import Clean, Hidden, Hiding, Identity
from ripguard.hide.flags import flag_byte, read_flags
from ripguard.hide.header import Header, Tail
from ripguard.methods.fitted import FitContext, Fitted, Need
from ripguard.methods.params import DataStats, Params, option, word
from ripguard.perturb.base import Perturbation
from ripguard.schemes.base import Batch, Run
from ripguard.schemes.one_step import OneStep


# A perturbation with an option, a value that hangs on the data, and something to find in the training images.
@dataclass(frozen=True, kw_only=True)
class BrightenParams(Params):
    method: ClassVar[str] = "toy-brighten"

    levels: int | None = option(
        None,
        "gray levels that a class is brightened by (default: by the number of classes)",
        check=lambda value: 0 < value < 64,
        wanted="1..63",
        word=word("levels {}"),
        usual=(None,),
    )

    def resolve(self, data: DataStats) -> BrightenParams:
        return self if self.levels else BrightenParams(levels=3 + data.classes)


class Brighten(Perturbation[BrightenParams]):
    """Classes get brighter, the first least."""

    kind, needs = BrightenParams, frozenset({Need.CLASSES, Need.TRAINING_IMAGES})

    def fit(self, training, context: FitContext) -> Fitted:  # type: ignore[no-untyped-def]
        means = [training.images[training.labels == label].mean() for label in range(len(context.classes))]
        return Fitted({"order": np.argsort(means)})

    def run(self, clean: np.ndarray, labels: np.ndarray, seeds: np.ndarray) -> np.ndarray:
        more = self.params.levels * (1 + self.fitted["order"][labels])
        return np.clip(clean.astype(int) + more[:, None, None, None], 0, 255).astype(np.uint8)


# A hiding method: all of the clean image stands in the residue.
@dataclass(frozen=True)
class BesideTail(Tail):
    number: ClassVar[int] = 200
    layout: ClassVar[struct.Struct] = struct.Struct(">B")

    level: int

    def pack(self, high: int) -> bytes:
        return self.layout.pack(self.level)

    @classmethod
    def unpack(cls, data: bytes) -> tuple[BesideTail, int]:
        return cls(*cls.layout.unpack(data)), 0


@dataclass(frozen=True, kw_only=True)
class BesideParams(Params):
    method: ClassVar[str] = "toy-beside"

    level: int = option(6, "of zlib", choices=tuple(range(10)))


class Beside(Hiding):
    """The clean image, compressed and sealed, in the residue."""

    kind, tail = BesideParams, BesideTail

    def __init__(self, level: int = 6) -> None:
        self.level = level

    @classmethod
    def hiding(cls, params: BesideParams, shape: tuple[int, ...], lossy: bool = False, model: bytes = b"") -> Beside:
        return cls(params.level)

    def run_hide(
        self,
        clean: np.ndarray,
        carrier: np.ndarray,
        who: list[Identity],
        keys: list[ImageKeys],
        files: list[bytes],
    ) -> list[Hidden]:
        result = []
        for one, shown, own, its in zip(clean, carrier, who, keys):
            data = flag_byte(one.shape != shown.shape) + zlib.compress(one.tobytes(), self.level)
            ids = (own.key_id, own.dataset_id, own.unit, own.index)
            header = Header(*ids, 0, False, False, len(data) + TAG, BesideTail(self.level))
            bound = associated_data(b"toy", header.pack(), image_digest(shown))
            result.append(Hidden(shown, seal(its.residue, bound, data), header, 0, 0))
        return result

    def run_reveal(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        result: list[Clean] = []
        for image, header, residue, own in zip(images, headers, residues, keys):
            bound = associated_data(b"toy", header.pack(), image_digest(image))
            try:
                data = open_sealed(own.residue, bound, residue)
            except Forged:
                result.append(Damaged("it, or its residue, was changed"))
                continue
            gray, start = read_flags(header, data, image.shape[2])
            shape = (*image.shape[:2], 1 if gray else image.shape[2])
            result.append(np.frombuffer(zlib.decompress(data[start:]), np.uint8).reshape(shape))
        return result


# A scheme of one step: pixels change places, by a key of their own.
@dataclass(frozen=True)
class ShuffleTail(Tail):
    number: ClassVar[int] = 201
    layout: ClassVar[struct.Struct] = struct.Struct(">H")

    rounds: int

    def pack(self, high: int) -> bytes:
        return self.layout.pack(self.rounds)

    @classmethod
    def unpack(cls, data: bytes) -> tuple[ShuffleTail, int]:
        return cls(*cls.layout.unpack(data)), 0


@dataclass(frozen=True, kw_only=True)
class ShuffleParams(Params):
    method: ClassVar[str] = "toy-shuffle"

    rounds: int = option(1, "how often", check=lambda value: value > 0, wanted="at least 1")


class Shuffle(OneStep):
    """Samples change places, by the image's own key."""

    kind, tail = ShuffleParams, ShuffleTail

    def protect(self, batch: Batch, fitted: Fitted, run: Run) -> list[Hidden]:
        result = []
        for one, own, its in zip(batch.clean, batch.who, batch.keys):
            ids, rounds = (own.key_id, own.dataset_id, own.unit, own.index), self.params.rounds
            image = one.reshape(-1)[_order(its, one.size, rounds)].reshape(one.shape)
            header = Header(*ids, 0, False, False, TAG + 1, ShuffleTail(rounds))
            bound = associated_data(b"toy", header.pack(), image_digest(image))
            result.append(Hidden(image, seal(its.residue, bound, b"\0"), header, 0, 0))
        return result

    def run_reveal(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        result: list[Clean] = []
        for image, header, residue, own in zip(images, headers, residues, keys):
            try:
                open_sealed(own.residue, associated_data(b"toy", header.pack(), image_digest(image)), residue)
            except Forged:
                result.append(Damaged("it was changed"))
                continue
            clean = np.empty_like(image)
            clean.reshape(-1)[_order(own, image.size, header.params.rounds)] = image.reshape(-1)  # type: ignore[attr-defined]
            result.append(clean)
        return result


def _order(keys: ImageKeys, size: int, rounds: int) -> np.ndarray:
    return np.random.default_rng([rounds, *keys.place]).permutation(size)
