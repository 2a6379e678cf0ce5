"""Keys of a vault: its own, and those of its units, derived as a release derives them.

::

    vault secret (32 random bytes, wrapped for each recipient)
     ├─ table, MAC of the header, notes on recipients
     └─ unit      one per split/class, as crypto.keys.DatasetKeys derives it
         ├─ index of the unit         names, sizes and places of its files
         └─ unit in a shard           HKDF over the salt of the shard
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from functools import cached_property

from ripguard.crypto.backend import hkdf
from ripguard.crypto.keys import FORMAT_SALT, DatasetKeys
from ripguard.errors import WrongKey


@dataclass(frozen=True)
class VaultKeys:
    """The secret of a vault: opens all of it.

    Attributes:
        secret: 32 bytes.
        vault_id: 16 public bytes.
    """

    secret: bytes = field(repr=False)
    vault_id: bytes

    @cached_property
    def _dataset(self) -> DatasetKeys:
        return DatasetKeys(self.secret, b"", self.vault_id)

    def unit_secret(self, unit: int) -> bytes:
        """32 bytes: the secret of a unit, by its number."""
        return self._dataset.unit(unit).secret

    def mac(self, data: bytes) -> bytes:
        """32 bytes: HMAC-SHA-256 of the header."""
        return hmac.digest(hkdf(self.secret, FORMAT_SALT, b"vault header", 32), data, "sha256")

    @property
    def notes(self) -> bytes:
        """64 bytes: the AES-256-SIV key of the notes on recipients."""
        return hkdf(self.secret, FORMAT_SALT, b"vault notes", 64)


@dataclass(frozen=True)
class UnitKey:
    """The key of one unit of a vault: opens the files of that split and class, and nothing else.

    It does not authenticate the header: whoever changes the list of recipients or the epoch is not noticed.

    Attributes:
        secret: 32 bytes.
        vault_id: 16 public bytes.
        unit: number of the unit; split, label: its names.
        start, length: where its index stands in ``index.ripguard``, in bytes.
    """

    secret: bytes = field(repr=False)
    vault_id: bytes
    unit: int
    split: str
    label: str
    start: int
    length: int

    @property
    def name(self) -> str:
        """``split/label``."""
        return unit_name(self.split, self.label)

    def unit_secret(self, unit: int) -> bytes:
        """The secret, if it is that of this unit. Raises :class:`WrongKey`."""
        if unit != self.unit:
            raise WrongKey(
                f"wrong key: this one opens unit {self.name} of the vault alone",
                "ask the owner for the key of that unit, or of the whole vault",
            )
        return self.secret


Access = VaultKeys | UnitKey
SHARED = "shared"  # name of the unit of all files without split and class


def unit_name(split: str, label: str) -> str:
    """``train/cat``; ``train/`` and ``/cat`` without the other; :data:`SHARED` without both."""
    return f"{split}/{label}" if split or label else SHARED
