"""``rit``: the original is disguised as its perturbed version, and carries what undoes that, reversibly.

Sources: Yin et al., "Reversible Adversarial Attack based on Reversible Image Transformation" (2019); Hou et al. 2018
for the transformation; Sachnev et al. 2009 for the embedding (:mod:`ripguard.hide.rdh`).

1. Transform the original so that it approximates the carrier (``transform``, ``classes``).
2. Encode and encrypt the auxiliary data (``record``, ``maps``).
3. Embed them reversibly into the transformed image; if they do not fit, they go to the residue.

Restoring takes the data out, which gives the exact transformed image, and undoes the transformation.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from ripguard.crypto.keys import ImageKeys
from ripguard.hide.base import Hidden, Identity
from ripguard.hide.flags import flag_byte
from ripguard.hide.rdh.base import Embedding
from ripguard.hide.rdh.carry import WHERE, CarriedTail, beside, draft
from ripguard.hide.rdh.layers import MOST
from ripguard.hide.rit.record import decode, encode
from ripguard.hide.rit.transform import Settings, forward
from ripguard.methods.params import Params, option

BOUNDS = {"size": (1, 32), "step": (1, 128), "overflow": (0, 16), "flat": (0, 127), "classes": (1, 16)}


@dataclass(frozen=True, kw_only=True)
class RITParams(Params):
    """Parameters of a release; the defaults are those of Yin et al. and Hou et al."""

    method: ClassVar[str] = "rit"

    size: int = option(1, "block side in pixels", check=lambda n: 1 <= n <= 32, wanted="1..32", flag="block-size")
    step: int = option(
        8, "quantizer of the block means, in gray levels", check=lambda n: 1 <= n <= 128, wanted="1..128",
        flag="mean-step",
    )  # fmt: skip
    overflow: int = option(
        8, "most gray levels that a block is moved back by, and that clipping may remove (T)",
        check=lambda n: 0 <= n <= 16, wanted="0..16",
    )  # fmt: skip
    flat: int = option(
        6, "standard deviation, in gray levels, up to which blocks are not turned (DT)",
        check=lambda n: 0 <= n <= 127, wanted="0..127", flag="flat-below",
    )  # fmt: skip
    classes: int = option(
        6, "classes of blocks with similar standard deviation (K)", check=lambda n: 1 <= n <= 16, wanted="1..16",
        flag="block-classes",
    )  # fmt: skip
    layers: int = option(
        2, "most layers of embedding; 0: all records go to the residue", check=lambda n: 0 <= n <= MOST,
        wanted=f"0..{MOST}", flag="rdh-layers",
    )  # fmt: skip

    @property
    def settings(self) -> Settings:
        """Parameters of the transformation."""
        return Settings(size=self.size, step=self.step, overflow=self.overflow, flat=self.flat, classes=self.classes)


@dataclass(frozen=True, kw_only=True)
class RITPart(CarriedTail):
    """Header part of method ``rit``: parameters of the transformation, and where the record is."""

    number: ClassVar[int] = 7
    layout: ClassVar[struct.Struct] = struct.Struct(f">5B{WHERE.size}s")

    settings: Settings

    def pack(self, high: int) -> bytes:
        return self.layout.pack(*(getattr(self.settings, name) for name in BOUNDS), self.where())

    @classmethod
    def unpack(cls, data: bytes) -> tuple[RITPart, int]:
        *values, where = cls.layout.unpack(data)
        for value, (name, (low, high)) in zip(values, BOUNDS.items()):
            if not low <= value <= high:
                raise ValueError(f"{name}: expected {low}..{high}, got {value}")
        layers, top = cls.where_of(where)
        return cls(settings=Settings(**dict(zip(BOUNDS, values))), layers=layers, top=top), 0


class RIT(Embedding):
    """Reversible image transformation with reversible embedding (Yin et al. 2019; Hou et al. 2018)."""

    kind, tail, purpose = RITParams, RITPart, b"rit"
    params: RITParams

    def simulate(self, clean: np.ndarray, carrier: np.ndarray) -> np.ndarray:
        clean, own = np.broadcast_to(clean, carrier.shape), self.params.settings
        return np.stack([forward(*pair, own)[0] for pair in zip(clean, carrier)])

    def hide_one(self, clean: np.ndarray, carrier: np.ndarray, who: Identity, keys: ImageKeys, gray: bool) -> Hidden:
        own = self.params.settings
        image, moves = forward(clean, carrier, own)
        record, header = flag_byte(gray) + encode(image, moves, own), draft(who, RITPart(settings=own))
        return self.embedded(image, header, record, keys) or beside(image, header, record, self.purpose, keys)

    def undone(self, image: np.ndarray, record: bytes, part: RITPart) -> np.ndarray:
        return decode(image, record, part.settings)
