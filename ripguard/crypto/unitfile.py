"""The file of unit keys: what a platform hands to a user who may restore a part of a release offline.

One line for each unit, so that a unit can be passed on alone. It holds no key that proves anything: whoever has the
file restores its units, and can neither test guesses of other images nor make a release that others' keys accept.
Instead of a proof it has the digest of ``release.json``; the platform checked the proof when the release was deposited.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from ripguard.crypto.keyfile import UNIT_PREFIX, decoded_line, encode_secret
from ripguard.crypto.keys import DatasetKeys, ImageKeys, UnitKeys
from ripguard.errors import KeyFileError, WrongKey

LINE = struct.Struct(">8s8s32s64sH32s")  # key id, dataset id, digest, key of the codec model, unit, secret
MOST = 1 << 24  # characters of a file: a line for each of 65,536 units


@dataclass(frozen=True)
class UnitRing:
    """Keys of some units of one release, and of its codec model. A :class:`ripguard.crypto.keys.KeyRing`.

    Attributes:
        key_id, dataset_id: 8 bytes each, identifiers of the owner's key and of the release.
        release: SHA-256 of what proof and signature of ``release.json`` authenticate.
        model: 64 bytes, the key of the codec model.
        units: the keys by number of the unit.
    """

    key_id: bytes
    dataset_id: bytes
    release: bytes
    model: bytes = field(repr=False)
    units: dict[int, UnitKeys] = field(repr=False)

    @classmethod
    def of(cls, keys: DatasetKeys, units: Iterable[int], signed: bytes) -> UnitRing:
        """The keys of some units.

        Args:
            signed: :func:`ripguard.release.record.signed_part` of the release, whose proof was checked.
        """
        own = {unit: keys.unit(unit) for unit in units}
        return cls(keys.key_id, keys.dataset_id, hashlib.sha256(signed).digest(), keys.model, own)

    @classmethod
    def from_text(cls, text: str, where: str) -> UnitRing:
        """The keys in a file.

        Args:
            where: its name in messages.

        Raises:
            KeyFileError: not a file of unit keys, a damaged line, or lines of several releases.
        """
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        found = [LINE.unpack(decoded_line(UNIT_PREFIX, line, where, LINE.size)) for line in lines]
        if len({one[:4] for one in found}) != 1:
            raise KeyFileError(f"{where} holds the keys of several releases", "name a file with those of one release")
        key_id, dataset_id, release, model = found[0][:4]
        units = {unit: UnitKeys(secret, key_id, dataset_id, unit) for *_, unit, secret in found}
        return cls(key_id, dataset_id, release, model, units)

    def text(self) -> str:
        """Content of the file."""
        own = (self.key_id, self.dataset_id, self.release, self.model)
        lines = (
            encode_secret(UNIT_PREFIX, LINE.pack(*own, unit, keys.secret)) for unit, keys in sorted(self.units.items())
        )
        return (
            "# ripguard unit keys: whoever holds them gets the clean images of these units back. They cannot be "
            f"revoked.\n# key id: {self.key_id.hex()}\n" + "".join(f"{line}\n" for line in lines)
        )

    def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
        """Keys of an image; see :class:`ripguard.crypto.keys.KeyRing`."""
        return self._unit(unit).image_keys(dataset_id, unit, index)

    def names_key(self, dataset_id: bytes, unit: int) -> bytes:
        """See :class:`ripguard.crypto.keys.NamesRing`."""
        return self._unit(unit).names_key(dataset_id, unit)

    def vouches(self, signed: bytes) -> bool:
        """Whether a ``release.json`` is the one that these keys came with. ``signed``: as in :meth:`of`."""
        return hmac.compare_digest(hashlib.sha256(signed).digest(), self.release)

    def _unit(self, unit: int) -> UnitKeys:
        if unit not in self.units:
            raise WrongKey(
                f"wrong key: unit {unit} of the release is not among those of the file", "ask the owner for a grant"
            )
        return self.units[unit]


def is_unit_file(text: str) -> bool:
    """Whether a text is meant as a file of unit keys."""
    return any(line.strip().startswith(UNIT_PREFIX) for line in text.splitlines())
