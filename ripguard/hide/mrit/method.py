"""mRIT as a hiding method.

1. Transform the clean image into a temporary one that approximates the carrier (``transform``), by moves of its blocks.
2. Encode the moves as a Sequence (``predict``, ``sequence``).
3. Encrypt the Sequence. The associated data are the header and all bits of the temporary image outside the payload.
4. Replace low bits by the header and the encrypted Sequence (``lsb``).
5. Encrypt the corrections (the replaced bits, and the clipped gray levels): in the same record if they compress into
   the image, otherwise in the residue. Without them, restoring is approximate (``lossy``, as in the paper).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self, cast

import numpy as np

from ripguard.crypto.aead import TAG, Forged, associated_data, image_digest, open_sealed, seal
from ripguard.crypto.keys import ImageKeys
from ripguard.errors import Damaged, InputRefused
from ripguard.hide import lsb
from ripguard.hide.base import Clean, Hidden, Hiding, Identity
from ripguard.hide.header import Header
from ripguard.hide.mrit.pairing import CODES
from ripguard.hide.mrit.predict import from_sequence, layout, to_sequence, visible
from ripguard.hide.mrit.record import pack_excess, records, split, start_of, unpack_excess, with_corrections
from ripguard.hide.mrit.transform import FIELDS, LENGTH, Moves, Params, backward, forward
from ripguard.methods import params as options
from ripguard.methods.params import option
from ripguard.sequence import decode, encode

MAX_PLANES = Params.max_planes
LONGEST = (1 << 24) - 1024  # lengths in the header have 24 bits
FITS_NOWHERE = "changed after it was published, or its residue was"


@dataclass(frozen=True, kw_only=True)
class MRITParams(options.Params):
    """Parameters of a release. :class:`Params` are those of an image; its size determines the block side."""

    method: ClassVar[str] = "mrit"

    size: int | None = option(
        None, "block side in pixels (default: 2, 4 or 8 by image size)", check=lambda n: 1 <= n <= 32,
        wanted="1..32",
        flag="block-size",
    )  # fmt: skip
    step: int = option(
        8, "step of the block shifts, in gray levels", check=lambda n: 1 <= n <= 128, wanted="1..128", flag="shift-step"
    )
    overflow: int = option(0, "most gray levels that clipping may remove", check=lambda n: 0 <= n <= 64, wanted="0..64")
    pairing: str = option("ranked", "rule that pairs clean blocks with carrier blocks", choices=tuple(CODES))
    tile: int = option(128, "blocks that are paired with each other", check=lambda n: 1 <= n <= 1024, wanted="1..1024")

    def for_shape(self, shape: tuple[int, ...]) -> Params:
        """Parameters for images of ``(height, width, …)``."""
        size = self.size or block_side(shape[0], shape[1])
        return Params(size, self.step, self.overflow, self.pairing, self.tile)


def block_side(height: int, width: int) -> int:
    """The largest block side that preserves the perturbation's effect (``results/``, experiments/block_size.py).

    Measured: 2 at 32 and 64 pixels, where 4 loses the effect; 4 at 128 and 256, where the perturbation is upscaled and
    smoother, and 8 loses some points. 8 above 384 pixels is an extrapolation.
    """
    shorter = min(height, width)
    return 2 if shorter <= 96 else 4 if shorter <= 384 else 8


class MRIT(Hiding):
    """Modified reversible image transformation (Xue et al.; Zhang et al. 2016).

    Args:
        params: of the transformation.
        lossy: keep no corrections; restoring is approximate, as in the paper.
        inline: store corrections in the image where they fit, so that it restores without its release.
    """

    kind, tail, simulates = MRITParams, Params, True
    libraries = ("scipy",)

    def __init__(self, params: Params | None = None, lossy: bool = False, inline: bool = True) -> None:
        self.params = params or Params()
        self.lossy, self.inline = lossy, inline

    @classmethod
    def hiding(cls, params: MRITParams, shape: tuple[int, ...], lossy: bool = False, model: bytes = b"") -> Self:
        return cls(params.for_shape(shape), lossy)

    @classmethod
    def promised(cls, params: MRITParams, lossy: bool, byte_exact: bool) -> MRITParams:
        return params

    def keeping_files(self) -> Self:
        """Images that need their release, which has the file: alone, they would restore to their rendering."""
        return type(self)(self.params, self.lossy, inline=False)

    def simulate(self, clean: np.ndarray, carrier: np.ndarray) -> np.ndarray:
        return forward(clean, carrier, self.params)[0]

    def run_hide(
        self,
        clean: np.ndarray,
        carrier: np.ndarray,
        who: list[Identity],
        keys: list[ImageKeys],
        files: list[bytes],
    ) -> list[Hidden]:
        drafts, gray = [self._draft(one) for one in who], clean.shape != carrier.shape
        clean = np.ascontiguousarray(np.broadcast_to(clean, carrier.shape))  # a gray image becomes three equal channels
        temporary, moves = forward(clean, carrier, self.params)
        result: list[Hidden | None] = [None] * len(clean)
        waiting = np.arange(len(clean))
        for planes in range(2, MAX_PLANES + 1):  # one and two planes predict shifts from the same visible bits
            if not len(waiting):
                break
            part = Moves(*(getattr(moves, field)[waiting] for field in FIELDS))
            seen = visible(temporary[waiting], planes)
            symbols = to_sequence(clean[waiting], carrier[waiting], seen, part, self.params)
            sequences = encode(symbols, layout(clean.shape[1:], self.params))
            _check_length(sequences, clean.shape)
            corrections = [b"" if self.lossy else pack_excess(temporary[i], moves.excess[i]) for i in waiting]
            done = self._embed(
                temporary[waiting],
                [start_of(sequence, gray) for sequence in sequences],
                corrections,
                planes,
                [drafts[i] for i in waiting],
                [keys[i] for i in waiting],
            )
            for i, one, sequence, cut_off in zip(waiting, done, sequences, corrections):
                if one is None and planes == MAX_PLANES:
                    one = self._in_residue(temporary[i], start_of(sequence, gray), cut_off, drafts[i], keys[i])
                result[i] = one
            waiting = np.array([i for i, one in zip(waiting, done) if one is None], np.int64)
        return [one for one in result if one is not None]

    def _embed(
        self,
        temporary: np.ndarray,
        records: list[bytes],
        corrections: list[bytes],
        planes: int,
        drafts: list[Header],
        keys: list[ImageKeys],
    ) -> list[Hidden | None]:
        """Encrypt, and embed in at most ``planes`` planes; None for an image that does not fit."""
        result: list[Hidden | None] = [None] * len(temporary)
        samples = temporary[0].size
        limit = lsb.capacity(samples, planes) - LENGTH - TAG
        records = list(records)
        # the header is in the lowest plane only
        rows = [i for i, record in enumerate(records) if len(record) <= limit and samples >= 8 * LENGTH]
        if not rows:
            return result
        batch, headers = temporary[rows], []
        for i, lost in zip(rows, lsb.read(batch, np.array([LENGTH + TAG + len(records[i]) for i in rows]))):
            inline = None
            if self.inline and not self.lossy:
                inline = with_corrections(temporary[i], records[i], lost, corrections[i], limit)
            records[i] = inline or records[i]
            if planes > 2:  # shifts were predicted from the bits above `planes`, so the record must use them all
                records[i] = records[i].ljust(lsb.capacity(samples, planes - 1) + 1 - LENGTH - TAG, b"\0")
            used = lsb.planes_for(samples, LENGTH + TAG + len(records[i]))
            headers.append(replace(drafts[i], planes=used, length=len(records[i]) + TAG, inline=inline is not None))
        payloads, lengths = [], np.array([LENGTH + header.length for header in headers])
        for i, header, fixed in zip(rows, headers, lsb.clear(batch, lengths)):
            head = header.pack()
            bound = associated_data(b"payload", head, image_digest(fixed))
            payloads.append(head + seal(keys[i].payload, bound, records[i]))
        images, overwritten = lsb.replace(batch, payloads)
        for i, header, payload, image, lost in zip(rows, headers, payloads, images, overwritten):
            residue = b""
            if not header.inline and not self.lossy:
                bound = associated_data(b"residue", payload[:LENGTH], image_digest(image))
                residue = seal(keys[i].residue, bound, lost + corrections[i])
            result[i] = Hidden(image, residue, header, len(lost), len(corrections[i]))
        return result

    def _in_residue(
        self, temporary: np.ndarray, record: bytes, corrections: bytes, draft: Header, keys: ImageKeys
    ) -> Hidden:
        """An image too small for its record: the whole record goes to the residue."""
        record += corrections
        header = replace(draft, length=len(record) + TAG)
        bound = associated_data(b"whole", header.pack(), image_digest(temporary))
        return Hidden(temporary, seal(keys.residue, bound, record), header, 0, len(corrections))

    def _draft(self, who: Identity) -> Header:
        """Header without the payload's planes and length, which are filled in later."""
        ids = (who.key_id, who.dataset_id, who.unit, who.index)
        return Header(*ids, planes=0, inline=False, lossy=self.lossy, length=0, params=self.params)

    def run_reveal(
        self, images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
    ) -> list[Clean]:
        result: list[Clean] = [Damaged(FITS_NOWHERE)] * len(images)
        groups: dict[tuple[Params, int], list[tuple[int, bool, bytes, np.ndarray, np.ndarray]]] = {}
        for i, gray, sequence, temporary, excess in _open(images, headers, residues, keys):
            own = cast(Params, headers[i].params)
            group = own, max(headers[i].planes, 2) if headers[i].planes else MAX_PLANES
            groups.setdefault(group, []).append((i, gray, sequence, temporary, excess))
        for (params, planes), rows in groups.items():
            index, grays, sequences, temporaries, excesses = zip(*rows)
            seen = visible(images[list(index)], planes)  # equal to those of the temporary image
            moves = from_sequence(decode(list(sequences), layout(images.shape[1:], params)), seen, params)
            stack = np.stack(temporaries)
            moves.excess = np.stack(excesses)
            for i, gray, clean in zip(index, grays, backward(stack, moves, params)):
                result[i] = clean[:, :, :1] if gray else clean  # three equal channels
        return result


def _open(
    images: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[ImageKeys]
) -> Iterator[tuple[int, bool, bytes, np.ndarray, np.ndarray]]:
    """Verify and decrypt: (position, gray, Sequence, temporary image, clipped levels) of each authentic image.

    Raises:
        BadStream, Damaged: a record is authentic but malformed.
    """
    samples = images[0].size
    for i, (header, image) in enumerate(zip(headers, images)):
        if header.planes == 0 and len(residues[i]) == header.length:
            with contextlib.suppress(Forged):
                bound = associated_data(b"whole", header.pack(), image_digest(image))
                gray, sequence, excess = split(header, open_sealed(keys[i].residue, bound, residues[i]), image.shape[2])
                yield i, gray, sequence, image, unpack_excess(image, excess)
    rows = [
        i
        for i, header in enumerate(headers)
        if header.planes
        and header.length > TAG
        and samples >= 8 * LENGTH
        and lsb.planes_for(samples, LENGTH + header.length) == header.planes
    ]
    if not rows:
        return
    batch, lengths = images[rows], np.array([LENGTH + headers[i].length for i in rows])
    opened: list[tuple[int, bool, bytes, bytes]] = []
    for i, payload, fixed in zip(rows, lsb.read(batch, lengths), lsb.clear(batch, lengths)):
        with contextlib.suppress(Forged):
            opened.append((i, *records(headers[i], payload, fixed, images[i], residues[i], keys[i])))
    if not opened:
        return
    kept = [corrections[: LENGTH + headers[i].length] for i, _, _, corrections in opened]  # empty for a lossy image
    temporaries, _ = lsb.replace(images[[i for i, *_ in opened]], kept)
    for (i, gray, sequence, corrections), temporary in zip(opened, temporaries):
        yield i, gray, sequence, temporary, unpack_excess(temporary, corrections[LENGTH + headers[i].length :])


def _check_length(sequences: list[bytes], shape: tuple[int, ...]) -> None:
    longest = max(map(len, sequences), default=0)
    if longest >= LONGEST:
        raise InputRefused(
            f"a {shape[2]}×{shape[1]} image needs a record of {longest:,} bytes, more than {LONGEST:,}",
            "use larger blocks: --block-size 8",
        )
