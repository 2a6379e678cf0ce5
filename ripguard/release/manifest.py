"""The public record of a release, ``.ripguard/release.json`` and ``manifest.jsonl``, and how both are checked."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ripguard import signing
from ripguard.errors import Damaged, KeyFileError, NotProtected, SignatureInvalid, WrongKey
from ripguard.keys import DatasetKeys, Key
from ripguard.release.atomic import sha256_file, storage
from ripguard.release.rows import Rows
from ripguard.release.schema import check_info
from ripguard.seal import FORMATS, Forged, length_prefixed, open_sealed

META = ".ripguard"
READS = tuple(name.decode() for name in FORMATS)
RELEASE, MANIFEST, RESIDUE, MODEL = "release.json", "manifest.jsonl", "residue", "model.bin"


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
        if not (meta / RELEASE).is_file():
            raise NotProtected(f"{root} is not a protected release", f"it has no {META}/{RELEASE}")
        with storage("cannot read"):
            raw = (meta / RELEASE).read_bytes()
        try:
            info = json.loads(raw)
            if info["format"] not in READS:
                raise NotProtected(
                    f"{root} has format {info['format']!r}", f"this ripguard reads {' and '.join(READS)}"
                )
            check_info(info)
        except (ValueError, KeyError, TypeError, RecursionError):
            raise Damaged(f"{meta / RELEASE} cannot be read", "get a fresh copy of it") from None
        manifest = meta / MANIFEST
        another = Damaged(f"{manifest} is not the one that {RELEASE} names", "get a fresh copy of both")
        if info["manifest"] != (sha256_file(manifest) if manifest.is_file() else hashlib.sha256().hexdigest()):
            raise another
        try:
            with storage("cannot read"):
                rows = Rows(manifest, len(info["units"]))
        except (ValueError, RecursionError):
            raise Damaged(f"{manifest} cannot be read", "get a fresh copy of it") from None
        if info["manifest"] != rows.digest:  # replaced in between
            raise another
        return cls(root, info, rows)

    @cached_property
    def _checked(self) -> dict[bytes, DatasetKeys]:
        """Subkeys of the key whose proof was checked, by its secret: batches ask again and again."""
        return {}

    def keys(self, key: Key) -> DatasetKeys:
        """Subkeys of this release. Raises :class:`WrongKey`, told by the key id, and :class:`Damaged`."""
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
        self._checked[key.secret] = keys
        return keys

    def check_signature(self, wanted: str | None = None) -> str | None:
        """Fingerprint of the signer, None if unsigned. Raises :class:`SignatureInvalid`."""
        signature = self.info.get("signature")
        if signature is None:
            if wanted:
                raise SignatureInvalid(f"{self.root} is unsigned, expected {wanted}")
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
        path = self.root / META / MODEL
        try:
            return open_sealed(keys.model, model_bound(keys.dataset_id), path.read_bytes())
        except (OSError, Forged):
            raise Damaged(f"{path} is missing or damaged", "get a fresh copy of it") from None

    def residue(self, place: list[Any] | None) -> bytes:
        """Bytes at ``[file, offset, length]`` of the residue; short or empty where the file is damaged."""
        if place is None:
            return b""
        name, offset, length = place
        try:
            handle = os.open(f"{self.root}/{META}/{RESIDUE}/{name}", os.O_RDONLY)  # for every picture: be quick
        except OSError:
            return b""
        try:
            return os.pread(handle, length, offset)
        except OSError:
            return b""
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
    """The release that a file or folder lies in, if any."""
    real = path.resolve()
    for folder in [real, *real.parents]:
        if (folder / META / RELEASE).is_file():
            return folder
    return None
