"""From the bytes of protected files to clean images: who each one is, which key opens it, or why not.

:class:`Restorer` works on named bytes and touches no file system; :mod:`ripguard.release.batches` reads files for it.

An image inside a release is known by the digest of its samples, whatever its name; a loose one by its own header. The
three refusals are different errors: the wrong key is told by its id, damage where the manifest knows the image, and
everything else is "not protected or damaged".
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from ripguard.crypto.aead import associated_data, image_digest, open_sealed
from ripguard.crypto.backend import Forged
from ripguard.crypto.keys import ImageKeys, KeyRing
from ripguard.errors import (
    Damaged,
    InputRefused,
    NeedsRelease,
    NotProtected,
    RipguardError,
    StorageError,
    WrongKey,
    expected,
)
from ripguard.hide import lsb
from ripguard.hide.base import Original
from ripguard.hide.header import COMMON, BadHeader, Header, size_of
from ripguard.hide.methods import reveal
from ripguard.images.decoding import file_suffix, read_image
from ripguard.release.index import ReleaseIndex
from ripguard.store.rows import Row

FRESH = "get a fresh copy of this image"
BOTH = "ripguard verify lists both"
LOOSE = "image"  # what one without a name is called


@dataclass
class RestoredImage:
    """One outcome. Exactly one of ``clean`` and ``error`` is set.

    Attributes:
        what: how messages call the protected image.
        clean: uint8 ``[height, width, channels]``.
        file: original (name, bytes), for releases made with ``--byte-exact``.
        row: its manifest row, where a release knows its samples.
        home: its place in the release, where that knows it: also of one whose samples changed and which carries itself.
        exact: False for images of lossy releases.
    """

    what: str
    clean: np.ndarray | None = None
    file: tuple[str, bytes] | None = None
    row: Row | None = None
    home: str = ""
    exact: bool = True
    error: RipguardError | None = None


@dataclass
class _Candidate:
    """An image of which it is known who it is.

    Attributes:
        needs_model: whether it cannot be read without its release's model.
    """

    result: RestoredImage
    image: np.ndarray
    header: Header
    row: Row | None
    home: str
    needs_model: bool


_Keyed = tuple[_Candidate, ImageKeys]


def read_header(image: np.ndarray) -> Header:
    """The public header in an image's lowest bits. Raises :class:`BadHeader`."""
    if image.size < 8 * COMMON.size:
        raise BadHeader("too small for a header")
    size = size_of(lsb.first(image, COMMON.size))
    if image.size < 8 * size:
        raise BadHeader("too small for a header")
    return Header.unpack(lsb.first(image, size))


class Restorer:
    """Restores protected images with a key ring, of one release or without any.

    Args:
        ring: the owner's key, or that of one release or of one unit. What is not checked with the last alone:
            :class:`ripguard.crypto.keys.ReleaseProver`.
        index: the release that the images are of, which has their residue and knows them by name. Its proof and
            signature are checked here; that the signer is the right one is the caller's to check, with
            :func:`ripguard.release.signers.vouched`.

    Attributes:
        prover: what opens the whole release; None without an index, and for a ring of single units.

    Raises:
        WrongKey, Damaged, SignatureInvalid: as :meth:`ReleaseIndex.opened_by`.
    """

    def __init__(self, ring: KeyRing, index: ReleaseIndex | None = None) -> None:
        self.ring, self.index = ring, index
        self.prover = None if index is None else index.opened_by(ring)
        self._keys = ring if self.prover is None else self.prover  # which has derived what all images share

    def restore(self, batch: Sequence[tuple[str, bytes]]) -> list[RestoredImage]:
        """Restore the bytes of some protected files together.

        Args:
            batch: for each its place in the release, "" for a loose image, and the bytes of the file. All of them are
                held decoded at once: let :func:`ripguard.release.batches.in_batches` say how many that should be.

        Returns:
            One outcome for each, in order. One that cannot be restored costs none of the others.

        Raises:
            Damaged, StorageError: the index itself can be used no more, or not now.
            TypeError: a file is not given as ``bytes``.
        """
        names = [name for name, _ in batch]
        return self.restore_each(names, (data for _, data in batch), [name or LOOSE for name in names])

    def restore_each(
        self, names: Sequence[str], files: Iterable[bytes | RipguardError], what: Sequence[str]
    ) -> list[RestoredImage]:
        """The same, of files that are read one at a time: a batch of large ones is never held as bytes.

        Args:
            names: as above.
            files: for each name the bytes, or why they cannot be read; an iterator is asked for the next one when the
                one before is decoded.
            what: how messages call each of them.
        """
        results = [RestoredImage(one) for one in what]
        known = [self.index.by_path(name) if self.index is not None and name else None for name in names]
        # each step for the whole batch, not all steps for each image: that keeps its code in the processor's cache
        left = iter(files)  # no file is held longer than it takes to decode it
        images = [_decoded(one, next(left), row) for one, row in zip(what, known)]
        found = []
        for result, image, row in zip(results, images, known):
            try:
                found.append(self._identify(result, image, row))
            except RipguardError as error:
                result.error = error.with_traceback(None)  # whose frames hold the image
        groups: dict[tuple[int, ...], list[_Keyed]] = {}
        for one in found:
            try:
                keys = self._keys_of(one)
            except RipguardError as error:
                one.result.error = type(error)(f"{one.result.what}: {error.message}", error.hint)
                continue
            groups.setdefault(one.image.shape, []).append((one, keys))
        for group in groups.values():
            self._reveal_group(group)
        return results

    def _identify(self, result: RestoredImage, image: np.ndarray | RipguardError, known: Row | None) -> _Candidate:
        """Who an image is. ``known``: the row of the one that stands in its place in the release."""
        if isinstance(image, RipguardError):
            raise image
        what, index = result.what, self.index
        digest = image_digest(image).hex()
        rows = [] if index is None else [known] if known and known["pixels"] == digest else index.by_digest(digest)
        row = rows[0] if rows else None
        if known and not row and not _carries_itself(image, known):
            raise Damaged(f"{what}: changed after it was published", FRESH)
        if known and row and row != known:
            raise Damaged(f"{what}: another image of the release stands under this name", BOTH)
        if row != known and len({_what_comes_back(one) for one in rows}) > 1:
            raise Damaged(f"{what}: two images of the release look the same", "give it its name in the release back")
        try:
            header = Header.unpack(bytes.fromhex(row["header"])) if row and "header" in row else read_header(image)
        except BadHeader:
            raise NotProtected(f"{what}: not a protected image, or damaged beyond recognition") from None
        if header.key_id != self.ring.key_id:
            raise WrongKey(
                f"{what}: wrong key: protected with key {header.key_id.hex()}, this is key {self.ring.key_id.hex()}",
                "use the key file whose '# key id' line says so",
            )
        if index is not None and header.dataset_id != index.dataset_id:
            raise NeedsRelease(f"{what} belongs to another release than the one at hand", "name its own with --release")
        needs_model = header.needs_model
        if row is None and needs_model and index is None:
            raise NeedsRelease(f"{what}: its release holds the model that it is written with", "name it with --release")
        if row is None and not (header.inline or header.lossy):
            if index is not None:
                raise Damaged(f"{what}: changed after it was published", FRESH)
            raise NeedsRelease(f"{what}: its release holds the rest of it", "name that folder with --release")
        return _Candidate(result, image, header, row, self._home(header, row, known, rows), needs_model)

    def _home(self, header: Header, row: Row | None, known: Row | None, rows: list[Row]) -> str:
        """Place in the release; "" where that does not know it, or has several images that look like this."""
        if row is not None:
            return row["path"] if row == known or len(rows) == 1 else ""
        if known is None and self.index is not None and header.self_contained:
            known = self.index.numbered(header.index)
        return known["path"] if known and known["unit"] == header.unit else ""

    def _keys_of(self, one: _Candidate) -> ImageKeys:
        """Raises :class:`WrongKey` for what the ring does not open."""
        header = one.header
        keys = self._keys.image_keys(header.dataset_id, header.unit, header.index)
        if one.needs_model and self.prover is None:
            raise WrongKey(
                "it is written with the model of its release, which the key of a unit does not open",
                "use the owner's key, or that of the whole release",
            )
        return keys

    def _reveal_group(self, group: list[_Keyed]) -> None:
        """Open what is authentic. One that cannot be opened, for whatever reason, costs none of the others."""
        try:
            self._open_group(group, self._model_for(group))
        except Exception as error:
            if len(group) > 1:
                for one in group:
                    self._reveal_group([one])
                return
            result = group[0][0].result
            result.clean = result.file = None
            if isinstance(error, MemoryError):
                result.error = StorageError(f"{result.what}: out of memory while restoring it", "fewer --workers?")
            elif isinstance(error, StorageError):
                result.error = error.with_traceback(None)
            else:  # its bytes are authentic, and yet nothing that ripguard writes
                result.error = Damaged(f"{result.what}: cannot be decoded ({type(error).__name__})", FRESH)

    def _model_for(self, group: list[_Keyed]) -> bytes:
        """The release's model if one of these needs it, empty else or where it is damaged: the others do without."""
        needing = [one.result for one, _ in group if one.needs_model]
        if needing and self.index is not None and self.prover is not None:
            try:
                return self.index.model(self.prover)
            except Damaged as error:
                for result in needing:
                    message = f"{result.what} needs the model of its release: {error.message}"
                    result.error = Damaged(message, error.hint)
        return b""

    def _open_group(self, group: list[_Keyed], model: bytes) -> None:
        group = [(one, keys) for one, keys in group if one.result.error is None]
        if not group:
            return
        index, prover = self.index, self.prover
        images, headers = np.stack([one.image for one, _ in group]), [one.header for one, _ in group]
        residues = [index.residue(one.row["residue"]) if index is not None and one.row else b"" for one, _ in group]
        cleans = reveal(images, headers, residues, [keys for _, keys in group], model)
        for (one, keys), clean in zip(group, cleans):
            result, row = one.result, one.row
            result.row, result.home, result.exact = row, one.home, not one.header.lossy
            if isinstance(clean, RipguardError):
                message = f"{result.what}: {clean.message}"
                result.error = (
                    Damaged(message, "get a fresh copy of it and of the release's residue")
                    if isinstance(clean, Damaged)
                    else type(clean)(message, clean.hint)
                )
                continue
            if isinstance(clean, Original):  # authentic byte for byte; how that decodes is this machine's business
                name = (row or {}).get("name") or PurePath(result.what).with_suffix(file_suffix(clean.file)).name
                result.file, result.clean = (name, clean.file), clean.image
                continue
            if row and prover is not None and result.exact:
                proof = prover.proof(b"clean", image_digest(clean)).hex()
                if not hmac.compare_digest(proof, row["clean"]):
                    message = f"{result.what}: restores to another image than the one that was protected"
                    result.error = Damaged(message)
                    continue
            if row and index is not None and "bytes" in row:
                try:
                    bound = associated_data(b"file", one.header.pack(), image_digest(one.image))
                    data = open_sealed(keys.residue, bound, index.residue(row["bytes"]))
                except Forged:
                    result.error = Damaged(f"{result.what}: the residue that holds its file bytes is damaged")
                    continue
                result.file = (row["name"], data)
            result.clean = clean


def _decoded(what: str, data: bytes | RipguardError, known: Row | None) -> np.ndarray | RipguardError:
    """The image in a file, or why there is none. ``known``: the row of the image that stands in its place.

    A batch is as large as the release says its images are: one of another size is not kept.
    """
    try:
        if isinstance(data, RipguardError):
            raise data
        if not isinstance(data, bytes):  # a text would be taken for the path of a file
            raise TypeError(expected(what, "bytes", type(data).__name__))
        image = read_image(data, what, expected=tuple(known["shape"][:2]) if known else None)
    except InputRefused as error:
        return Damaged(f"{what}: its file is damaged", FRESH) if known else error.with_traceback(None)
    except StorageError as error:  # nothing is known to be wrong with it
        return error.with_traceback(None)
    if known and list(image.shape) != known["shape"]:
        return Damaged(f"{what}: changed after it was published", FRESH)
    return image


def _what_comes_back(row: Row) -> tuple[object, ...]:
    """What would be restored for an image that looks like this row's: samples, or a file, which is one of a kind."""
    return row["clean"], row["index"] if "name" in row else None


def _carries_itself(image: np.ndarray, known: Row) -> bool:
    """Whether a changed image may still be whole: what carries no payload in a sealed image is free to change."""
    try:
        header = read_header(image)
    except BadHeader:
        return False
    return header.self_contained and (header.unit, header.index) == (known["unit"], known["index"])
