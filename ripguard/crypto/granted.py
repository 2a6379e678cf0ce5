"""Keys of a part of a release for a process that restores only that part: the units of a grant, and the checks.

They hold derived subkeys alone. A process that is taken over gives away the units that were granted, not the release.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from dataclasses import dataclass, field

from ripguard.crypto.backend import hkdf
from ripguard.crypto.keys import FORMAT_SALT, DatasetKeys, ImageKeys, UnitKeys
from ripguard.errors import WrongKey

CHECKS = (b"release", b"clean")  # purposes of the proofs that restoring compares


@dataclass(frozen=True)
class GrantedKeys:
    """A :class:`ripguard.crypto.keys.ReleaseProver` that opens some units only. Can be pickled.

    It makes every check of restoring, and opens the codec model. It cannot open ``private`` and ``originals``: the
    recipe, and the texts of the source.

    Attributes:
        key_id, dataset_id: 8 bytes each, identifiers of the owner's key and of the release.
        units: the keys of each granted unit, by its number.
        model: 64 bytes, the key of the codec model.
        proofs: 32 bytes by purpose. Who holds the one for ``clean`` can test a guess of any clean image.
    """

    key_id: bytes
    dataset_id: bytes
    units: dict[int, UnitKeys] = field(repr=False)
    model: bytes = field(repr=False)
    proofs: dict[bytes, bytes] = field(repr=False)

    @classmethod
    def of(cls, keys: DatasetKeys, units: Iterable[int]) -> GrantedKeys:
        """The part of a release's keys that these units need."""
        proofs = {purpose: hkdf(keys.secret, FORMAT_SALT, b"proof " + purpose, 32) for purpose in CHECKS}
        return cls(keys.key_id, keys.dataset_id, {unit: keys.unit(unit) for unit in units}, keys.model, proofs)

    def image_keys(self, dataset_id: bytes, unit: int, index: int) -> ImageKeys:
        """Keys of an image of a granted unit; see :class:`ripguard.crypto.keys.KeyRing`."""
        return self._unit(unit).image_keys(dataset_id, unit, index)

    def names_key(self, dataset_id: bytes, unit: int) -> bytes:
        """See :class:`ripguard.crypto.keys.NamesRing`."""
        return self._unit(unit).names_key(dataset_id, unit)

    def part(self, purpose: bytes) -> bytes:
        """Raises :class:`WrongKey`: these keys open no sealed part of the release as a whole, but the model."""
        raise WrongKey("wrong key: this one opens granted classes alone", "use the key of the whole release")

    def proof(self, purpose: bytes, data: bytes) -> bytes:
        """32 bytes: HMAC-SHA-256, for the purposes ``release`` and ``clean``. Raises :class:`WrongKey` for others."""
        if purpose not in self.proofs:
            raise WrongKey("wrong key: this one opens granted classes alone", "use the key of the whole release")
        return hmac.digest(self.proofs[purpose], data, "sha256")

    def _unit(self, unit: int) -> UnitKeys:
        if unit not in self.units:
            raise WrongKey(
                f"wrong key: unit {unit} of the release is not among those granted", "ask the owner for a grant"
            )
        return self.units[unit]
