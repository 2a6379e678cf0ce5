"""From protected picture files to clean pictures in memory: who each one is, which key opens it, or why not.

A picture inside a release is known by the digest of its samples, whatever its name; a loose one by its own header. The
three refusals are different errors: the wrong key is told by its id, damage where the manifest knows the picture, and
everything else is "not protected or damaged".
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.crypto import Forged
from ripguard.errors import (
    Damaged,
    InputRefused,
    NeedsRelease,
    NotProtected,
    RipguardError,
    StorageError,
    WrongKey,
)
from ripguard.hide import lsb
from ripguard.hide.base import Original
from ripguard.hide.header import COMMON, BadHeader, Header, size_of
from ripguard.hide.methods import reveal
from ripguard.images import file_suffix, read_picture
from ripguard.keys import DatasetKeys, Key, PictureKeys
from ripguard.release.manifest import Release
from ripguard.seal import associated_data, open_sealed, picture_digest

FRESH = "get a fresh copy of this picture"


@dataclass
class Revealed:
    """One outcome. Exactly one of ``clean`` and ``error`` is set.

    Attributes:
        path: the protected file.
        clean: uint8 ``[height, width, channels]``.
        file: original (name, bytes), for releases made with ``--byte-exact``.
        row: its manifest row, where a release knows its samples.
        home: its place in the release, where that knows it: also of one whose samples changed and which carries itself.
        exact: False for pictures of lossy releases.
    """

    path: Path
    clean: np.ndarray | None = None
    file: tuple[str, bytes] | None = None
    row: dict[str, Any] | None = None
    home: str = ""
    exact: bool = True
    error: RipguardError | None = None


@dataclass
class _Candidate:
    picture: np.ndarray
    header: Header
    row: dict[str, Any] | None
    home: str


def read_header(picture: np.ndarray) -> Header:
    """The public header in a picture's lowest bits. Raises :class:`BadHeader`."""
    if picture.size < 8 * COMMON.size:
        raise BadHeader("too small for a header")
    size = size_of(lsb.first(picture, COMMON.size))
    if picture.size < 8 * size:
        raise BadHeader("too small for a header")
    return Header.unpack(lsb.first(picture, size))


def reveal_files(paths: list[Path], names: list[str], key: Key, release: Release | None) -> list[Revealed]:
    """Restore a batch of files in memory.

    Args:
        paths: protected picture files.
        names: for each, its path relative to the release, for telling damaged pictures.
        release: where manifest and residue are, if known.
    """
    keys = release.keys(key) if release else None
    results = [Revealed(path) for path in paths]
    known = [release.rows.at(name) if release and name else None for name in names]
    # each step for the whole batch, and not all steps for each picture: that keeps its code in the processor's cache
    read = [_read(path, row) for path, row in zip(paths, known)]
    groups: dict[tuple[int, ...], list[tuple[Revealed, _Candidate]]] = {}
    for result, picture, row in zip(results, read, known):
        try:
            candidate = _identify(result.path, picture, row, key, keys, release)
        except RipguardError as error:
            result.error = error.with_traceback(None)  # whose frames hold the picture
            continue
        groups.setdefault(candidate.picture.shape, []).append((result, candidate))
    for group in groups.values():
        _reveal_group(group, key, keys, release)
    return results


def _read(path: Path, known: dict[str, Any] | None) -> np.ndarray | RipguardError:
    """The picture in a file, or why there is none. ``known``: the row of the picture that stands in its place.

    A batch is as large as the release says its pictures are: one of another size is not kept.
    """
    try:
        picture = read_picture(path, expected=tuple(known["shape"][:2]) if known else None, follow=False)
    except InputRefused as error:
        return Damaged(f"{path}: its file is damaged", FRESH) if known else error.with_traceback(None)
    except StorageError as error:  # nothing is known to be wrong with it
        return error.with_traceback(None)
    if known and list(picture.shape) != known["shape"]:
        return Damaged(f"{path}: changed after it was published", FRESH)
    return picture


def _identify(
    path: Path,
    picture: np.ndarray | RipguardError,
    known: dict[str, Any] | None,
    key: Key,
    keys: DatasetKeys | None,
    release: Release | None,
) -> _Candidate:
    """Who a picture is. ``known``: the row of the one that stands in its place in ``release``."""
    if isinstance(picture, RipguardError):
        raise picture
    digest = picture_digest(picture).hex()
    rows = [] if not release else [known] if known and known["pixels"] == digest else release.rows.showing(digest)
    row = rows[0] if rows else None
    if known and not row and not _carries_itself(picture, known):
        raise Damaged(f"{path}: changed after it was published", FRESH)
    if known and row and row != known:
        raise Damaged(f"{path}: another picture of the release stands under this name", "ripguard verify lists both")
    if row != known and len({_what_comes_back(one) for one in rows}) > 1:
        raise Damaged(f"{path}: two pictures of the release look the same", "give it its name in the release back")
    try:
        header = Header.unpack(bytes.fromhex(row["header"])) if row and "header" in row else read_header(picture)
    except BadHeader:
        raise NotProtected(f"{path}: not a protected picture, or damaged beyond recognition") from None
    if header.key_id != key.id:
        raise WrongKey(
            f"{path}: wrong key: protected with key {header.key_id.hex()}, this is key {key.id.hex()}",
            "use the key file whose '# key id' line says so",
        )
    if keys and header.dataset_id != keys.dataset_id:
        raise NeedsRelease(f"{path} belongs to another release than the one at hand", "name its own with --release")
    if row is None and header.needs_model and not release:
        raise NeedsRelease(f"{path}: its release holds the model that it is written with", "name it with --release")
    if row is None and not (header.inline or header.lossy):
        if release:
            raise Damaged(f"{path}: changed after it was published", FRESH)
        raise NeedsRelease(f"{path}: its release holds the rest of it", "name that folder with --release")
    return _Candidate(picture, header, row, _home(header, row, known, rows, release))


def _what_comes_back(row: dict[str, Any]) -> tuple[Any, ...]:
    """What would be restored for a picture that looks like this row's: samples, or a file, which is one of a kind."""
    return row["clean"], row["index"] if "name" in row else None


def _home(
    header: Header,
    row: dict[str, Any] | None,
    known: dict[str, Any] | None,
    rows: list[dict[str, Any]],
    release: Release | None,
) -> str:
    """Place in the release; "" where that does not know it, or has several pictures that look like this."""
    if row is not None:
        return row["path"] if row == known or len(rows) == 1 else ""
    if known is None and release and header.self_contained:
        known = release.rows.numbered(header.index)
    return known["path"] if known and known["unit"] == header.unit else ""


def _keys_of(header: Header, key: Key, keys: DatasetKeys | None) -> PictureKeys:
    return (keys or key.dataset(header.dataset_id)).unit(header.unit).picture(header.index)


def _carries_itself(picture: np.ndarray, known: dict[str, Any]) -> bool:
    """Whether a changed picture may still be whole: what carries no payload in a sealed picture is free to change."""
    try:
        header = read_header(picture)
    except BadHeader:
        return False
    return header.self_contained and (header.unit, header.index) == (known["unit"], known["index"])


def _reveal_group(
    group: list[tuple[Revealed, _Candidate]], key: Key, keys: DatasetKeys | None, release: Release | None
) -> None:
    """Open what is authentic. One that cannot be opened, for whatever reason, costs none of the others."""
    try:
        _open_group(group, key, keys, release, _model_for(group, keys, release))
    except Exception as error:
        if len(group) > 1:
            for one in group:
                _reveal_group([one], key, keys, release)
            return
        result = group[0][0]
        result.clean = result.file = None
        if isinstance(error, MemoryError):
            result.error = StorageError(f"{result.path}: out of memory while restoring it", "fewer --workers?")
        elif isinstance(error, StorageError):
            result.error = error.with_traceback(None)
        else:  # its bytes are authentic, and yet nothing that ripguard writes
            result.error = Damaged(f"{result.path}: cannot be decoded ({type(error).__name__})", FRESH)


def _model_for(group: list[tuple[Revealed, _Candidate]], keys: DatasetKeys | None, release: Release | None) -> bytes:
    """The release's model if one of these needs it, empty else or where it is damaged: the others do without."""
    if release and keys and any(c.header.needs_model for _, c in group):
        try:
            return release.model(keys)
        except Damaged as error:
            for result, c in group:
                if c.header.needs_model:
                    result.error = Damaged(f"{result.path} needs the model of its release: {error.message}", error.hint)
    return b""


def _open_group(
    group: list[tuple[Revealed, _Candidate]], key: Key, keys: DatasetKeys | None, release: Release | None, model: bytes
) -> None:
    group = [(result, c) for result, c in group if result.error is None]
    candidates = [c for _, c in group]
    if not group:
        return
    pictures, headers = np.stack([c.picture for c in candidates]), [c.header for c in candidates]
    own = [_keys_of(header, key, keys) for header in headers]
    residues = [release.residue(c.row["residue"]) if release and c.row else b"" for c in candidates]
    cleans = reveal(pictures, headers, residues, own, model)
    for (result, c), its_keys, clean in zip(group, own, cleans):
        result.row, result.home, result.exact = c.row, c.home, not c.header.lossy
        if isinstance(clean, RipguardError):
            result.error = (
                Damaged(f"{result.path}: {clean.message}", "get a fresh copy of it and of the release's residue")
                if isinstance(clean, Damaged)
                else type(clean)(f"{result.path}: {clean.message}", clean.hint)
            )
            continue
        if isinstance(clean, Original):  # authentic byte for byte; how its samples decode is this machine's business
            name = (c.row or {}).get("name") or result.path.with_suffix(file_suffix(clean.file)).name
            result.file, result.clean = (name, clean.file), clean.picture
            continue
        if c.row and keys and result.exact:
            proof = keys.proof(b"clean", picture_digest(clean)).hex()
            if not hmac.compare_digest(proof, c.row["clean"]):
                result.error = Damaged(f"{result.path}: restores to another picture than the one that was protected")
                continue
        if c.row and release and "bytes" in c.row:
            try:
                bound = associated_data(b"file", c.header.pack(), picture_digest(c.picture))
                data = open_sealed(its_keys.residue, bound, release.residue(c.row["bytes"]))
            except Forged:
                result.error = Damaged(f"{result.path}: the residue that holds its file bytes is damaged")
                continue
            result.file = (c.row["name"], data)
        result.clean = clean
