"""Restore clean images from the bytes of protected files.

:class:`Restorer` does not access the file system; :mod:`ripguard.release.batches` reads files for it.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath, PurePosixPath

import numpy as np

from ripguard.crypto.aead import associated_data, image_digest, open_sealed
from ripguard.crypto.backend import Forged
from ripguard.crypto.keys import ImageKeys, KeyRing, ModelRing
from ripguard.crypto.padding import BadPadding, unpad
from ripguard.crypto.unitfile import UnitRing
from ripguard.errors import Damaged, InputRefused, RipguardError, StorageError, WrongKey
from ripguard.hide.base import Original
from ripguard.hide.header import BadHeader, Header
from ripguard.hide.methods import reveal
from ripguard.images.decoding import file_suffix
from ripguard.images.gate import held
from ripguard.release.identify import FRESH, Identified, decoded, identify, look_the_same, read_header
from ripguard.release.index import ReleaseIndex
from ripguard.release.record import clean_proof
from ripguard.store.rows import Row

__all__ = ["RestoredImage", "Restorer", "read_header"]

LOOSE = "image"  # name of a loose image in messages


@dataclass
class RestoredImage:
    """Result for one image: ``error``, or what was restored, ``clean`` or ``file`` or both.

    Attributes:
        what: name of the protected image in messages.
        clean: uint8 ``[height, width, channels]``: the clean image, or the 8-bit rendering of ``file``. None if that
            needs a decoder that is not installed.
        file: (name, bytes) of the original file, where the release preserves it.
        rendered: whether ``file`` holds more than ``clean`` shows; None: not known, because it was not decoded.
        row: its manifest row, None if no row has its samples.
        home: its path in the release, "" if unknown. Known also for a changed image that needs no residue.
        exact: False for an image of a lossy release.
        error: why it was not restored.
    """

    what: str
    clean: np.ndarray | None = None
    file: tuple[str, bytes] | None = None
    row: Row | None = None
    home: str = ""
    exact: bool = True
    error: RipguardError | None = None
    rendered: bool | None = False


@dataclass
class _Candidate:
    """An identified image, its result and its keys."""

    result: RestoredImage
    found: Identified
    keys: ImageKeys


class Restorer:
    """Restores protected images of one release, or loose images.

    Args:
        ring: the key of the owner, of one release or of one unit. :class:`ripguard.crypto.keys.ReleaseProver` lists
            the checks that the key of a unit cannot make.
        index: the release of the images, None for loose images. Proof and signature are checked here. The caller
            checks the signer with :func:`ripguard.release.signers.vouched`.

    Attributes:
        prover: keys of the whole release; None without an index, and for the keys of single units.
        keys: ``prover``, otherwise ``ring``; the prover keeps the keys that it derives.

    Raises:
        WrongKey, Damaged, SignatureInvalid: as :meth:`ReleaseIndex.opened_by`.
    """

    def __init__(self, ring: KeyRing, index: ReleaseIndex | None = None) -> None:
        self.ring, self.index = ring, index
        self.prover = None if index is None else index.opened_by(ring)
        self.keys: KeyRing = ring if self.prover is None else self.prover
        self._models: ModelRing | None = self.prover or (ring if isinstance(ring, UnitRing) else None)

    def restore(self, batch: Sequence[tuple[str, bytes]]) -> list[RestoredImage]:
        """Restore a batch of protected files.

        Args:
            batch: (path in the release, bytes of the file) of each image; the path is "" for a loose image. All images
                are decoded in memory at once; :func:`ripguard.release.batches.in_batches` gives suitable sizes.

        Returns:
            One result for each image, in order. An image that cannot be restored does not affect the others.

        Raises:
            Damaged, StorageError: the release itself cannot be used.
            TypeError: a file is not given as ``bytes``.
        """
        names = [name for name, _ in batch]
        return self.restore_each(names, (data for _, data in batch), [name or LOOSE for name in names])

    def restore_each(
        self, names: Sequence[str], files: Iterable[bytes | RipguardError], what: Sequence[str]
    ) -> list[RestoredImage]:
        """Like :meth:`restore`, for files that are read one at a time, to hold only one encoded file in memory.

        Args:
            names: path of each image in the release, "" for a loose image.
            files: for each name the bytes, or why they cannot be read. The next item is taken from an iterator after
                the one before it was decoded.
            what: name of each image in messages.
        """
        results = [RestoredImage(one) for one in what]
        known = [self.index.by_path(name) if self.index is not None and name else None for name in names]
        # each step for the whole batch, not all steps for each image: faster, as code stays in the processor cache
        left = iter(files)  # frees each file after it is decoded
        with held():
            images = [decoded(one, next(left), row) for one, row in zip(what, known)]
        identified = []
        for result, image, row in zip(results, images, known):
            try:
                if isinstance(image, RipguardError):
                    raise image
                identified.append((result, identify(result.what, image, row, self.ring, self.index)))
            except RipguardError as error:
                result.error = error.with_traceback(None)  # its frames would keep the image in memory
        groups: dict[tuple[int, ...], list[_Candidate]] = {}
        for result, found in identified:
            try:
                keys = self._keys_of(found)
            except RipguardError as error:
                result.error = type(error)(f"{result.what}: {error.message}", error.hint)
                continue
            groups.setdefault(found.image.shape, []).append(_Candidate(result, found, keys))
        for group in groups.values():
            self._reveal_group(group)
        return results

    def _keys_of(self, found: Identified) -> ImageKeys:
        """Keys of an image. Raises :class:`WrongKey` if the ring does not open it."""
        header = found.header
        keys = self.keys.image_keys(header.dataset_id, header.unit, header.index)
        if found.needs_model and self._models is None:
            raise WrongKey(
                "it needs the codec model of its release, which the key of a unit does not open",
                "use the owner's key, or that of the whole release",
            )
        return keys

    def _reveal_group(self, group: list[_Candidate]) -> None:
        """Restore images of one shape. An image that fails, for any reason, does not affect the others."""
        try:
            self._open_group(group, self._model_for(group))
        except Exception as error:
            if len(group) > 1:
                for one in group:
                    self._reveal_group([one])
                return
            result = group[0].result
            result.clean = result.file = None
            if isinstance(error, MemoryError):
                result.error = StorageError(f"{result.what}: out of memory while restoring it", "fewer --workers?")
            elif isinstance(error, StorageError):
                result.error = error.with_traceback(None)
            else:  # authentic bytes that ripguard did not write
                result.error = Damaged(f"{result.what}: cannot be decoded ({type(error).__name__})", FRESH)

    def _model_for(self, group: list[_Candidate]) -> bytes:
        """The codec model if one of these images needs it. If it is damaged: empty, and these images get the error."""
        needing = [one.result for one in group if one.found.needs_model]
        if needing and self.index is not None and self._models is not None:
            try:
                return self.index.model(self._models)
            except Damaged as error:
                for result in needing:
                    message = f"{result.what} needs the codec model of its release: {error.message}"
                    result.error = Damaged(message, error.hint)
        return b""

    def _open_group(self, group: list[_Candidate], model: bytes) -> None:
        group = [one for one in group if one.result.error is None]
        if not group:
            return
        index, prover = self.index, self.prover
        images, headers = np.stack([one.found.image for one in group]), [one.found.header for one in group]
        rows = [one.found.row for one in group]
        residues = [index.residue(row["residue"]) if index is not None and row else b"" for row in rows]
        cleans = reveal(images, headers, residues, [one.keys for one in group], model)
        for one, row, clean in zip(group, rows, cleans):
            result, found = one.result, one.found
            result.row, result.home, result.exact = row, found.home, not found.header.lossy
            if isinstance(clean, RipguardError):
                message = f"{result.what}: {clean.message}"
                result.error = (
                    Damaged(message, "get a fresh copy of it and of the release's residue")
                    if isinstance(clean, Damaged)
                    else type(clean)(message, clean.hint)
                )
                continue
            if isinstance(clean, Original):  # the file bytes are authentic; decoders may differ
                result.file, result.clean = (self._file_name(result, row, clean.file), clean.file), clean.image
                result.rendered = not clean.exact
                continue
            if found.twins and not all(self._equal(found, twin, clean, model) for twin in found.twins):
                result.error = look_the_same(result.what)
                continue
            if row and index is not None and prover is not None and result.exact:
                digest = image_digest(clean)
                proof = clean_proof(prover, index.version, row["unit"], row["index"], digest)
                if not hmac.compare_digest(proof, row["clean"]):
                    message = f"{result.what}: restores to another image than the one that was protected"
                    result.error = Damaged(message)
                    continue
            if row and index is not None and "bytes" in row:
                try:
                    bound = associated_data(b"file", found.header.pack(), image_digest(found.image))
                    data = open_sealed(one.keys.residue, bound, index.residue(row["bytes"]))
                    data = data if index.version < 2 else unpad(data)
                    if not data:  # no source file is empty
                        raise BadPadding
                except (Forged, BadPadding):
                    result.error = Damaged(f"{result.what}: the residue that holds its file bytes is damaged")
                    continue
                result.file, result.rendered = (self._file_name(result, row, data), data), None
            result.clean = clean

    def _file_name(self, result: RestoredImage, row: Row | None, data: bytes) -> str:
        """Name of the source file; made from the file's own name and content if no row or no name is known."""
        if row is not None and self.index is not None:
            with contextlib.suppress(Damaged, WrongKey):
                if self.index.version >= 2 or "name" in row:
                    return PurePosixPath(self.index.source_path(row, self.keys)).name
        suffix = PurePath(result.what).suffix
        with contextlib.suppress(InputRefused):  # a decoder may be missing
            suffix = file_suffix(data)
        return PurePath(result.what).with_suffix(suffix).name

    def _equal(self, found: Identified, twin: Row, clean: np.ndarray, model: bytes) -> bool:
        """Whether another row with the same samples restores to the same image."""
        try:
            header = Header.unpack(bytes.fromhex(twin["header"])) if "header" in twin else found.header
            keys = self.keys.image_keys(header.dataset_id, header.unit, header.index)
        except (BadHeader, WrongKey):
            return False
        residue = b"" if self.index is None else self.index.residue(twin["residue"])
        (other,) = reveal(found.image[None], [header], [residue], [keys], model)
        return isinstance(other, np.ndarray) and np.array_equal(other, clean)
