"""What methods share that embed what undoes them into the image that they publish."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar, Self, cast

import numpy as np

from ripguard.crypto.aead import Forged
from ripguard.crypto.keys import ImageKeys
from ripguard.errors import Damaged
from ripguard.hide.base import Clean, Hidden, Hiding, Identity
from ripguard.hide.flags import read_flags
from ripguard.hide.header import Header
from ripguard.hide.rdh.carry import CarriedTail, carried, opened

CHANGED = "changed after it was published, or its residue was"


class Embedding(Hiding):
    """Base class: a subclass makes the record of an image, and undoes what the record is about.

    Attributes:
        purpose: of the record's encryption, one for each method.

    Args:
        params: of the release, with the option ``layers``.
        inside: whether records may be in the images; otherwise all of them are in the residue.
    """

    purpose: ClassVar[bytes]
    params: Any
    simulates = True

    def __init__(self, params: Any = None, inside: bool = True) -> None:
        self.params, self.inside = params or self.kind(), inside

    @classmethod
    def hiding(cls, params: Any, shape: tuple[int, ...], lossy: bool = False, model: bytes = b"") -> Self:
        return cls(params)

    def keeping_files(self) -> Self:
        """Images that need their release, which has the file: alone, they would restore to their rendering."""
        return type(self)(self.params, inside=False)

    @abstractmethod
    def hide_one(self, clean: np.ndarray, carrier: np.ndarray, who: Identity, keys: ImageKeys, gray: bool) -> Hidden:
        """One image, uint8 ``[height, width, channels]``. ``gray``: its three channels are those of a gray image."""

    @abstractmethod
    def undone(self, image: np.ndarray, record: bytes, part: Any) -> np.ndarray:
        """The clean image of the exact image that carried this record, without flags.

        Raises:
            BadStream: it is no record.
        """

    def embedded(self, image: np.ndarray, header: Header, record: bytes, keys: ImageKeys) -> Hidden | None:
        """The image with the record inside; None if it does not fit, or records are kept outside."""
        if not (self.inside and self.params.layers):
            return None
        return carried(image, header, record, self.purpose, keys, self.params.layers)

    def run_hide(
        self,
        clean: np.ndarray,
        carrier: np.ndarray,
        who: list[Identity],
        keys: list[ImageKeys],
        files: list[bytes],
    ) -> list[Hidden]:
        gray = clean.shape != carrier.shape
        clean = np.broadcast_to(clean, carrier.shape)  # a gray image becomes three equal channels
        return [self.hide_one(*one, gray) for one in zip(clean, carrier, who, keys)]

    def run_reveal(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        result: list[Clean] = [Damaged(CHANGED)] * len(images)
        for i, (image, header, residue, key) in enumerate(zip(images, headers, residues, keys)):
            try:
                exact, record = opened(image, header, residue, self.purpose, key)
            except Forged:
                continue
            gray, start = read_flags(header, record, image.shape[2])
            clean = self.undone(exact, record[start:], cast(CarriedTail, header.params))
            result[i] = clean[:, :, :1] if gray else clean  # three equal channels
        return result
