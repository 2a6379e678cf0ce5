"""Keys: make, write, read, and the tree of subkeys under one key; what restoring needs of any of them.

::

    Key (32 random bytes, in a key file)
     └─ dataset   HKDF salt = dataset id               proofs: keyed digests of clean images, release code
         └─ unit      one per split/class              what a platform hands to a user with a partial grant
             └─ image   64 bytes for AES-256-SIV     one for the payload, one for the residue

No subkey depends on a path or file name. Keys never appear in ``repr``, logs, errors or argument lists.

Restoring takes a :class:`KeyRing`, of which there are three: the owner's :class:`Key`, the :class:`DatasetKeys` of one
release, the :class:`UnitKeys` of one split and class. Each opens less than the one before. The first two are, or give,
a :class:`ReleaseProver`; with a unit's keys alone some checks cannot be made, which its docstring lists.
"""

from __future__ import annotations

import datetime
import hmac
import secrets
import struct
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol, runtime_checkable

from ripguard.crypto.aead import length_prefixed
from ripguard.crypto.backend import hkdf
from ripguard.crypto.keyfile import PREFIX, decode_secret, encode_secret
from ripguard.crypto.passphrase import Ask, ask
from ripguard.crypto.private import read_private, write_private
from ripguard.errors import WrongKey

ID_BYTES = 8
FORMAT_SALT = b"ripguard/v0 keys"


@dataclass(frozen=True)
class ImageKeys:
    """The two 64-byte AES-256-SIV keys of one image, and 32 bytes that decide where its payload stands."""

    payload: bytes = field(repr=False)
    residue: bytes = field(repr=False)
    place: bytes = field(repr=False)


class KeyRing(Protocol):
    """What restoring needs of a key, and no more.

    Attributes:
        key_id: 8 public bytes that name the owner's key from which all of the ring's keys are derived.
    """

    @property
    def key_id(self) -> bytes: ...

    def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
        """Keys of one image.

        Args:
            dataset_id: 8 bytes that name its release.
            unit: number of its split and class.
            index: its number in the release.

        Raises:
            WrongKey: this ring does not open it. The message names no file: the caller knows which one it opened.
        """
        ...


@runtime_checkable
class ReleaseProver(KeyRing, Protocol):
    """A ring that opens one whole release, and therefore also what is derived for all of it.

    Without one, that is with the keys of single units,

    - the proof in ``release.json`` is not checked: nothing but a signature vouches for the manifest, that is for names,
      labels and completeness, and only to somebody who knows the signer;
    - a restored image is not compared with the ``clean`` proof of its row. It is authentic all the same: what it is
      restored from is sealed for its unit and its number in the release;
    - images written with the release's model cannot be restored, as the model is sealed for the whole release.
    """

    @property
    def dataset_id(self) -> bytes: ...

    @property
    def model(self) -> bytes:
        """64 bytes for AES-256-SIV: seals the model of the release's small-image coder."""
        ...

    def proof(self, purpose: bytes, data: bytes) -> bytes:
        """32 bytes: keyed SHA-256, which proves equality to a key holder and lets nobody else confirm a guess."""
        ...


@dataclass(frozen=True)
class Key:
    """The restore key of an owner: 32 random bytes. ``repr`` shows the key id only.

    Attributes:
        file: where it was read from, if from a file: beside it stands who signed its releases so far.
    """

    secret: bytes = field(repr=False)
    file: Path | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.secret) != 32:
            raise ValueError(f"key: expected 32 bytes, got {len(self.secret)}")

    @classmethod
    def generate(cls) -> Key:
        """A new key from the operating system's random generator."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def read(cls, path: str | Path, passphrase: Ask = ask) -> Key:
        """Read a key file (``-``: standard input). Raises :class:`KeyFileError`.

        Args:
            passphrase: called if the key is locked; by default a file named in the environment, or the terminal.
        """
        secret = decode_secret(PREFIX, read_private(path), str(path), passphrase)
        return cls(secret, None if str(path) == "-" else Path(path))

    def write(self, path: str | Path, passphrase: str | None = None) -> None:
        """Write a key file, 0600, never over an existing one; locked if there is a passphrase.

        Raises :class:`KeyFileError`, :class:`StorageError`.
        """
        write_private((path, self.text(passphrase)))

    def text(self, passphrase: str | None = None) -> str:
        """What stands in its file; locked if there is a passphrase."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            "# ripguard restore key: whoever holds it gets the clean images back. Keep it outside the release.\n"
            f"# created: {now}\n# key id: {self.id.hex()}\n{encode_secret(PREFIX, self.secret, passphrase)}\n"
        )

    @cached_property
    def id(self) -> bytes:
        """8 public bytes that name the key: they tell a wrong key before any work, and reveal nothing about it."""
        return hkdf(self.secret, FORMAT_SALT, b"key id", ID_BYTES)

    @property
    def key_id(self) -> bytes:
        """The same, as a :class:`KeyRing` calls it."""
        return self.id

    def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
        """Keys of an image of any release of this owner's; see :class:`KeyRing`."""
        return self.dataset(dataset_id).unit(unit).image(index)

    def dataset(self, dataset_id: bytes) -> DatasetKeys:
        """Subkeys of one release."""
        secret = hkdf(self.secret, FORMAT_SALT, length_prefixed(b"dataset", dataset_id), 32)
        return DatasetKeys(secret, self.id, dataset_id)

    def dataset_id(self, plan: bytes) -> bytes:
        """8 bytes that name a release: keyed: equal inputs give equal releases, and nobody can confirm a guess."""
        return hkdf(self.secret, FORMAT_SALT, length_prefixed(b"dataset id", plan), ID_BYTES)


@dataclass(frozen=True)
class UnitKeys:
    """Subkey of one split/class: opens every image of that unit and nothing else.

    What is not checked with it alone: :class:`ReleaseProver`. There is no file format for it yet.

    Attributes:
        key_id, dataset_id: 8 bytes each; name the owner's key and the release.
        unit: number of the split and class in ``release.json``.
    """

    secret: bytes = field(repr=False)
    key_id: bytes
    dataset_id: bytes
    unit: int

    def image(self, index: int) -> ImageKeys:
        all_ = hkdf(self.secret, FORMAT_SALT, length_prefixed(b"picture", struct.pack(">I", index)), 160)
        return ImageKeys(all_[:64], all_[64:128], all_[128:])

    def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
        """Keys of an image of this unit; see :class:`KeyRing`."""
        _refuse_other_release(self.dataset_id, dataset_id)
        if unit != self.unit:
            raise WrongKey(
                f"wrong key: this one opens unit {self.unit} of its release alone, not unit {unit}",
                "ask the owner for the key of that unit, or of the whole release",
            )
        return self.image(index)


@dataclass(frozen=True)
class DatasetKeys:
    """Subkeys of one release: a :class:`ReleaseProver`.

    Attributes:
        key_id, dataset_id: 8 bytes each; name the owner's key and the release.
    """

    secret: bytes = field(repr=False)
    key_id: bytes
    dataset_id: bytes

    @cached_property
    def _units(self) -> dict[int, UnitKeys]:
        """Subkeys that many images share, derived once."""
        return {}

    @cached_property
    def _proofs(self) -> dict[bytes, bytes]:
        """The same, by the purpose of a proof."""
        return {}

    def unit(self, unit: int) -> UnitKeys:
        """Subkey of one split/class, by its number in ``release.json``."""
        if unit not in self._units:
            secret = hkdf(self.secret, FORMAT_SALT, length_prefixed(b"unit", struct.pack(">H", unit)), 32)
            self._units[unit] = UnitKeys(secret, self.key_id, self.dataset_id, unit)
        return self._units[unit]

    def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
        """Keys of an image of this release; see :class:`KeyRing`."""
        _refuse_other_release(self.dataset_id, dataset_id)
        return self.unit(unit).image(index)

    @property
    def model(self) -> bytes:
        """64 bytes for AES-256-SIV: seals the model of the release's small-image coder."""
        return hkdf(self.secret, FORMAT_SALT, b"model", 64)

    def proof(self, purpose: bytes, data: bytes) -> bytes:
        """Keyed SHA-256: proves equality to a key holder and lets nobody else confirm a guess."""
        if purpose not in self._proofs:
            self._proofs[purpose] = hkdf(self.secret, FORMAT_SALT, b"proof " + purpose, 32)
        return hmac.digest(self._proofs[purpose], data, "sha256")


def release_prover(ring: KeyRing, dataset_id: bytes) -> ReleaseProver | None:
    """What opens the whole release of this id; None if the ring has less. Raises :class:`WrongKey`: another release."""
    if isinstance(ring, Key):
        return ring.dataset(dataset_id)
    if isinstance(ring, ReleaseProver):
        _refuse_other_release(ring.dataset_id, dataset_id)
        return ring
    return None


def _refuse_other_release(own: bytes, other: bytes) -> None:
    if own != other:
        raise WrongKey(
            f"wrong key: this one opens the release {own.hex()} alone, not {other.hex()}",
            "ask the owner for the key of that release",
        )
