"""What is known about a vault: without a key what everybody sees, with a key its name, units and files."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ripguard.files import walk
from ripguard.store.atomic import storage
from ripguard.vault.chunks import FORMAT
from ripguard.vault.header import check_pin, open_header, read_header
from ripguard.vault.keys import UnitKey, VaultKeys, unit_name
from ripguard.vault.opening import Opener
from ripguard.vault.reading import Vault
from ripguard.vault.recipients import Listed, listed


@dataclass(frozen=True)
class Facts:
    """Facts about a vault.

    Attributes:
        format, vault_id, digest, epoch, shards: see :class:`ripguard.vault.header.Header`.
        pin: ``DIGEST@EPOCH``, which ``expect`` takes.
        bytes: of all files of the vault.
        recipients: see :class:`ripguard.vault.recipients.Listed`.
        authenticated: whether the header was authenticated: with a key of the whole vault.
        opened: what only a key shows: name, files, total bytes, units; None without one.
        paths: those of all files, if they were asked for.
    """

    format: str
    vault_id: str
    digest: str
    epoch: int
    pin: str
    shards: int
    bytes: int
    recipients: list[Listed]
    authenticated: bool = False
    opened: dict[str, Any] | None = None
    paths: list[str] | None = field(default=None, repr=False)

    def as_dict(self) -> dict[str, Any]:
        found = asdict(self)
        opened, paths = found.pop("opened"), found.pop("paths")
        return found | (opened or {}) | ({} if paths is None else {"paths": paths})


def inspect(root: Path, key: Opener | None = None, expect: str | None = None, paths: bool = False) -> Facts:
    """Facts about a vault. The shards are not read.

    Args:
        key: shows what is encrypted, as far as it opens it.
        paths: also list the files; needs a key.

    Raises:
        NotProtected, Damaged, WrongKey, KeyFileError, VerifyFailed: see :class:`ripguard.vault.reading.Vault`.
    """
    header, _ = read_header(root)
    check_pin(root, header, expect)
    with storage("cannot list"):
        size = sum(entry.stat(follow_symlinks=False).st_size for _, entry in walk(root))
    opened, names, keys = None, None, None
    if key is not None:
        with Vault(root, key, expect) as vault:
            keys = vault.access
            opened = _opened(vault)
            names = sorted(path for unit in vault.units for path in vault.files(unit).names()) if paths else None
    whole = keys if isinstance(keys, VaultKeys) else None
    return Facts(
        FORMAT.decode(), header.vault_id, header.sums, header.epoch, f"{header.sums}@{header.epoch}", header.shards,
        size, [listed(one, whole) for one in header.recipients], whole is not None, opened, names,
    )  # fmt: skip


def _opened(vault: Vault) -> dict[str, Any]:
    units = []
    for number, (split, label) in vault.units.items():
        files = vault.files(number)
        units.append({"unit": unit_name(split, label), "files": len(files), "bytes": sum(files.size)})
    return {
        "name": None if isinstance(vault.access, UnitKey) else vault.name,
        "files": sum(one["files"] for one in units),
        "total_bytes": sum(one["bytes"] for one in units),
        "only": vault.table.only or None if vault.table else None,
        "units": units,
    }


def recipients_of(root: Path, key: Opener | None = None) -> list[Listed]:
    """The recipients of a vault; with its key also who they are. Raises as :func:`inspect`."""
    if key is None:
        return [listed(one, None) for one in read_header(root)[0].recipients]
    header, access = open_header(root, key)
    return [listed(one, access if isinstance(access, VaultKeys) else None) for one in header.recipients]
