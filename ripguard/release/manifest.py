"""The public record of a release, ``.ripguard/release.json`` and ``manifest.jsonl``, and how both are checked.

:class:`Index` has the checks, whichever way the bytes come; :class:`Release` reads them from a folder.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ripguard.crypto import signing
from ripguard.crypto.aead import FORMATS, TAG, Forged, length_prefixed, open_sealed
from ripguard.crypto.keys import Key, KeyRing, ReleaseProver, release_prover
from ripguard.errors import Damaged, KeyFileError, NotProtected, SignatureInvalid, WrongKey
from ripguard.files import NotRegular, TooLarge, open_regular, read_regular
from ripguard.store.atomic import storage
from ripguard.store.rows import Row, Rows
from ripguard.store.schema import MOST_INFO, UNITS, check_info, parsed

META = ".ripguard"
READS = tuple(name.decode() for name in FORMATS)
RELEASE, MANIFEST, RESIDUE, MODEL = "release.json", "manifest.jsonl", "residue", "model.bin"
MOST_MODEL = (1 << 22) + (1 << 16) + TAG  # bytes; the coder's own bound, and what zlib adds to what it cannot compress


def canonical(value: Any) -> bytes:
    """One spelling of a JSON value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Index(ABC):
    """What a release publishes besides its images, checked: :class:`ripguard.release.index.ReleaseIndex` says how it
    is asked. A subclass says where residue and model are.

    Attributes:
        info: content of ``release.json``.
        rows: content of ``manifest.jsonl``, one an image, sorted by path.
    """

    info: dict[str, Any]
    rows: Rows

    @property
    @abstractmethod
    def name(self) -> str:
        """How messages call the release."""

    @abstractmethod
    def where(self, *parts: str) -> str:
        """How messages call a file of ``.ripguard``."""

    @abstractmethod
    def _piece(self, name: str, offset: int, length: int, size: int) -> bytes:
        """Bytes of a residue file that has ``size`` of them; empty where it is missing or not what it was.

        Raises :class:`StorageError` where it is there and cannot be read now.
        """

    @abstractmethod
    def _sealed_model(self, at_most: int) -> bytes:
        """The model file. Raises :class:`FileNotFoundError`, :class:`TooLarge`, or as the system does."""

    @property
    def key_id(self) -> bytes:
        """8 bytes that name the key which the release was made with."""
        return bytes.fromhex(self.info["key_id"])

    @cached_property
    def dataset_id(self) -> bytes:
        """8 bytes that name the release."""
        return bytes.fromhex(self.info["dataset_id"])

    @cached_property
    def shards(self) -> dict[str, int]:
        """Bytes of each residue file, by its name."""
        return {shard["file"]: shard["bytes"] for shard in self.info["residue"]}

    @cached_property
    def _models(self) -> dict[bytes, bytes]:
        """The model, by the subkey that opened it."""
        return {}

    def by_path(self, path: str) -> Row | None:
        """The row of the image that stands at ``path`` in the release."""
        return self.rows.at(path)

    def by_digest(self, digest: str) -> list[Row]:
        """The rows of all images whose samples have this hex digest."""
        return self.rows.showing(digest)

    def numbered(self, index: int) -> Row | None:
        """The row of the image with this number."""
        return self.rows.numbered(index)

    def opened_by(self, ring: KeyRing) -> ReleaseProver | None:
        """What opens all of the release, once its proof and its signature, if it has one, were found right.

        None for a ring that opens single units of it. No proof was checked then, and the signature, if there is one,
        may be anybody's: see :class:`ripguard.crypto.keys.ReleaseProver`, and :func:`ripguard.release.signers.vouched`.

        Raises:
            WrongKey: told by the ids of key and release, or because the ring opens none of its units.
            Damaged: ``release.json`` is not as the owner of the key made it.
            SignatureInvalid: it is signed, and the signature does not fit.
        """
        if ring.key_id != self.key_id:
            raise WrongKey(
                f"wrong key: {self.name} was protected with key {self.info['key_id']}, this is key {ring.key_id.hex()}",
                "use the key file whose '# key id' line says so",
            )
        prover = release_prover(ring, self.dataset_id)
        if prover is None:
            if not self.units_of(ring):
                raise WrongKey(f"wrong key: it opens no image of {self.name}", "ask the owner for another")
        elif not hmac.compare_digest(prover.proof(b"release", signed_part(self.info)).hex(), self.info["proof"]):
            raise Damaged(f"{self.where(RELEASE)} was changed after publishing", "get a fresh copy of it")
        self.check_signature()
        return prover

    def units_of(self, ring: KeyRing) -> frozenset[int] | None:
        """Numbers of the units that a ring opens, none for one of another release. None: it opens the whole release."""
        with contextlib.suppress(WrongKey):
            if release_prover(ring, self.dataset_id) is not None:
                return None
        units = range(min(len(self.info["units"]), UNITS))
        return frozenset(unit for unit in units if _opens(ring, self.dataset_id, unit))

    def check_signature(self, wanted: str | None = None) -> str | None:
        """Fingerprint of the signer, None if unsigned. Raises :class:`SignatureInvalid`.

        Three answers are told apart: unsigned though a signer was expected, a signature that does not fit, and one that
        fits and is somebody else's.
        """
        signature = self.info.get("signature")
        if signature is None:
            if wanted:
                raise SignatureInvalid(f"{self.name} is unsigned, expected {wanted}", f"get a fresh {RELEASE}")
            return None
        try:
            public, value = bytes.fromhex(signature["public"]), bytes.fromhex(signature["value"])
        except (KeyError, TypeError, ValueError):
            raise SignatureInvalid(f"the signature of {self.name} cannot be read") from None
        signing.check(public, signed_part(self.info), value)
        name = signing.fingerprint(public)
        if wanted and wanted != name:
            raise SignatureInvalid(f"{self.name} is signed by {name}, expected {wanted}")
        return name

    def model(self, keys: ReleaseProver) -> bytes:
        """The model of the small-image coder, empty if the release has none. Raises :class:`Damaged`."""
        if not self.info.get("model"):
            return b""
        if keys.model not in self._models:
            with storage("cannot read"):
                try:
                    sealed = self._sealed_model(min(self.info["model"]["bytes"], MOST_MODEL))
                    self._models[keys.model] = open_sealed(keys.model, model_bound(keys.dataset_id), sealed)
                except (FileNotFoundError, Forged):
                    raise Damaged(f"{self.where(MODEL)} is missing or damaged", "get a fresh copy of it") from None
        return self._models[keys.model]

    def residue(self, place: list[Any] | None) -> bytes:
        """Bytes at ``[file, offset, length]`` of the residue; empty where that file is missing or not what it was.

        Raises :class:`StorageError` where it is there and cannot be read now.
        """
        if place is None:
            return b""
        name, offset, length = place
        if offset + length > (size := self.shards.get(name, 0)):
            return b""
        return self._piece(name, offset, length, size)


def _opens(ring: KeyRing, dataset_id: bytes, unit: int) -> bool:
    try:
        ring.image_keys(dataset_id, unit, 0)
    except WrongKey:
        return False
    return True


def checked_info(raw: bytes, name: object, where: object) -> dict[str, Any]:
    """What ``release.json`` says, by its bytes.

    Args:
        name, where: how messages call the release and that file.

    Raises:
        NotProtected: it is of a format that is not known here.
        Damaged: it is not what such a file holds.
    """
    try:
        info: dict[str, Any] = parsed(raw)
        if info["format"] not in READS:
            raise NotProtected(
                f"{name} has format {str(info['format'])[:40]!r}", f"this ripguard reads {' and '.join(READS)}"
            )
        check_info(info)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Damaged(f"{where} cannot be read", "get a fresh copy of it") from None
    return info


def checked_rows(manifest: Path | bytes, info: dict[str, Any], where: object, where_info: object) -> Rows:
    """The rows of a manifest, if they are those that ``info`` is about.

    Args:
        manifest: the file, or its bytes.
        where, where_info: how messages call that file and ``release.json``.

    Raises:
        Damaged: they are not.
        StorageError: the file cannot be read now.
    """
    try:
        with storage("cannot read"):
            rows = Rows(manifest, len(info["units"]))
    except (ValueError, RecursionError):
        raise Damaged(f"{where} cannot be read", "get a fresh copy of it") from None
    if info["manifest"] != rows.digest or info["pictures"] != len(rows):
        raise Damaged(f"{where} is not the one that {RELEASE} names", "get a fresh copy of both")
    if any(rows.number(note["path"]) is not None for note in info["annotations"]):
        raise Damaged(f"{where_info} says that an image is an annotation", "get a fresh copy of it")
    return rows


@dataclass(frozen=True)
class Release(Index):
    """A release on disk.

    Attributes:
        root: its folder.
    """

    root: Path
    info: dict[str, Any]
    rows: Rows

    @classmethod
    def open(cls, root: Path) -> Release:
        """Read and cross-check both files. Raises :class:`NotProtected` or :class:`Damaged`."""
        meta = root / META
        for folder in (meta, meta / RESIDUE):
            if folder.is_symlink():
                raise Damaged(f"{folder} is a link, and links are not followed", "put a copy in its place: cp -rL")
        with storage("cannot read"):
            try:
                raw = read_regular(meta / RELEASE, MOST_INFO)
            except (FileNotFoundError, NotADirectoryError):
                raise NotProtected(f"{root} is not a protected release", f"it has no {META}/{RELEASE}") from None
        info = checked_info(raw, root, meta / RELEASE)
        return cls(root, info, checked_rows(meta / MANIFEST, info, meta / MANIFEST, meta / RELEASE))

    @property
    def name(self) -> str:
        return str(self.root)

    def where(self, *parts: str) -> str:
        return str(self.root.joinpath(META, *parts))

    def _sealed_model(self, at_most: int) -> bytes:
        return read_regular(self.root / META / MODEL, at_most)

    def _piece(self, name: str, offset: int, length: int, size: int) -> bytes:
        path = f"{self.root}/{META}/{RESIDUE}/{name}"
        with storage("cannot read"):
            try:
                handle = open_regular(path, size)  # for every image: be quick
            except (FileNotFoundError, NotADirectoryError, NotRegular, TooLarge):
                return b""
            try:
                if offset + length > os.fstat(handle).st_size:  # cut off: no room is made for what is not there
                    return b""
                return os.pread(handle, length, offset)
            finally:
                os.close(handle)


def model_bound(dataset_id: bytes) -> bytes:
    """What the sealed model is bound to."""
    return length_prefixed(FORMATS[1], b"model", dataset_id)


def signed_part(info: dict[str, Any]) -> bytes:
    """What proof and signature cover: everything in ``release.json`` but these two."""
    return canonical({k: v for k, v in info.items() if k not in ("proof", "signature")})


def read_key(path: str | Path) -> Key:
    """A key file (``-``: standard input) that lies in no release. Raises :class:`KeyFileError`."""
    if str(path) != "-":
        refuse_inside_release(Path(path))
    return Key.read(path)


def refuse_inside_release(path: Path) -> None:
    """Raise :class:`KeyFileError` for a place of a key file inside a release: what is in there gets published."""
    if root := find_release(path):
        raise KeyFileError(f"{path} lies inside the release {root}", "keep keys outside what you publish")


def find_release(path: Path) -> Path | None:
    """The release that a file or folder lies in, if any.

    A ``.ripguard`` of another owner's in a folder above counts for nothing: anybody can put one into a shared folder.
    """
    real = path.resolve()
    for folder in [real, *real.parents]:
        if os.path.lexists(folder / META / RELEASE) and (folder == real or _same_owner(folder / META, real)):
            return folder
    return None


def _same_owner(meta: Path, path: Path) -> bool:
    there = next(place for place in [path, *path.parents] if place.exists())
    return meta.lstat().st_uid in (there.stat().st_uid, 0)


def without_record(path: Path) -> Path | None:
    """The folder around a path that was a release, and whose ``release.json`` is gone."""
    real = path.resolve()
    for folder in [real, *real.parents]:
        meta = folder / META
        if not os.path.lexists(meta / RELEASE) and any(os.path.lexists(meta / it) for it in (MANIFEST, RESIDUE, MODEL)):
            return folder
    return None
