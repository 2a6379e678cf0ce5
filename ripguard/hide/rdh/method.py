"""``rdh``: a perturbed image that carries, reversibly, what undoes its perturbation.

Sources: Liu et al., "Reversible Adversarial Examples" (arXiv 1811.00189); Sachnev et al. 2009 for the embedding.

1. Shape the perturbation (``shape``): one level for each block and channel. This gives the perturbed image.
2. Encode and encrypt the levels (``symbols``, ``carry``).
3. Embed the record reversibly into the perturbed image (``predict``, ``expand``, ``layers``). If it does not fit, try
   larger blocks, which need a shorter record; in the end the record goes to the residue.

Restoring takes the record out, which gives the exact perturbed image, and subtracts the perturbation.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ripguard.codecs.bounded import BadStream
from ripguard.crypto.keys import ImageKeys
from ripguard.hide.base import Hidden, Identity
from ripguard.hide.flags import flag_byte
from ripguard.hide.header import Header
from ripguard.hide.mrit.method import block_side
from ripguard.hide.rdh.base import Embedding
from ripguard.hide.rdh.carry import WHERE, CarriedTail, beside, draft
from ripguard.hide.rdh.layers import MOST
from ripguard.hide.rdh.shape import RULES, applied, block_count, levels_of
from ripguard.hide.rdh.symbols import Reader, Writer
from ripguard.methods.params import Params, option

MOST_LEVELS = 15
LARGEST = 64  # block side


@dataclass(frozen=True, kw_only=True)
class RDHParams(Params):
    """Parameters of a release. :class:`RDHPart` has those of an image."""

    method: ClassVar[str] = "rdh"

    size: int | None = option(
        None, "block side of the perturbation in pixels (default: 2, 4 or 8 by image size)",
        check=lambda n: 1 <= n <= LARGEST, wanted=f"1..{LARGEST}", flag="block-size",
    )  # fmt: skip
    step: int = option(
        12, "gray levels of one step of the perturbation", check=lambda n: 1 <= n <= 128, wanted="1..128",
        flag="level-step",
    )  # fmt: skip
    most: int = option(
        1, "most steps that a block is moved by", check=lambda n: 1 <= n <= MOST_LEVELS, wanted=f"1..{MOST_LEVELS}",
        flag="level-count",
    )  # fmt: skip
    rule: str = option(
        "sign", "shape of the perturbation, the nearest number of steps or all of them by its sign", choices=RULES,
        flag="level-rule",
    )  # fmt: skip
    doublings: int = option(
        1, "how often the block side may double for an image whose record does not fit",
        check=lambda n: 0 <= n <= 6, wanted="0..6", flag="block-doublings",
    )  # fmt: skip
    layers: int = option(
        2, "most layers of embedding; 0: all records go to the residue", check=lambda n: 0 <= n <= MOST,
        wanted=f"0..{MOST}", flag="rdh-layers",
    )  # fmt: skip

    def sides(self, shape: tuple[int, ...]) -> list[int]:
        """Block sides that are tried for images of ``(height, width, …)``, ascending."""
        first = self.size or block_side(shape[0], shape[1])
        return [first << i for i in range(self.doublings + 1) if first << i <= LARGEST]


@dataclass(frozen=True, kw_only=True)
class RDHPart(CarriedTail):
    """Header part of method ``rdh``: block side and step of the perturbation, and where the record is."""

    number: ClassVar[int] = 6
    layout: ClassVar[struct.Struct] = struct.Struct(f">BB{WHERE.size}s")

    size: int
    step: int

    def pack(self, high: int) -> bytes:
        return self.layout.pack(self.size, self.step, self.where())

    @classmethod
    def unpack(cls, data: bytes) -> tuple[RDHPart, int]:
        size, step, where = cls.layout.unpack(data)
        if not (1 <= size <= LARGEST and 1 <= step <= 128):
            raise ValueError(f"block side and step out of bounds: {size}, {step}")
        layers, top = cls.where_of(where)
        return cls(size=size, step=step, layers=layers, top=top), 0


class RDH(Embedding):
    """Reversible data hiding into the perturbed image (Liu et al. 2018; Sachnev et al. 2009)."""

    kind, tail, reuses, purpose = RDHParams, RDHPart, True, b"rdh"
    params: RDHParams

    def simulate(self, clean: np.ndarray, carrier: np.ndarray) -> np.ndarray:
        size = self.params.sides(carrier.shape[1:])[0]
        clean = np.broadcast_to(clean, carrier.shape)
        return np.stack([self._shaped(*pair, size)[0] for pair in zip(clean, carrier)])

    def _shaped(self, clean: np.ndarray, carrier: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
        """The perturbed image, and the levels of its perturbation."""
        levels = levels_of(clean, carrier, size, self.params.step, self.params.most, self.params.rule)
        return applied(clean, levels, size, self.params.step), levels

    def hide_one(self, clean: np.ndarray, carrier: np.ndarray, who: Identity, keys: ImageKeys, gray: bool) -> Hidden:
        first, *larger = self.params.sides(clean.shape)
        smallest = tried = self._drafted(clean, carrier, who, gray, first)
        for size in [first, *larger] if self.inside and self.params.layers else []:
            if size != first:
                tried = self._drafted(clean, carrier, who, gray, size)
            done = self.embedded(*tried, keys)
            if done is not None:
                return done
        return beside(*smallest, self.purpose, keys)

    def _drafted(
        self, clean: np.ndarray, carrier: np.ndarray, who: Identity, gray: bool, size: int
    ) -> tuple[np.ndarray, Header, bytes]:
        """The perturbed image with blocks of this side, its header before embedding, and its record."""
        image, levels = self._shaped(clean, carrier, size)
        return image, draft(who, RDHPart(size=size, step=self.params.step)), self._record(levels, gray)

    def _record(self, levels: np.ndarray, gray: bool) -> bytes:
        """Sealed flags, largest number of steps, levels."""
        most, coder = self.params.most, Writer()
        coder.counted((levels + most).ravel(), 2 * most + 1)
        return flag_byte(gray) + bytes([most]) + coder.done()

    def undone(self, image: np.ndarray, record: bytes, part: RDHPart) -> np.ndarray:
        return applied(image, -_levels(record, block_count(image.shape, part.size)), part.size, part.step)


def _levels(record: bytes, count: tuple[int, int, int]) -> np.ndarray:
    """Inverse of :meth:`RDH._record`, after the flags. Raises :class:`BadStream`."""
    if not record or not 1 <= record[0] <= MOST_LEVELS:
        raise BadStream("its number of levels is out of bounds")
    most = record[0]
    found = Reader(record[1:]).counted(int(np.prod(count)), 2 * most + 1)
    return found.reshape(count).astype(np.int64) - most
