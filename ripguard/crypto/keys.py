"""Restore keys, the subkeys derived from them, and the interface that restoring uses.

::

    Key (32 random bytes, in a key file)
     └─ dataset   HKDF salt = dataset id               proofs: keyed digests of clean images, release code
         └─ unit      one per split/class              what a platform hands to a user with a partial grant
             └─ image   64 bytes for AES-256-SIV     one for the payload, one for the residue

No subkey depends on a path or file name. Keys never appear in ``repr``, logs, errors or argument lists.

Restoring takes a :class:`KeyRing`. There are three: the owner's :class:`Key` opens all of the owner's releases,
:class:`DatasetKeys` open one release, :class:`UnitKeys` open one split and class. :func:`release_prover` gives the
:class:`ReleaseProver` of the first two. A unit's keys cannot make some checks; :class:`ReleaseProver` lists them.
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
from ripguard.crypto.keyfile import PREFIX, as_text, decode_secret, encode_secret
from ripguard.crypto.passphrase import Ask, ask
from ripguard.crypto.private import read_private, write_private
from ripguard.errors import WrongKey
from ripguard.paths import expanded

ID_BYTES = 8
FORMAT_SALT = b"ripguard/v0 keys"


@dataclass(frozen=True)
class ImageKeys:
    """The two 64-byte AES-256-SIV keys of one image, and the 32 bytes that select its payload positions."""

    payload: bytes = field(repr=False)
    residue: bytes = field(repr=False)
    place: bytes = field(repr=False)


class KeyRing(Protocol):
    """The interface of a key that restoring uses.

    Attributes:
        key_id: 8 public bytes, the identifier of the owner's key from which these keys are derived.
    """

    @property
    def key_id(self) -> bytes: ...

    def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
        """Keys of one image.

        Args:
            dataset_id: 8 bytes, the identifier of the release.
            unit: number of the image's split and class.
            index: number of the image in the release.

        Raises:
            WrongKey: these keys do not open the image. The message names no file; the caller adds it.
        """
        ...


@runtime_checkable
class NamesRing(KeyRing, Protocol):
    """A key that also opens the names of source files. With another one, images are restored at published paths."""

    def names_key(self, dataset_id: bytes, unit: int) -> bytes:
        """64 bytes: the AES-256-SIV key of the names of a unit. Raises :class:`WrongKey` as ``image_keys``."""
        ...


class ModelRing(KeyRing, Protocol):
    """A key that opens the codec model of its release."""

    @property
    def dataset_id(self) -> bytes: ...

    @property
    def model(self) -> bytes:
        """64 bytes: the AES-256-SIV key of the release's model for the small-image codec."""
        ...


@runtime_checkable
class ReleaseProver(KeyRing, Protocol):
    """A key that opens one whole release, and everything that is encrypted or proven for the release as a whole.

    With the keys of a single unit only:

    - The proof in ``release.json`` is not checked. Only a signature authenticates the manifest (names, labels and
      completeness), and only where the signer is known.
    - A restored image is not compared with the ``clean`` proof of its row. It is authentic nevertheless: its record is
      encrypted for its unit and its number in the release.
    - Images written with the release's codec model cannot be restored: the model is encrypted for the whole release.
    - The recipe, the name of the source, and the source's texts where other texts were published, stay closed.
    """

    @property
    def dataset_id(self) -> bytes: ...

    @property
    def model(self) -> bytes:
        """64 bytes: the AES-256-SIV key of the release's model for the small-image codec."""
        ...

    def part(self, purpose: bytes) -> bytes:
        """64 bytes: the AES-256-SIV key of the sealed parts of this kind, ``private`` or ``originals``."""
        ...

    def proof(self, purpose: bytes, data: bytes) -> bytes:
        """32 bytes: HMAC-SHA-256. Only a key holder can compute or compare it."""
        ...


@dataclass(frozen=True)
class Key:
    """The restore key of an owner: 32 random bytes. ``repr`` shows the key id only.

    Attributes:
        file: path it was read from, None otherwise. A list of known signers is kept beside it.
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
        """Read a key file.

        Args:
            path: ``-`` for standard input.
            passphrase: called if the key is locked. The default reads the file named by ``RIPGUARD_PASSPHRASE_FILE``,
                or prompts at the terminal.

        Raises:
            KeyFileError: missing, damaged, readable by others, or the wrong passphrase.
        """
        path = expanded(path, "key file")
        return cls.parsed(read_private(path, otherwise(path)), path, passphrase)

    @classmethod
    def parsed(cls, text: str, path: str | Path, passphrase: Ask = ask) -> Key:
        """The key in the text of the key file at a path; see :meth:`read`."""
        return cls(decode_secret(PREFIX, text, str(path), passphrase), None if str(path) == "-" else Path(path))

    @classmethod
    def from_text(cls, text: str | bytes, passphrase: Ask = ask) -> Key:
        """The key in the text of a key file, for instance from a secret manager, or a file whose mode is not 0600.

        Signers are remembered for key files only: name the signer of a release yourself.

        Args:
            text: the whole file, or its last line.
            passphrase: as :meth:`read`.

        Raises:
            KeyFileError: not a key, damaged, or the wrong passphrase.
        """
        return cls(decode_secret(PREFIX, as_text(text), "the text", passphrase))

    def write(self, path: str | Path, passphrase: str | None = None) -> None:
        """Write a new key file with mode 0600, encrypted if there is a passphrase.

        Raises:
            KeyFileError: the file exists, or cannot be created.
            StorageError: the disk is full, or fails.
        """
        write_private((path, self.text(passphrase)))

    def text(self, passphrase: str | None = None) -> str:
        """Content of the key file, encrypted if there is a passphrase."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            "# ripguard restore key: whoever holds it gets the clean images back. Keep it outside the release.\n"
            f"# created: {now}\n# key id: {self.id.hex()}\n{encode_secret(PREFIX, self.secret, passphrase)}\n"
        )

    @cached_property
    def id(self) -> bytes:
        """8 public bytes that identify the key. They detect a wrong key early and reveal nothing about the secret."""
        return hkdf(self.secret, FORMAT_SALT, b"key id", ID_BYTES)

    @property
    def key_id(self) -> bytes:
        """The same as :attr:`id`, under the name in :class:`KeyRing`."""
        return self.id

    def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
        """Keys of an image of any release of this owner; see :class:`KeyRing`."""
        return self.dataset(dataset_id).unit(unit).image(index)

    def names_key(self, dataset_id: bytes, unit: int) -> bytes:
        """See :class:`NamesRing`."""
        return self.dataset(dataset_id).names_key(dataset_id, unit)

    def dataset(self, dataset_id: bytes) -> DatasetKeys:
        """Subkeys of one release."""
        secret = hkdf(self.secret, FORMAT_SALT, length_prefixed(b"dataset", dataset_id), 32)
        return DatasetKeys(secret, self.id, dataset_id)

    def dataset_id(self, plan: bytes) -> bytes:
        """8 bytes that identify a release: equal inputs give equal ones, and only a key holder can test a guess."""
        return hkdf(self.secret, FORMAT_SALT, length_prefixed(b"dataset id", plan), ID_BYTES)


@dataclass(frozen=True)
class UnitKeys:
    """Subkey of one split and class: opens every image of that unit and nothing else.

    :class:`ReleaseProver` lists the checks that it cannot make. The file format of several of them, with
    the key of the codec model: :mod:`ripguard.crypto.unitfile`.

    Attributes:
        key_id, dataset_id: 8 bytes each, identifiers of the owner's key and of the release.
        unit: number of the split and class in ``release.json``.
    """

    secret: bytes = field(repr=False)
    key_id: bytes
    dataset_id: bytes
    unit: int

    def names_key(self, dataset_id: bytes, unit: int) -> bytes:
        """See :class:`NamesRing`."""
        self._refuse_other(dataset_id, unit)
        return self._names

    @cached_property
    def _names(self) -> bytes:
        return hkdf(self.secret, FORMAT_SALT, b"names", 64)

    def image(self, index: int) -> ImageKeys:
        all_ = hkdf(self.secret, FORMAT_SALT, length_prefixed(b"picture", struct.pack(">I", index)), 160)
        return ImageKeys(all_[:64], all_[64:128], all_[128:])

    def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
        """Keys of an image of this unit; see :class:`KeyRing`."""
        self._refuse_other(dataset_id, unit)
        return self.image(index)

    def _refuse_other(self, dataset_id: bytes, unit: int) -> None:
        _refuse_other_release(self.dataset_id, dataset_id)
        if unit != self.unit:
            raise WrongKey(
                f"wrong key: this one opens unit {self.unit} of its release alone, not unit {unit}",
                "ask the owner for the key of that unit, or of the whole release",
            )


@dataclass(frozen=True)
class DatasetKeys:
    """Subkeys of one release: a :class:`ReleaseProver`.

    Attributes:
        key_id, dataset_id: 8 bytes each, identifiers of the owner's key and of the release.
    """

    secret: bytes = field(repr=False)
    key_id: bytes
    dataset_id: bytes

    @cached_property
    def _units(self) -> dict[int, UnitKeys]:
        """Unit keys by number; each is derived once."""
        return {}

    @cached_property
    def _proofs(self) -> dict[bytes, bytes]:
        """Proof keys by purpose; each is derived once."""
        return {}

    def unit(self, unit: int) -> UnitKeys:
        """Subkey of one split and class, by its number in ``release.json``."""
        if unit not in self._units:
            secret = hkdf(self.secret, FORMAT_SALT, length_prefixed(b"unit", struct.pack(">H", unit)), 32)
            self._units[unit] = UnitKeys(secret, self.key_id, self.dataset_id, unit)
        return self._units[unit]

    def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
        """Keys of an image of this release; see :class:`KeyRing`."""
        _refuse_other_release(self.dataset_id, dataset_id)
        return self.unit(unit).image(index)

    def names_key(self, dataset_id: bytes, unit: int) -> bytes:
        """See :class:`NamesRing`."""
        return self.unit(unit).names_key(dataset_id, unit)

    @property
    def model(self) -> bytes:
        """64 bytes: the AES-256-SIV key of the release's model for the small-image codec."""
        return self.part(b"model")

    def part(self, purpose: bytes) -> bytes:
        """64 bytes: the AES-256-SIV key of the sealed parts of this kind."""
        return hkdf(self.secret, FORMAT_SALT, purpose, 64)

    def proof(self, purpose: bytes, data: bytes) -> bytes:
        """32 bytes: HMAC-SHA-256. Only a key holder can compute or compare it."""
        if purpose not in self._proofs:
            self._proofs[purpose] = hkdf(self.secret, FORMAT_SALT, b"proof " + purpose, 32)
        return hmac.digest(self._proofs[purpose], data, "sha256")


def otherwise(path: str | Path) -> str:
    """What to do where the mode of a key file cannot be changed."""
    return f"pass it on standard input: --key-file - < {path} (in Python: Key.from_text)"


def release_prover(ring: KeyRing, dataset_id: bytes) -> ReleaseProver | None:
    """Keys of the whole release; None for a unit's keys. Raises :class:`WrongKey` for the keys of another release."""
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
