"""``seal``: the clean image, losslessly compressed and encrypted, in the low bit-planes of any carrier.

Only these bits of the published image depend on the clean one, so any carrier works. Bits outside the payload are not
needed for restoring: the image restores even if they change.
"""

from __future__ import annotations

import hashlib
import math
import struct
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Self, cast

import numpy as np

from ripguard.codecs.coders import BY_NUMBER, CODERS, JPEG, SMALL, USUAL, WHOLE, File, cheapest, known_model
from ripguard.crypto.aead import associated_data, length_prefixed, open_sealed, seal
from ripguard.crypto.backend import TAG, Forged
from ripguard.crypto.keys import ImageKeys
from ripguard.errors import Damaged, UsageError
from ripguard.hide.base import Clean, DoesNotFit, Hidden, Hiding, Identity, ImageInfo, Original
from ripguard.hide.header import COMMON, BadHeader, Header, Tail
from ripguard.hide.lsb import capacity
from ripguard.hide.seal import planes
from ripguard.hide.seal.record import pack, record_length, unpack
from ripguard.methods.params import Params, option, positive


@dataclass(frozen=True)
class SealPart(Tail):
    """Header part of method ``seal``: codec number, and a 64-bit map of the cells with one more payload bit."""

    number: ClassVar[int] = 2
    layout: ClassVar[struct.Struct] = struct.Struct(">BBQ")
    payload_alone: ClassVar[bool] = True

    coder: int
    cells: int

    @property
    def gives_file(self) -> bool:
        return BY_NUMBER[self.coder].gives_file

    @property
    def needs_model(self) -> bool:
        return BY_NUMBER[self.coder].needs_model

    def pack(self, high: int) -> bytes:
        return self.layout.pack(self.coder, high, self.cells)

    @classmethod
    def unpack(cls, data: bytes) -> tuple[SealPart, int]:
        coder, high, cells = cls.layout.unpack(data)
        if coder not in BY_NUMBER:
            raise BadHeader("header out of bounds")
        return cls(coder, cells), high


LENGTH = COMMON.size + SealPart.layout.size  # bytes of the whole header: 40
HEAD = 8 * LENGTH  # bits
FILE_PLANES = 4  # most low bit-planes of a file whose rendering is not exact
CHANGED = "its payload was changed after it was published"
NO_MODEL = "it cannot be read without its release's model, and that is missing or damaged"


@dataclass(frozen=True, kw_only=True)
class SealParams(Params):
    method: ClassVar[str] = "seal"

    planes: int = option(  # one image of CIFAR-10 needs all of them
        8, "most low bit-planes that a payload may use, 1 to 8", choices=tuple(range(1, 9)), flag="max-bit-planes"
    )
    coders: tuple[str, ...] = option(
        USUAL, "codecs to choose from; each image uses the smallest result", choices=tuple(CODERS), flag="codecs"
    )
    coder_steps: int | None = option(
        None,
        "training steps of the small-image codec (default: by the number of images)",
        check=positive,
        wanted="at least 1",
        flag="codec-steps",
    )
    allow_residue: bool = option(False, "store what exceeds the capacity in the residue")


@dataclass
class Seal(Hiding):
    """The clean image in the carrier's low bits.

    Args:
        most: most planes of a payload.
        coders: names in :data:`ripguard.codecs.coders.CODERS`; the smallest result is used.
        model: of the small-image codec, empty for none. If it is missing or damaged when restoring, only the images
            that need it fail.
        allow_residue: store what exceeds the capacity in the residue instead of refusing the image.
    """

    most: int = 8
    coders: tuple[str, ...] = USUAL
    model: bytes = b""
    allow_residue: bool = False
    kind, tail, reuses = SealParams, SealPart, False

    @classmethod
    def hiding(cls, params: SealParams, shape: tuple[int, ...], lossy: bool = False, model: bytes = b"") -> Self:
        return cls(params.planes, params.coders, model, params.allow_residue)

    @classmethod
    def revealing(cls, model: bytes = b"") -> Self:
        return cls(model=model)

    @classmethod
    def promised(cls, params: SealParams, lossy: bool, byte_exact: bool) -> SealParams:
        """For ``--preserve-files``: only codecs that keep the source file."""
        params = super().promised(params, lossy, byte_exact)
        if not byte_exact:
            return params
        if params.coders != USUAL:
            raise UsageError("--codecs and --preserve-files contradict each other", "leave out --codecs")
        return replace(params, coders=WHOLE)

    @classmethod
    def keeps(cls, params: SealParams) -> bytes | None:
        return JPEG if "file" in params.coders else None

    @classmethod
    def model_of(cls, params: SealParams, images: list[ImageInfo], seed: int) -> bytes:
        """The model of the small-image codec, fitted to the images; empty if it would not save space."""
        from ripguard.hide.seal.model import obtain

        return obtain(images, seed, params.coder_steps) if "interlaced" in params.coders else b""

    @property
    def always_fits(self) -> bool:  # type: ignore[override]
        return self.allow_residue

    @cached_property
    def model_digest(self) -> bytes:
        """SHA-256 of the model, computed once."""
        return hashlib.sha256(self.model).digest()

    @cached_property
    def model_known(self) -> bool:
        """Whether the model can be read; images that do not need it are restored without."""
        return known_model(self.model)

    def keeping_files(self) -> Self:
        """Only codecs that keep the source file, whatever ``--codecs`` allows.

        Such a file may be larger than its 8-bit rendering. What exceeds :data:`FILE_PLANES` goes to the residue: more
        planes would leave little of the rendering, or would not suffice.
        """
        return replace(self, coders=WHOLE, most=min(self.most, FILE_PLANES), allow_residue=True)

    def capacity(self, samples: int) -> int:
        """Capacity of a carrier with this number of samples, in bytes of a record before it is encrypted."""
        return capacity(samples, self.most) - LENGTH - TAG

    def fits(self, image: ImageInfo, shape: tuple[int, ...]) -> bool:
        """True for files not larger than the capacity, which the codec ``file`` keeps as they are."""
        return "file" in self.coders and record_length(image.size, math.prod(shape)) <= self.capacity(math.prod(shape))

    def check_capacity(self, clean: np.ndarray, shape: tuple[int, ...], files: list[bytes]) -> None:
        for number, (_, data) in enumerate(cheapest(clean, files, self.coders, self.model)):
            self._fit(record_length(len(data), math.prod(shape)), shape, number)

    def _fit(self, size: int, shape: tuple[int, ...], number: int) -> None:
        samples = math.prod(shape)
        if size <= self.capacity(samples):
            return
        whole = LENGTH + TAG + size
        needed = planes.planes_for(samples, whole)
        raise DoesNotFit(
            f"this {shape[1]}×{shape[0]}×{shape[2]} image needs {whole:,} bytes, that is {needed} of 8 bit-planes, "
            f"and {self.most} may be used",
            ("allow more with --max-bit-planes, or " if needed <= 8 else "")
            + "store the rest in the residue with --allow-residue",
            number,
        )

    def run_hide(
        self,
        clean: np.ndarray,
        carrier: np.ndarray,
        who: list[Identity],
        keys: list[ImageKeys],
        files: list[bytes],
    ) -> list[Hidden]:
        coded = cheapest(clean, files, self.coders, self.model)  # the shortest stream has the shortest record
        gray = clean.shape != carrier.shape
        return [self._one(i, carrier[i], gray, *coded[i], who[i], keys[i]) for i in range(len(clean))]

    def _one(
        self, number: int, carrier: np.ndarray, gray: bool, coder: int, data: bytes, who: Identity, keys: ImageKeys
    ) -> Hidden:
        record = pack(data, gray, carrier.size)
        if not self.allow_residue:
            self._fit(len(record), carrier.shape, number)
        length = TAG + len(record)  # of the encrypted record
        limit = self.capacity(carrier.size) + TAG  # capacity for it, in bytes
        carried = min(length, limit) if carrier.size >= HEAD and limit > 0 else 0
        ids = (who.key_id, who.dataset_id, who.unit, who.index)
        reach = planes.planes_for(carrier.size, LENGTH + carried) if carried else 0
        cells = planes.choose(carrier, HEAD, LENGTH + carried) if carried else 0
        header = Header(*ids, reach, carried == length, False, length, SealPart(coder, cells))
        sealed = seal(keys.payload, bound_to(header, carrier.shape, self.model_digest), record)
        image = carrier
        if carried:
            where = planes.places(carrier.shape, HEAD, LENGTH + carried, cells, keys.place)
            if where is None:  # the cells were chosen to suffice
                raise ValueError(f"no places for {carried} bytes in {carrier.shape}")
            image = planes.embed(carrier, header.pack(), sealed[:carried], where)
        return Hidden(image, sealed[carried:], header, length - carried, 0)

    def run_reveal(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        result: list[Clean] = [Damaged(CHANGED)] * len(images)
        opened: dict[tuple[int, bool], list[tuple[int, bytes]]] = {}
        for i, header in enumerate(headers):
            if header.needs_model and not self.model_known:
                result[i] = Damaged(NO_MODEL)
                continue
            try:
                sealed = _payload(images[i], header, keys[i]) + (b"" if header.inline else residues[i])
                bound = bound_to(header, images.shape[1:], self.model_digest)
                record = open_sealed(keys[i].payload, bound, sealed)
            except Forged:
                continue
            gray, data = unpack(header, record, images.shape[1:])
            opened.setdefault((_part(header).coder, gray), []).append((i, data))
        for (number, gray), rows in opened.items():
            coder, shape = BY_NUMBER[number], (*images.shape[1:3], 1 if gray else images.shape[3])
            if isinstance(coder, File):
                for i, data in rows:
                    result[i] = Original(*coder.original(data, shape))
            else:
                for (i, _), clean in zip(rows, coder.decode([data for _, data in rows], shape, self.model)):
                    result[i] = clean
        return result


def bound_to(header: Header, shape: tuple[int, ...], model_digest: bytes) -> bytes:
    """Associated data: header and shape, and the digest of the model if the record needs it."""
    fields = (struct.pack(">III", *shape), model_digest if header.needs_model else b"")
    return associated_data(b"seal", header.pack(), hashlib.sha256(length_prefixed(*fields)).digest())


def _payload(image: np.ndarray, header: Header, keys: ImageKeys) -> bytes:
    """The encrypted bytes embedded in an image. Raises :class:`Forged` if the header is impossible for the image."""
    if not possible(header, image.shape):
        raise Forged
    if header.planes == 0:
        return b""
    where = places_of(header, image.shape, keys)
    if where is None:
        raise Forged
    return planes.extract(image, where)


def possible(header: Header, shape: tuple[int, ...]) -> bool:
    """Whether an image of this shape can have this header: the small-image codec takes small images only."""
    return header.method == SealPart.number and not (header.needs_model and shape[0] * shape[1] > SMALL)


def _part(header: Header) -> SealPart:
    return cast(SealPart, header.params)


def places_of(header: Header, shape: tuple[int, ...], keys: ImageKeys) -> planes.Places | None:
    """Payload positions for a header; None if it is impossible for an image of this shape."""
    if not possible(header, shape) or header.planes == 0:
        return None
    samples = math.prod(shape)
    carried = header.length if header.inline else capacity(samples, header.planes) - LENGTH
    fits = samples >= HEAD and 0 < carried <= header.length
    if not fits or planes.planes_for(samples, LENGTH + carried) != header.planes:
        return None
    return planes.places(shape, HEAD, LENGTH + carried, _part(header).cells, keys.place)
