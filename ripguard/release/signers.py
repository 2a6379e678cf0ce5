"""Check the signer of a release against a given fingerprint, or against the known signers of the key.

A signature identifies the publisher only if the signer is known. The first signer of the releases of a key is therefore
stored beside the key file (trust on first use, as in SSH). Later releases by another signer, or unsigned ones, are
refused. The restore key alone is weaker: everybody who holds it can make a release that it opens. The key of a unit
does not authenticate a release, so the signer must be given.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from ripguard.crypto.keys import Key, KeyRing, release_prover
from ripguard.crypto.unitfile import UnitRing
from ripguard.errors import KeyFileError, SignatureInvalid, StorageError
from ripguard.files import read_regular
from ripguard.release.manifest import Index
from ripguard.store.atomic import write_file

VARIABLE = "RIPGUARD_SIGNER"
ANY = "any"  # instead of a fingerprint: accept any signer, or none
MOST = 1 << 20  # bytes of the list
LINE = re.compile(r"[0-9a-f]{16} ripguard-signer-[a-z2-7]{32}")
HEAD = "# who signed the releases of the key beside this file: key id, signer\n"


def vouched(release: Index, wanted: str | None = None, ring: KeyRing | None = None) -> str | None:
    """Check the signer of a release; returns the fingerprint, None for an unsigned release.

    Call :meth:`ripguard.release.manifest.Index.opened_by` first, to check the key.

    Args:
        wanted: fingerprint that must have signed, or ``any``; None: the one in ``RIPGUARD_SIGNER``, otherwise a known
            signer of the key. The first signer becomes known if the key was read from a file.
        ring: the keys, None for none.

    Raises:
        SignatureInvalid: the signature does not verify, is missing, or is by another signer; or the keys open single
            units and no signer is given.
        KeyFileError: the list of known signers cannot be read.
    """
    wanted = wanted or os.environ.get(VARIABLE) or None
    key = ring if isinstance(ring, Key) else None
    if wanted and wanted != ANY:
        signer = release.check_signature(wanted)
    else:
        signer = release.check_signature()
        unproven = ring is not None and not isinstance(ring, UnitRing)  # unit keys of a file know their release
        if wanted != ANY and unproven and ring is not None and release_prover(ring, release.dataset_id) is None:
            raise SignatureInvalid(
                f"{release.name}: the key of a unit cannot prove labels and names, and no signer is given",
                f"give the signer that you expect, such as {signer or 'the fingerprint from the owner'}, or {ANY}",
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
        f"{release.name} {found}, but earlier releases of this key were signed by {', '.join(known)}",
        f"get a fresh copy; if the signer is right, add --signer F, or accept it once with --signer {ANY}",
    )


def memory(key: Key) -> Path | None:
    """Path of the list of known signers; None for a key that was not read from a file."""
    return key.file.with_name(key.file.name + ".signers") if key.file else None


def remembered(key: Key) -> list[str]:
    """Fingerprints of the known signers of a key, oldest first. Raises :class:`KeyFileError`."""
    place = memory(key)
    if place is None:
        return []
    try:
        lines = read_regular(place, MOST, follow=True).decode().splitlines()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise KeyFileError(f"{place} cannot be read: {error}", "remove it to start a new list of signers") from None
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    if not all(map(LINE.fullmatch, lines)):
        raise KeyFileError(f"{place} is not a list of signers", "remove it to start a new list of signers")
    return [signer for key_id, signer in map(str.split, lines) if key_id == key.id.hex()]


def remember(key: Key, signer: str) -> None:
    """Add a signer to the list beside the key file, if that can be written."""
    place = memory(key)
    if place is None or signer in remembered(key):
        return
    try:
        old = read_regular(place, MOST, follow=True).decode()
    except FileNotFoundError:
        old = HEAD
    try:
        write_file(place, f"{old}{key.id.hex()} {signer}\n".encode())
    except StorageError:  # the key file may be on a read-only medium
        return
