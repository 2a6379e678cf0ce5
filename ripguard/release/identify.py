"""Identify protected images: by the digest of the samples inside a release, otherwise by the header in the image.

Each refusal has its own error: :class:`WrongKey` by the identifier of the key, :class:`Damaged` if the manifest lists
the image, :class:`NotProtected` for everything else.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field

import numpy as np

from ripguard.crypto.aead import image_digest
from ripguard.crypto.keys import KeyRing
from ripguard.damage import Altered
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
from ripguard.hide.header import COMMON, BadHeader, Header, size_of
from ripguard.images.reencoded import read_published, variants
from ripguard.release.index import ReleaseIndex
from ripguard.release.record import CONTAINER, META
from ripguard.store.rows import Row

FRESH = "get a fresh copy of this image"
BOTH = "ripguard verify lists both"
LOOK_THE_SAME, GIVE_NAME = "two images of the release look the same", "give the file its name in the release"
WITH_RELEASE = (
    f"name that folder with --release; its file {CONTAINER} must be there (before format v2: its hidden folder {META}, "
    "which some copies leave out)"
)


class OtherKey(WrongKey):
    """An image was protected with the key of another owner; any other :class:`WrongKey` opens a part of a release."""


@dataclass
class Identified:
    """A protected image whose header is known.

    Attributes:
        image: uint8 ``[height, width, channels]``.
        row: its row in the manifest, None if no row has its samples.
        home: its path in the release, "" if unknown.
        needs_model: whether it cannot be decoded without the codec model of its release.
        twins: other rows with the same samples, if the clean images may differ. Whoever restores it compares them.
    """

    image: np.ndarray
    header: Header
    row: Row | None
    home: str
    needs_model: bool
    twins: list[Row] = field(default_factory=list)


def read_header(image: np.ndarray) -> Header:
    """The public header of an image, uint8 ``[height, width, channels]``. Raises :class:`BadHeader`."""
    if image.size < 8 * COMMON.size:
        raise BadHeader("too small for a header")
    size = size_of(lsb.first(image, COMMON.size))
    if image.size < 8 * size:
        raise BadHeader("too small for a header")
    return Header.unpack(lsb.first(image, size))


def identify(what: str, image: np.ndarray, known: Row | None, ring: KeyRing, index: ReleaseIndex | None) -> Identified:
    """Find header, manifest row and path of an image.

    Args:
        what: name of the image in messages.
        image: uint8 ``[height, width, channels]``.
        known: manifest row of the image at this path in the release, None for a loose image.
        ring: the keys; images of another key are refused.
        index: the release, or None.

    Raises:
        OtherKey: the image was protected with another key.
        Damaged: it changed after it was published, or its samples are those of several images.
        NotProtected: it has no readable header.
        NeedsRelease: it cannot be restored without its release, or belongs to another one.
    """
    if known is None:
        image = as_published(image, index)
    digest = image_digest(image).hex()
    rows = [] if index is None else [known] if known and known["pixels"] == digest else index.by_digest(digest)
    row = rows[0] if rows else None
    if known and not row and not _carries_itself(image, known):
        raise Damaged(f"{what}: changed after it was published", FRESH)
    if known and row and row != known:
        raise Damaged(f"{what}: another image of the release has this name", BOTH)
    twins = [one for one in rows[1:] if one["clean"] != rows[0]["clean"]] if row != known else []
    if row != known and len(rows) > 1 and any(map(_restores_file, rows)):
        raise look_the_same(what)
    try:
        header = Header.unpack(bytes.fromhex(row["header"])) if row and "header" in row else read_header(image)
    except BadHeader:
        raise NotProtected(f"{what}: not a protected image, or damaged beyond recognition") from None
    if header.key_id != ring.key_id:
        raise OtherKey(
            f"{what}: wrong key: protected with key {header.key_id.hex()}, this is key {ring.key_id.hex()}",
            "use the key file with that id in its '# key id' line",
        )
    if index is not None and header.dataset_id != index.dataset_id:
        raise NeedsRelease(f"{what} belongs to another release", "name that release with --release")
    needs_model = header.needs_model
    if row is None and needs_model and index is None:
        raise NeedsRelease(f"{what}: it needs the codec model of its release", WITH_RELEASE)
    if row is None and not (header.inline or header.lossy):
        if index is not None:
            raise Damaged(f"{what}: changed after it was published", FRESH)
        raise NeedsRelease(f"{what}: it needs the residue of its release", WITH_RELEASE)
    return Identified(image, header, row, _home(header, row, known, rows, index), needs_model, twins)


def as_published(image: np.ndarray, index: ReleaseIndex | None) -> np.ndarray:
    """An image with the channels that it was published with, where no row is known: its file may hold gray as RGB.

    Args:
        image: uint8 ``[height, width, 1 or 3]``.
        index: the release whose images are compared, or None. Without a match, a readable header decides.
    """
    found = variants(image)
    if len(found) > 1 and index is not None:
        for one in found:
            if index.by_digest(image_digest(one).hex()):
                return one
    for one in found[1:]:
        with contextlib.suppress(BadHeader):
            read_header(one)
            return one
    return image


def look_the_same(what: str) -> Damaged:
    """The error for an image whose samples are those of several images of the release."""
    return Damaged(f"{what}: {LOOK_THE_SAME}", GIVE_NAME)


def _home(header: Header, row: Row | None, known: Row | None, rows: list[Row], index: ReleaseIndex | None) -> str:
    """Path in the release; "" if unknown, or if several images have these samples."""
    if row is not None:
        return row["path"] if row == known or len(rows) == 1 else ""
    if known is None and index is not None and header.self_contained:
        known = index.numbered(header.index)
    return known["path"] if known and known["unit"] == header.unit else ""


def decoded(what: str, data: bytes | RipguardError, known: Row | None) -> np.ndarray | RipguardError:
    """Decode a file: uint8 ``[height, width, channels]``, or the error.

    Args:
        what: name of the image in messages.
        data: bytes of the file, or why it could not be read.
        known: manifest row of the image at this path. Another shape is refused: the rows determine the batch size.

    Raises:
        TypeError: ``data`` is not ``bytes``.
    """
    try:
        if isinstance(data, RipguardError):
            raise data
        if not isinstance(data, bytes):  # a str would be taken for a path
            raise TypeError(expected(what, "bytes", type(data).__name__))
        image = read_published(data, what, known["shape"] if known else None)
    except InputRefused as error:
        if known and isinstance(error, Altered):
            return Damaged(error.message, error.hint)
        return Damaged(f"{what}: its file is damaged", FRESH) if known else error.with_traceback(None)
    except StorageError as error:  # the image may be intact
        return error.with_traceback(None)
    if known and list(image.shape) != known["shape"]:
        return Damaged(f"{what}: changed after it was published", FRESH)
    return image


def _restores_file(row: Row) -> bool:
    """Whether a file is restored from this row, which belongs to one image only. Versions 0 and 1 name it."""
    if "name" in row or "bytes" in row:
        return True
    try:
        return "header" in row and Header.unpack(bytes.fromhex(row["header"])).gives_file
    except BadHeader:  # its image cannot be restored, and is refused for that
        return False


def _carries_itself(image: np.ndarray, known: Row) -> bool:
    """Whether a changed image may still be intact: samples without payload do not matter in a seal image."""
    try:
        header = read_header(image)
    except BadHeader:
        return False
    return header.self_contained and (header.unit, header.index) == (known["unit"], known["index"])
