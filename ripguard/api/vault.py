"""Encrypted datasets: make, read, check and share vaults."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ripguard.api.arguments import AnyPath, Callback, opened, refuse_empty, whole, with_home, worker_count
from ripguard.crypto.keys import Key
from ripguard.errors import KeyFileError, UsageError, refusing
from ripguard.executor import Executor, Local
from ripguard.progress import reported_to

if TYPE_CHECKING:
    from ripguard.vault.decrypt import Decrypted
    from ripguard.vault.encrypt import Encrypted
    from ripguard.vault.facts import Facts
    from ripguard.vault.opening import Opener, Passphrase
    from ripguard.vault.recipients import Listed
    from ripguard.vault.verify import VaultReport

SHARD_SIZE = 64  # MiB; a copy of the default in ripguard.cli.vault.encrypt would be slow to import
MOST_SHARD_SIZE = 1 << 16  # MiB


@refusing()
@with_home
def vault_encrypt(
    source: AnyPath,
    out: AnyPath,
    key: Key | AnyPath,
    *,
    recipients: Sequence[str | Key | Passphrase] = (),
    passphrase: str | None = None,
    only: str | None = None,
    layout: str = "auto",
    classes_at: str | None = None,
    shard_size: int = SHARD_SIZE,
    restart: bool = False,
    dry_run: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Callback | None = None,
) -> Encrypted | dict[str, Any]:
    """Encrypt the files of a folder to a vault; see :func:`ripguard.vault.encrypt.encrypt`.

    Args:
        key: of the owner; always a recipient.
        recipients: others who can open the vault: age recipients ``age1…``, keys, or passphrases.
        passphrase: opens the vault, too.
        only: ``annotations`` or ``images``: leave other files out.
        layout, classes_at: how splits and classes are found; see :func:`ripguard.data.layout.read_layout`.
        shard_size: MiB of a shard.
        restart: discard an unfinished run instead of continuing it.
        dry_run: only plan; returns a dict, and writes nothing.
        workers: number of processes; None: one for each core.

    Raises:
        InputRefused: files cannot be encrypted; all of them are listed.
        KeyFileError: a key lies inside source or output, or a file holds one.
        OutputRefused, StorageError, UsageError: nothing was published.
    """
    from ripguard.store.atomic import refuse_existing, refuse_overlap
    from ripguard.vault.encrypt import encrypt, planned, refuse_vault
    from ripguard.vault.opening import Passphrase, refuse_inside_vault
    from ripguard.vault.plan import make_plan
    from ripguard.vault.recipients import MOST_PASSPHRASES, check_recipient

    refuse_empty(source=source, out=out, key=key, only=only, classes_at=classes_at)
    size = whole("shard_size", shard_size, 1) or SHARD_SIZE
    if size > MOST_SHARD_SIZE:
        raise UsageError(f"shard_size: expected at most {MOST_SHARD_SIZE:,} MiB, got {size:,}")
    root, place = Path(source), Path(out)
    own, file = opened(key)
    if not isinstance(own, Key):
        raise KeyFileError("encrypting needs a key of the owner, not of a release or a unit")
    others = [*recipients, *([] if passphrase is None else [Passphrase(passphrase)])]
    for one in others:
        check_recipient(one)
    if sum(isinstance(one, Passphrase) for one in others) > MOST_PASSPHRASES:
        raise UsageError(f"a vault has at most {MOST_PASSPHRASES} passphrases", "leave some out")
    for folder in (root, place):
        if file and folder.resolve() in Path(file).resolve().parents:
            raise KeyFileError(f"{file} lies inside source or output", "keep keys outside of both")
    if file:
        refuse_inside_vault(Path(file))
    refuse_vault(root)
    refuse_overlap([root], place)
    refuse_existing(place)
    plan = make_plan(root, only, size << 20, layout, classes_at)
    if dry_run:
        return planned(plan)
    with reported_to(progress):
        return encrypt(plan, own, place, others, executor or Local(worker_count(workers)), restart)


@refusing()
@with_home
def vault_decrypt(
    vault: AnyPath,
    out: AnyPath,
    key: Opener | AnyPath,
    *,
    unit: str | None = None,
    files: str | None = None,
    expect: str | None = None,
    dry_run: bool = False,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Callback | None = None,
) -> Decrypted:
    """Decrypt a vault, or a part of it, byte for byte; see :func:`ripguard.vault.decrypt.decrypt`.

    Args:
        key: path of a ripguard key file or an age identity file, or an object; see :class:`ripguard.vault.Vault`.
        unit: only files of this split and class, such as ``train/cat``.
        files: only files whose paths match this glob.
        expect: ``DIGEST`` or ``DIGEST@EPOCH`` that the vault must have.
        dry_run: count the files, and write nothing.

    Returns:
        The result. Files that do not verify are listed in ``refused``; they raise no error.

    Raises:
        RipguardError: no file was decrypted.
    """
    from ripguard.vault.decrypt import decrypt
    from ripguard.vault.opening import as_opener

    refuse_empty(vault=vault, out=out, key=key, unit=unit, files=files, expect=expect)
    with reported_to(progress):
        run = executor or Local(worker_count(workers))
        return decrypt(Path(vault), Path(out), as_opener(key), unit, files, expect, run, dry_run)


@refusing()
@with_home
def vault_verify(
    vault: AnyPath,
    key: Opener | AnyPath | None = None,
    *,
    expect: str | None = None,
    source: AnyPath | None = None,
    workers: int | None = None,
    executor: Executor | None = None,
    progress: Callback | None = None,
) -> VaultReport:
    """Check a vault; with a key, open every chunk; with the source, compare. See :func:`ripguard.vault.verify.verify`.

    Returns:
        The findings; ``report.ok`` is True if there is no problem.
    """
    from ripguard.vault.opening import as_opener
    from ripguard.vault.verify import verify

    refuse_empty(vault=vault, key=key, expect=expect, source=source)
    if source is not None and key is None:
        raise UsageError("comparing with the source needs a key", "add --key-file K")
    with reported_to(progress):
        opener = None if key is None else as_opener(key)
        run = executor or Local(worker_count(workers))
        return verify(Path(vault), opener, expect, None if source is None else Path(source), run)


@refusing()
@with_home
def vault_inspect(
    vault: AnyPath, key: Opener | AnyPath | None = None, *, expect: str | None = None, paths: bool = False
) -> Facts:
    """Facts about a vault; with a key also what is encrypted. See :func:`ripguard.vault.facts.inspect`."""
    from ripguard.vault.facts import inspect
    from ripguard.vault.opening import as_opener

    refuse_empty(vault=vault, key=key, expect=expect)
    if paths and key is None:
        raise UsageError("listing the files needs a key", "add --key-file K")
    return inspect(Path(vault), None if key is None else as_opener(key), expect, paths)


@refusing()
@with_home
def vault_recipients(vault: AnyPath, key: Opener | AnyPath | None = None) -> list[Listed]:
    """The recipients of a vault; with its key also who they are."""
    from ripguard.vault.facts import recipients_of
    from ripguard.vault.opening import as_opener

    refuse_empty(vault=vault, key=key)
    return recipients_of(Path(vault), None if key is None else as_opener(key))


@refusing()
@with_home
def vault_add_recipient(
    vault: AnyPath,
    key: Opener | AnyPath,
    recipient: str | Key | Passphrase,
    *,
    unit: str | None = None,
    expect: str | None = None,
) -> Listed:
    """Let somebody else open a vault, or one unit of it. See :func:`ripguard.vault.change.add`.

    Args:
        recipient: an age recipient ``age1…``, a key, or a passphrase.
    """
    from ripguard.vault.change import add
    from ripguard.vault.opening import as_opener

    refuse_empty(vault=vault, key=key, recipient=recipient, unit=unit, expect=expect)
    return add(Path(vault), as_opener(key), recipient, unit, expect)[0]


@refusing()
@with_home
def vault_drop_recipient(vault: AnyPath, key: Opener | AnyPath, name: str, *, expect: str | None = None) -> Listed:
    """Drop a recipient; only the header changes. See :func:`ripguard.vault.change.drop`."""
    from ripguard.vault.change import drop
    from ripguard.vault.opening import as_opener

    refuse_empty(vault=vault, key=key, name=name, expect=expect)
    return drop(Path(os.fspath(vault)), as_opener(key), name, expect)[0]
