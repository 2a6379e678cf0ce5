"""The public record of a release, ``.ripguard/release.json`` and ``manifest.jsonl``, and how both are checked."""

from __future__ import annotations

import hmac
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ripguard import signing
from ripguard.errors import Damaged, KeyFileError, NotProtected, SignatureInvalid, WrongKey
from ripguard.files import NotRegular, TooLarge, open_regular, read_regular
from ripguard.keys import DatasetKeys, Key
from ripguard.release.atomic import storage
from ripguard.release.rows import Rows
from ripguard.release.schema import MOST_INFO, check_info, parsed
from ripguard.seal import FORMATS, TAG, Forged, length_prefixed, open_sealed

META = ".ripguard"
READS = tuple(name.decode() for name in FORMATS)
RELEASE, MANIFEST, RESIDUE, MODEL = "release.json", "manifest.jsonl", "residue", "model.bin"
MOST_MODEL = (1 << 22) + (1 << 16) + TAG  # bytes; the coder's own bound, and what zlib adds to what it cannot compress


def canonical(value: Any) -> bytes:
    """One spelling of a JSON value: sorted keys, no spaces, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Release:
    """A release on disk.

    Attributes:
        root: its folder.
        info: content of ``release.json``.
        rows: content of ``manifest.jsonl``, one a picture, sorted by path.
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
        try:
            info = parsed(raw)
            if info["format"] not in READS:
                raise NotProtected(
                    f"{root} has format {str(info['format'])[:40]!r}", f"this ripguard reads {' and '.join(READS)}"
                )
            check_info(info)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Damaged(f"{meta / RELEASE} cannot be read", "get a fresh copy of it") from None
        manifest = meta / MANIFEST
        try:
            with storage("cannot read"):
                rows = Rows(manifest, len(info["units"]))
        except (ValueError, RecursionError):
            raise Damaged(f"{manifest} cannot be read", "get a fresh copy of it") from None
        if info["manifest"] != rows.digest or info["pictures"] != len(rows):
            raise Damaged(f"{manifest} is not the one that {RELEASE} names", "get a fresh copy of both")
        if any(rows.number(note["path"]) is not None for note in info["annotations"]):
            raise Damaged(f"{meta / RELEASE} says that a picture is an annotation", "get a fresh copy of it")
        return cls(root, info, rows)

    @cached_property
    def _checked(self) -> dict[bytes, DatasetKeys]:
        """Subkeys of the key whose proof was checked, by its secret: batches ask again and again."""
        return {}

    @cached_property
    def _models(self) -> dict[bytes, bytes]:
        """The model, by the subkey that opened it."""
        return {}

    @cached_property
    def shards(self) -> dict[str, int]:
        """Bytes of each residue file, by its name."""
        return {shard["file"]: shard["bytes"] for shard in self.info["residue"]}

    def keys(self, key: Key) -> DatasetKeys:
        """Subkeys of this release, once its proof and its signature, if it has one, were found right.

        Raises:
            WrongKey: told by the key id.
            Damaged: ``release.json`` is not as the owner of the key made it.
            SignatureInvalid: it is signed, and the signature does not fit.
        """
        if key.id.hex() != self.info["key_id"]:
            raise WrongKey(
                f"wrong key: {self.root} was protected with key {self.info['key_id']}, this is key {key.id.hex()}",
                "use the key file whose '# key id' line says so",
            )
        if key.secret in self._checked:
            return self._checked[key.secret]
        keys = key.dataset(bytes.fromhex(self.info["dataset_id"]))
        if not hmac.compare_digest(keys.proof(b"release", signed_part(self.info)).hex(), self.info["proof"]):
            raise Damaged(f"{self.root / META / RELEASE} was changed after publishing", "get a fresh copy of it")
        self.check_signature()
        self._checked[key.secret] = keys
        return keys

    def check_signature(self, wanted: str | None = None) -> str | None:
        """Fingerprint of the signer, None if unsigned. Raises :class:`SignatureInvalid`.

        Three answers are told apart: unsigned though a signer was expected, a signature that does not fit, and one that
        fits and is somebody else's.
        """
        signature = self.info.get("signature")
        if signature is None:
            if wanted:
                raise SignatureInvalid(f"{self.root} is unsigned, expected {wanted}", f"get a fresh {RELEASE}")
            return None
        try:
            public, value = bytes.fromhex(signature["public"]), bytes.fromhex(signature["value"])
        except (KeyError, TypeError, ValueError):
            raise SignatureInvalid(f"the signature of {self.root} cannot be read") from None
        signing.check(public, signed_part(self.info), value)
        name = signing.fingerprint(public)
        if wanted and wanted != name:
            raise SignatureInvalid(f"{self.root} is signed by {name}, expected {wanted}")
        return name

    def model(self, keys: DatasetKeys) -> bytes:
        """The model of the small-image coder, empty if the release has none. Raises :class:`Damaged`."""
        if not self.info.get("model"):
            return b""
        path, size = self.root / META / MODEL, self.info["model"]["bytes"]
        if keys.model not in self._models:
            with storage("cannot read"):
                try:
                    sealed = read_regular(path, min(size, MOST_MODEL))
                    self._models[keys.model] = open_sealed(keys.model, model_bound(keys.dataset_id), sealed)
                except (FileNotFoundError, Forged):
                    raise Damaged(f"{path} is missing or damaged", "get a fresh copy of it") from None
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
        path = f"{self.root}/{META}/{RESIDUE}/{name}"
        with storage("cannot read"):
            try:
                handle = open_regular(path, size)  # for every picture: be quick
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
