"""mRIT as a hiding method: transformation, sealed Sequence in the low bits, sealed corrections beside or inside.

1. Turn the clean picture into a temporary one that looks like the carrier (``transform``), in moves.
2. Write the moves as a Sequence (``predict``, ``sequence``).
3. Seal it to the header and to every bit of the temporary picture that the payload will not replace.
4. Replace low bits by header and sealed Sequence (``lsb``).
5. Seal the bits that were replaced, with what clipping cut off: inside the picture if they compress into it, else in
   the residue. Without them the picture comes back only roughly (``lossy``, as in the paper).
"""

from __future__ import annotations

import zlib

import numpy as np

from ripguard.errors import Damaged, InputRefused, RipguardError
from ripguard.hide import lsb
from ripguard.hide.base import Hidden, Hiding, Identity
from ripguard.hide.header import LENGTH, MAX_PLANES, Header
from ripguard.hide.mrit.predict import from_sequence, layout, to_sequence, visible
from ripguard.hide.mrit.transform import Moves, Params, backward, forward
from ripguard.keys import PictureKeys
from ripguard.seal import TAG, Forged, associated_data, open_sealed, picture_digest, seal
from ripguard.sequence import decode, encode

LONGEST = (1 << 24) - 1024  # lengths in the header have 24 bits
FITS_NOWHERE = "changed after it was published, or its residue was"


class MRIT(Hiding):
    """Modified reversible image transformation (Xue et al.; Zhang et al. 2016).

    Args:
        params: of the transformation.
        lossy: keep no corrections: the paper's recovery, outside the promise of exactness.
    """

    name = "mrit"

    def __init__(self, params: Params | None = None, lossy: bool = False) -> None:
        self.params = params or Params()
        self.lossy = lossy

    def run_hide(
        self, clean: np.ndarray, carrier: np.ndarray, who: list[Identity], keys: list[PictureKeys]
    ) -> list[Hidden]:
        temporary, moves = forward(clean, carrier, self.params)
        result: list[Hidden | None] = [None] * len(clean)
        waiting = np.arange(len(clean))
        for planes in range(2, MAX_PLANES + 1):  # one and two planes predict shifts from the same visible bits
            if not len(waiting):
                break
            part = Moves(*(getattr(moves, f)[waiting] for f in ("source_of", "turns", "shifts", "excess")))
            seen = visible(temporary[waiting], planes)
            symbols = to_sequence(clean[waiting], carrier[waiting], seen, part, self.params)
            sequences = encode(symbols, layout(clean.shape[1:], self.params))
            left = []
            for row, sequence in zip(waiting, sequences):
                if len(sequence) >= LONGEST:
                    height, width = clean.shape[1:3]
                    raise InputRefused(
                        f"a {width}×{height} picture needs a record of {len(sequence):,} bytes, more than {LONGEST:,}",
                        "use larger blocks: --size 8",
                    )
                corrections = b"" if self.lossy else _pack_excess(temporary[row], moves.excess[row])
                one = self._embed(temporary[row], sequence, corrections, planes, who[row], keys[row])
                result[row] = one
                if one is None:
                    left.append(row)
                    if planes == MAX_PLANES:
                        result[row] = self._in_residue(temporary[row], sequence, corrections, who[row], keys[row])
            waiting = np.array(left, np.int64)
        return [one for one in result if one is not None]

    def _embed(
        self, temporary: np.ndarray, sequence: bytes, corrections: bytes, planes: int, who: Identity, keys: PictureKeys
    ) -> Hidden | None:
        """Seal into at most ``planes`` planes of one ``[height, width, channels]`` picture; None if it does not fit."""
        room = lsb.capacity(temporary.size, planes) - LENGTH - TAG
        record = len(sequence).to_bytes(3, "big") + sequence
        if len(record) > room or temporary.size < 8 * LENGTH:  # the header stands in the lowest plane alone
            return None
        inline = None if self.lossy else _with_corrections(temporary, record, corrections, room)
        record = inline or record
        if planes > 2:  # its shifts were predicted from the bits above `planes`: the record must reach that far
            record = record.ljust(lsb.capacity(temporary.size, planes - 1) + 1 - LENGTH - TAG, b"\0")
        used = lsb.planes_for(temporary.size, LENGTH + TAG + len(record))
        header = self._header(who, used, len(record) + TAG, inline is not None)
        lengths = np.array([LENGTH + TAG + len(record)])
        fixed = picture_digest(lsb.clear(temporary[None], lengths)[0])
        sealed = seal(keys.payload, associated_data(b"payload", header.pack(), fixed), record)
        pictures, overwritten = lsb.replace(temporary[None], [header.pack() + sealed])
        residue = b""
        if inline is None and not self.lossy:
            bound = associated_data(b"residue", header.pack(), picture_digest(pictures[0]))
            residue = seal(keys.residue, bound, overwritten[0] + corrections)
        return Hidden(pictures[0], residue, header, len(overwritten[0]), len(corrections))

    def _in_residue(
        self, temporary: np.ndarray, sequence: bytes, corrections: bytes, who: Identity, keys: PictureKeys
    ) -> Hidden:
        """A picture too small to carry its record: nothing is replaced, all of the record goes to the residue."""
        record = len(sequence).to_bytes(3, "big") + sequence + corrections
        header = self._header(who, 0, len(record) + TAG, False)
        bound = associated_data(b"whole", header.pack(), picture_digest(temporary))
        return Hidden(temporary, seal(keys.residue, bound, record), header, 0, len(corrections))

    def _header(self, who: Identity, planes: int, length: int, inline: bool) -> Header:
        ids = (who.key_id, who.dataset_id, who.unit, who.index)
        return Header(*ids, planes, inline, self.lossy, length, self.params)

    def run_reveal(
        self, pictures: np.ndarray, headers: list[Header], residues: list[bytes], keys: list[PictureKeys]
    ) -> list[np.ndarray | RipguardError]:
        result: list[np.ndarray | RipguardError] = []
        opened: dict[tuple[Params, int], list[tuple[int, bytes, np.ndarray, bytes]]] = {}
        for i, (picture, header) in enumerate(zip(pictures, headers)):
            try:
                sequence, temporary, excess = _open(picture, header, residues[i], keys[i])
            except (Forged, ValueError, zlib.error):
                result.append(Damaged(FITS_NOWHERE))
                continue
            result.append(picture)  # replaced below
            group = header.params, max(header.planes, 2) if header.planes else MAX_PLANES
            opened.setdefault(group, []).append((i, sequence, temporary, excess))
        for (params, planes), rows in opened.items():
            index, sequences, temporaries, excesses = zip(*rows)
            seen = visible(pictures[list(index)], planes)  # equal to the temporary picture's: the rest was replaced
            moves = from_sequence(decode(list(sequences), layout(pictures.shape[1:], params)), seen, params)
            stack = np.stack(temporaries)
            moves.excess = np.stack([_unpack_excess(t, e) for t, e in zip(temporaries, excesses)])
            for i, clean in zip(index, backward(stack, moves, params)):
                result[i] = clean
        return result


def _open(picture: np.ndarray, header: Header, residue: bytes, keys: PictureKeys) -> tuple[bytes, np.ndarray, bytes]:
    """Check and open all that belongs to one picture: Sequence, temporary picture, record of cut-off levels."""
    if header.planes == 0:
        if len(residue) != header.length:
            raise Forged
        record = open_sealed(keys.residue, associated_data(b"whole", header.pack(), picture_digest(picture)), residue)
        stop = 3 + int.from_bytes(record[:3], "big")
        return record[3:stop], picture, record[stop:]
    length = LENGTH + header.length
    if header.length <= TAG or lsb.planes_for(picture.size, length) != header.planes or picture.size < 8 * LENGTH:
        raise Forged
    lengths = np.array([length])
    payload = lsb.read(picture[None], lengths)[0]
    fixed = picture_digest(lsb.clear(picture[None], lengths)[0])
    if payload[:LENGTH] != header.pack():
        raise Forged
    record = open_sealed(keys.payload, associated_data(b"payload", header.pack(), fixed), payload[LENGTH:])
    stop = 3 + int.from_bytes(record[:3], "big")
    if header.lossy:
        return record[3:stop], picture, b""
    if header.inline:
        corrections = zlib.decompressobj().decompress(record[stop:])
    else:
        bound = associated_data(b"residue", header.pack(), picture_digest(picture))
        corrections = open_sealed(keys.residue, bound, residue)
    if len(corrections) < length:
        raise Forged
    temporary, _ = lsb.replace(picture[None], [corrections[:length]])
    return record[3:stop], temporary[0], corrections[length:]


def _with_corrections(temporary: np.ndarray, record: bytes, corrections: bytes, room: int) -> bytes | None:
    """The record with its own overwritten bits packed behind it, filled up with zeros; None if that does not fit.

    The bits to keep depend on how long the record is, and the other way round: grow until both agree.
    """
    length = len(record)
    for _ in range(6):
        kept = lsb.read(temporary[None], np.array([LENGTH + TAG + length]))[0]
        needed = len(record) + len(packed := zlib.compress(kept + corrections, 9))
        if needed <= length:
            return (record + packed).ljust(length, b"\0")
        if needed > room:
            return None
        length = needed
    return None


def _pack_excess(temporary: np.ndarray, excess: np.ndarray) -> bytes:
    """Grey levels cut off at the samples that are 0 or 255, compressed; nothing where nothing was cut off."""
    if not excess.any():
        return b""
    return zlib.compress(excess[(temporary == 0) | (temporary == 255)].tobytes(), 9)


def _unpack_excess(temporary: np.ndarray, packed: bytes) -> np.ndarray:
    """Inverse of :func:`_pack_excess`: uint8, shape of ``temporary``."""
    excess = np.zeros_like(temporary)
    if packed:
        values = zlib.decompress(packed)
        excess[(temporary == 0) | (temporary == 255)] = np.frombuffer(values, np.uint8)
    return excess
