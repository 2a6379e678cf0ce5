"""The signature under the list of a download: Ed25519, by the key that signs the audit log.

It stands last in ``RESULT.json``, and signs the SHA-256 of all bytes before it. ``public`` in the list is its key; who
knows the key of a platform from elsewhere, as from a profile, compares it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ripguard.crypto.aead import length_prefixed
from ripguard.crypto.signing import check
from ripguard.errors import SignatureInvalid

END = re.compile(rb'(.*), "signature": "([0-9a-f]{128})"\}\n', re.DOTALL)


@dataclass(frozen=True)
class Seal:
    """What is signed with a list, and how.

    Attributes:
        facts: fields of the list, among them ``public``, the key in hex.
        sign: gives the signature of a message, 64 bytes.
    """

    facts: dict[str, Any]
    sign: Callable[[bytes], bytes] = field(repr=False)

    def end(self, digest: bytes) -> str:
        """The end of the list, whose bytes before it have this SHA-256."""
        return f', "signature": "{self.sign(message(digest)).hex()}"}}\n'


def message(digest: bytes) -> bytes:
    """The signed bytes."""
    return length_prefixed(b"ripguard/platform result", digest)


def signed_by(data: bytes, public: str) -> bool:
    """Whether a list has a valid signature by this key, in hex."""
    found = END.fullmatch(data)
    try:
        if found is None:
            return False
        check(bytes.fromhex(public), message(hashlib.sha256(found[1]).digest()), bytes.fromhex(found[2].decode()))
    except (SignatureInvalid, ValueError):
        return False
    return True
