"""Add and drop recipients: a new header, one epoch later. The body is neither read nor written."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

from ripguard.crypto.keys import Key
from ripguard.errors import UsageError, WrongKey, shown
from ripguard.store.atomic import LOCK, drop_empty_work, lock, make_working_folder, write_file
from ripguard.vault.header import Header, check_pin, open_header
from ripguard.vault.heads import HEADER
from ripguard.vault.keys import Access, VaultKeys
from ripguard.vault.opening import Opener, Passphrase
from ripguard.vault.reading import Vault
from ripguard.vault.recipients import MOST_PASSPHRASES, Listed, Recipient, check_recipient, listed, stanza


def add(
    root: Path, key: Opener, recipient: Recipient, unit: str | None = None, expect: str | None = None
) -> tuple[Listed, int]:
    """Add a recipient.

    Args:
        key: opens the whole vault.
        recipient: a ripguard key, an age recipient ``age1…``, or a passphrase.
        unit: give it one unit only, such as ``train/cat``; None: the whole vault.

    Returns:
        The recipient, and the new epoch.

    Raises:
        UsageError: no recipient, or one that the vault has already.
        InputRefused: there is no such unit.
        WrongKey, KeyFileError, Damaged: the key does not open the whole vault.
    """
    check_recipient(recipient)
    with _changing(root, key, expect) as (header, keys):
        granted: Access = keys
        if unit is not None:
            with Vault(root, keys) as vault:
                granted = vault.unit_key(unit)
        passphrases = sum(one["kind"] == "passphrase" for one in header.recipients)
        if isinstance(recipient, Passphrase) and passphrases >= MOST_PASSPHRASES:
            raise UsageError(f"a vault has at most {MOST_PASSPHRASES} passphrases", "drop one, or add an age recipient")
        made = stanza(recipient, granted, keys)
        mine = listed(made, keys)
        for one in header.recipients:
            old = listed(one, keys)
            if (isinstance(recipient, Key | str)) and (old.about or old.name) == (mine.about or mine.name):
                raise UsageError(f"{mine.about or mine.name} is a recipient already", f"drop it first: {old.name}")
        return mine, _write(root, header, keys, [*header.recipients, made])


def drop(root: Path, key: Opener, name: str, expect: str | None = None) -> tuple[Listed, int]:
    """Drop a recipient. One who kept the vault's key, or an older header, can still read this vault.

    Args:
        name: of the recipient, as ``recipients list`` shows it, or its age recipient.

    Returns:
        The recipient, and the new epoch.

    Raises:
        UsageError: there is no such recipient, or nobody else opens the whole vault.
        WrongKey, KeyFileError, Damaged: the key does not open the whole vault.
    """
    with _changing(root, key, expect) as (header, keys):
        own = [(one, listed(one, keys)) for one in header.recipients]
        found = [about for _, about in own if name in (about.name, about.about)]
        if not found:
            raise UsageError(f"{shown(name)} is no recipient of {root}", "ripguard vault recipients list shows them")
        left = [(one, about) for one, about in own if about not in found]
        if not any(about.unit is None for _, about in left):
            raise UsageError("nobody else could open the whole vault", "add another recipient first")
        return found[0], _write(root, header, keys, [one for one, _ in left])


def _write(root: Path, header: Header, keys: VaultKeys, stanzas: list[dict]) -> int:
    changed = dataclasses.replace(header, epoch=header.epoch + 1, recipients=stanzas)
    write_file(root / HEADER, changed.pack(keys))
    return changed.epoch


@contextlib.contextmanager
def _changing(root: Path, key: Opener, expect: str | None) -> Iterator[tuple[Header, VaultKeys]]:
    """The header under a lock, so that of two changes at once none is lost."""
    _, opened = open_header(root, key)  # a path that is no vault gets no working folder beside it
    work = make_working_folder(root.resolve())
    try:
        with lock(work / LOCK):
            header, access = open_header(root, opened)  # of now; a passphrase is asked for once
            check_pin(root, header, expect)
            if not isinstance(access, VaultKeys):
                raise WrongKey(f"wrong key: it opens unit {access.name} alone", "use a key of the whole vault")
            yield header, access
    finally:
        drop_empty_work(work)
