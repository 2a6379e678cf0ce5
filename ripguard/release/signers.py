"""Who is expected to have signed a release: the signer that was named, or the one of the key's releases so far.

A signature proves who published a release only to somebody who knows that signer. The first signer of a key's releases
is therefore remembered beside the key file, as SSH remembers hosts, and another one, or none, is refused from then on.
The restore key alone proves less: everybody who holds it, in order to restore, can make a release that it opens. The
key of a unit proves nothing of a release, so with that the signer has to be named.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ripguard.crypto.keys import Key, KeyRing, release_prover
from ripguard.errors import KeyFileError, SignatureInvalid, StorageError
from ripguard.files import read_regular
from ripguard.release.manifest import Index
from ripguard.store.atomic import write_file

VARIABLE = "RIPGUARD_SIGNER"
ANY = "any"  # instead of a fingerprint: whoever signed, or nobody
MOST = 1 << 20  # bytes
LINE = re.compile(r"[0-9a-f]{16} ripguard-signer-[a-z2-7]{32}")
HEAD = "# who signed the releases of the key beside this file: key id, signer\n"


def vouched(release: Index, wanted: str | None = None, ring: KeyRing | None = None) -> str | None:
    """Fingerprint of the signer of a release, None if it is unsigned; call it once the key was found right.

    Args:
        wanted: fingerprint that must have signed, or ``any``; None: the one named by ``RIPGUARD_SIGNER``, else one of
            those that signed this key's releases so far. The first one is remembered, beside the key file if the ring
            was read from one.

    Raises:
        SignatureInvalid: the signature does not fit, is somebody else's, or is not there; or nobody is named, and the
            ring opens single units.
        KeyFileError: the list of signers beside the key file cannot be read.
    """
    wanted = wanted or os.environ.get(VARIABLE) or None
    key = ring if isinstance(ring, Key) else None
    if wanted and wanted != ANY:
        signer = release.check_signature(wanted)
    else:
        signer = release.check_signature()
        if wanted != ANY and ring is not None and release_prover(ring, release.dataset_id) is None:
            raise SignatureInvalid(
                f"{release.name}: the key of a unit cannot prove its labels and names, and no signer is named who does",
                f"name the one that you expect, {signer or 'whom the owner told you'}, or accept it unproven: {ANY}",
            )
        if wanted != ANY and key:
            _compare(release, signer, key)
    if key and signer and wanted != ANY:
        remember(key, signer)
    return signer


def _compare(release: Index, signer: str | None, key: Key) -> None:
    known = remembered(key)
    if not known or signer in known:
        return
    found = f"is signed by {signer}" if signer else "is unsigned"
    raise SignatureInvalid(
        f"{release.name} {found}, and the releases of this key so far were signed by {', '.join(known)}",
        f"get a fresh copy; if it is right, name the signer with --signer F, or accept it once with --signer {ANY}",
    )


def memory(key: Key) -> Path | None:
    """The file beside the key file; None for a key that was not read from a file."""
    return key.file.with_name(key.file.name + ".signers") if key.file else None


def remembered(key: Key) -> list[str]:
    """Fingerprints of those who signed releases of this key, oldest first."""
    place = memory(key)
    if place is None:
        return []
    try:
        lines = read_regular(place, MOST, follow=True).decode().splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{place} cannot be read: {error}", "remove it to begin the list of signers anew") from None
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    if not all(map(LINE.fullmatch, lines)):
        raise KeyFileError(f"{place} is not a list of signers", "remove it to begin the list of signers anew")
    return [signer for key_id, signer in map(str.split, lines) if key_id == key.id.hex()]


def remember(key: Key, signer: str) -> None:
    """Put a signer on the list beside the key file, where such a file can be written."""
    place = memory(key)
    if place is None or signer in remembered(key):
        return
    try:
        old = read_regular(place, MOST, follow=True).decode()
    except FileNotFoundError:
        old = HEAD
    try:
        write_file(place, f"{old}{key.id.hex()} {signer}\n".encode())
    except StorageError:  # a key on a medium that is read-only: there is nowhere to remember
        return
