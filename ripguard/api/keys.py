"""Make keys."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ripguard.api.arguments import AnyPath, with_home
from ripguard.crypto.keys import Key
from ripguard.crypto.private import write_private
from ripguard.crypto.signing import SigningKey, fingerprint
from ripguard.errors import refusing


@dataclass(frozen=True)
class GeneratedKeys:
    """Result of :func:`keygen`: paths of both files, and the public identifiers of the keys."""

    key_file: str
    key_id: str
    signing_key_file: str
    signer: str


@refusing()
@with_home
def keygen(out: AnyPath, passphrase: str | None = None) -> GeneratedKeys:
    """Make a restore key at ``out`` and a signing key at ``<out>.sign``, both with mode 0600.

    Args:
        out: path of the restore key.
        passphrase: encrypts both keys.

    Raises:
        KeyFileError: a file exists already, or would lie inside a release or a vault.
        StorageError: the disk is full, or fails.
    """
    from ripguard.release.find import refuse_inside_release
    from ripguard.vault.opening import refuse_inside_vault

    place = os.fspath(out)
    refuse_inside_release(Path(place))
    refuse_inside_vault(Path(place))
    key, signing = Key.generate(), SigningKey.generate()
    write_private((place, key.text(passphrase)), (place + ".sign", signing.text(passphrase)))
    return GeneratedKeys(place, key.id.hex(), place + ".sign", fingerprint(signing.public))
