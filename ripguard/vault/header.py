"""``vault.ripguard``, the header of a vault: what it consists of, and the stanzas of its recipients.

Three lines of text: the format, canonical JSON, and an HMAC of the first two under the secret of the vault. The header
names the body by one digest: SHA-256 of ``SHA256SUMS``, which lists the digests of all other files.
"""

from __future__ import annotations

import dataclasses
import errno
import hmac
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ripguard.damage import first_bytes, what_happened
from ripguard.errors import Damaged, NotProtected, UsageError, VerifyFailed
from ripguard.files import NotRegular, TooLarge, read_regular
from ripguard.store.atomic import storage
from ripguard.store.schema import Check, below, canonical, digits, fields, many, parsed
from ripguard.vault.chunks import FORMAT
from ripguard.vault.heads import FRESH, HEADER, VAULT_ID
from ripguard.vault.keys import Access, VaultKeys
from ripguard.vault.opening import Opener
from ripguard.vault.places import HEAD, LEAST, MOST
from ripguard.vault.recipients import STANZA, unlocked

SUMS, INDEX, DATA = "SHA256SUMS", "index.ripguard", "data"
MOST_HEADER = 1 << 22  # bytes: some thousand recipients
MOST_SHARDS = 1 << 22
_EPOCH = re.compile("[0-9]{1,16}")
_FIELDS: dict[str, Check] = {
    "vault_id": digits(VAULT_ID),
    "epoch": below(1 << 53),
    "capacity": lambda value: below(MOST + 1)(value) and value >= LEAST,
    "shards": below(MOST_SHARDS),
    "last": below(MOST + 1),
    "table": below(1 << 40),
    "sums": digits(32),
    "recipients": many(fields(STANZA)),
}


@dataclass(frozen=True)
class Header:
    """Content of ``vault.ripguard``.

    Attributes:
        vault_id: 32 hex digits, drawn for each vault.
        epoch: 1 in a new vault, one more after each change of the recipients.
        capacity: greatest size of a shard in bytes; all but the last have this size.
        shards: their number.
        last: bytes of the last shard.
        table: sealed bytes of the table of units, at the beginning of the index.
        sums: hex SHA-256 of ``SHA256SUMS``: the digest of the vault.
        recipients: stanzas.
    """

    vault_id: str
    epoch: int
    capacity: int
    shards: int
    last: int
    table: int
    sums: str
    recipients: list[dict[str, Any]] = field(default_factory=list)

    @property
    def id(self) -> bytes:
        return bytes.fromhex(self.vault_id)

    def pack(self, keys: VaultKeys) -> bytes:
        """The bytes of the file."""
        signed = FORMAT + b"\n" + canonical(dataclasses.asdict(self)) + b"\n"
        return signed + b"mac " + keys.mac(signed).hex().encode() + b"\n"

    def length(self, shard: int) -> int:
        """Bytes of a shard."""
        return self.last if shard == self.shards - 1 else self.capacity


def shard_name(number: int) -> str:
    """Path of a shard in the vault."""
    return f"{DATA}/{number:05d}.shard"


def is_vault(path: Path) -> bool:
    """Whether a folder holds a header of a vault."""
    return (path / HEADER).is_file()


def read_header(root: Path) -> tuple[Header, bytes]:
    """The header of a vault, not authenticated yet, and its bytes.

    Raises:
        NotProtected: there is no vault.
        Damaged: it is not a header, or is damaged beyond reading.
    """
    place = root / HEADER
    try:
        data = read_regular(place, MOST_HEADER)
    except (FileNotFoundError, NotADirectoryError):
        hint = "name the folder that ripguard vault encrypt made"
        raise NotProtected(f"{root} is not a vault: it has no {HEADER}", hint) from None
    except (NotRegular, TooLarge) as error:
        raise Damaged(f"{place}: {error.strerror}", FRESH) from None
    except OSError as error:
        with storage("cannot read"):
            raise OSError(error.errno or errno.EIO, error.strerror, str(place)) from None
    try:
        first, body, _mac, rest = data.split(b"\n")
        value = parsed(body)
        if first != FORMAT or rest or canonical(value) != body or not fields(_FIELDS)(value):
            raise ValueError
        header = Header(**{name: value[name] for name in _FIELDS})
        if set(value) != set(_FIELDS) or (header.shards and header.last < HEAD) or header.last > header.capacity:
            raise ValueError
    except (ValueError, TypeError):
        if data.startswith(b"ripguard-vault/v") and not data.startswith(FORMAT + b"\n"):
            newer = data.split(b"\n")[0][:40].decode(errors="replace")
            raise Damaged(f"{place} has the format {newer}, which this ripguard does not read", "upgrade it") from None
        found = what_happened(first_bytes(place) or b"")
        why, hint = found or ("it was cut off or changed", FRESH)
        raise Damaged(f"{place} is not the header of a vault: {why}", hint) from None
    return header, data


def open_header(root: Path, opener: Opener) -> tuple[Header, Access]:
    """The header of a vault, and what a key opens. A key of the whole vault authenticates the header.

    Raises:
        NotProtected, Damaged: see :func:`read_header`; also for a header that was changed.
        WrongKey, KeyFileError: the key opens nothing here.
    """
    header, data = read_header(root)
    access = unlocked(header.recipients, header.id, opener, str(root / HEADER))
    if isinstance(access, VaultKeys):
        signed, _, mac = data.removesuffix(b"\n").rpartition(b"\n")
        if not hmac.compare_digest(mac, b"mac " + access.mac(signed + b"\n").hex().encode()):
            raise Damaged(f"{root / HEADER} was changed: its MAC does not fit", FRESH)
    return header, access


def check_pin(root: Path, header: Header, expect: str | None) -> None:
    """Compare a vault with what the user wrote down: ``DIGEST`` or ``DIGEST@EPOCH``, as ``inspect`` prints it.

    Raises:
        VerifyFailed: another digest, or an epoch before that one.
    """
    if expect is None:
        return
    digest, at, epoch = expect.strip().lower().partition("@")
    if not digits(32)(digest) or (at and not _EPOCH.fullmatch(epoch)):
        raise UsageError("--expect: expected 64 hex digits, or these and @EPOCH", "ripguard vault inspect prints them")
    if digest != header.sums:
        raise VerifyFailed(f"{root} is another vault, or another version: its digest is {header.sums}")
    if epoch and header.epoch < int(epoch):
        raise VerifyFailed(
            f"{root} was rolled back: its header has epoch {header.epoch}, and {int(epoch)} was expected",
            "get the current header from the owner",
        )
