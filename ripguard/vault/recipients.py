"""Recipients of a vault: for each, the header has a stanza that wraps the key of the vault, or of one unit.

A stanza wraps 32 random bytes for its recipient, by a method of a library: AES-SIV under a ripguard key, ``age`` for an
X25519 recipient, scrypt and AES-SIV for a passphrase. These bytes open its grant: the secret, and for a unit the place
of its index. Adding or dropping a stanza touches the header alone.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

from ripguard.crypto.aead import length_prefixed
from ripguard.crypto.backend import Forged, hkdf, siv_open, siv_seal
from ripguard.crypto.keys import FORMAT_SALT, Key
from ripguard.crypto.padding import BadPadding, pad, unpad
from ripguard.crypto.passphrase import lock, unlock
from ripguard.errors import Damaged, KeyFileError, UsageError, WrongKey
from ripguard.store.schema import Check, below, canonical, digits, fields, parsed, text
from ripguard.vault.keys import Access, UnitKey, VaultKeys
from ripguard.vault.opening import AgeIdentities, Opener, Passphrase

MOST_PASSPHRASES = 8
PURPOSE = "ripguard-vault-1-"  # of locked secrets
STANZA: dict[str, Check] = {
    "kind": lambda value: value in ("key", "age", "passphrase"),
    "name": digits(8),
    "wrapped": digits(),
    "grant": digits(),
    "note": digits(),
}
_WHOLE: dict[str, Check] = {"secret": digits(32)}
_UNIT: dict[str, Check] = _WHOLE | {
    "unit": below(1 << 16), "split": text, "label": text, "start": below(1 << 63), "length": below(1 << 63),
}  # fmt: skip

Recipient = Key | Passphrase | str  # str: an age recipient


@dataclass(frozen=True)
class Listed:
    """A recipient of a vault.

    Attributes:
        name: 16 hex digits by which the recipient is dropped; of a ripguard key, its id.
        kind: ``key``, ``age`` or ``passphrase``.
        about: the age recipient; "" if there is nothing more to know, or without the key of the vault.
        unit: ``split/label`` for a recipient of one unit; None for the whole vault, or without its key.
    """

    name: str
    kind: str
    about: str = ""
    unit: str | None = None


def check_recipient(recipient: Recipient) -> None:
    """Refuse a recipient before any work.

    Raises:
        UsageError: not an age recipient.
        KeyFileError: an empty passphrase.
        ModuleNotFoundError: ``pyrage`` is not installed.
    """
    if isinstance(recipient, str):
        _age(recipient)
    elif isinstance(recipient, Passphrase) and not (recipient.text or "").strip():
        raise KeyFileError("the passphrase is empty", "choose another one")


def stanza(recipient: Recipient, granted: Access, keys: VaultKeys) -> dict[str, Any]:
    """The stanza that gives ``granted`` to a recipient of the vault of ``keys``. Raises :class:`UsageError`."""
    once = secrets.token_bytes(32)
    if isinstance(recipient, Key):
        kind, wrapped, about = "key", _wrap(recipient, keys.vault_id, once), ""
    elif isinstance(recipient, Passphrase):
        kind, wrapped, about = "passphrase", lock(once, recipient.text or "", PURPOSE), ""
    else:
        import pyrage

        kind, wrapped, about = "age", pyrage.encrypt(once, [_age(recipient)]), recipient
    name = recipient.key_id if isinstance(recipient, Key) else hashlib.sha256(wrapped).digest()[:8]
    body: dict[str, Any] = {"secret": granted.secret.hex()}
    if isinstance(granted, UnitKey):
        body |= {key: getattr(granted, key) for key in ("unit", "split", "label", "start", "length")}
    note = canonical([about, granted.name if isinstance(granted, UnitKey) else None])
    bound = _bound(keys.vault_id, kind, wrapped)
    return {
        "kind": kind,
        "name": name.hex(),
        "wrapped": wrapped.hex(),
        "grant": siv_seal(_grant_key(once), bound, pad(canonical(body))).hex(),
        "note": siv_seal(keys.notes, bound, pad(note)).hex(),
    }


def unlocked(stanzas: list[dict[str, Any]], vault_id: bytes, opener: Opener, where: str) -> Access:
    """What a key opens.

    Args:
        where: name of the header, for messages.

    Raises:
        WrongKey: none of the stanzas.
        Damaged: its stanza was changed.
        KeyFileError: the wrong passphrase.
    """
    if isinstance(opener, VaultKeys | UnitKey):
        if opener.vault_id != vault_id:
            raise WrongKey(f"wrong key: it opens the vault {opener.vault_id.hex()} alone, not {vault_id.hex()}")
        return opener
    kind = {Key: "key", AgeIdentities: "age", Passphrase: "passphrase"}[type(opener)]
    own = [one for one in stanzas if one["kind"] == kind]
    own = own[:MOST_PASSPHRASES] if kind == "passphrase" else own  # each takes a second, or as long as a stranger wants
    if isinstance(opener, Key):
        own = [one for one in own if one["name"] == opener.key_id.hex()]
    failed: KeyFileError | None = None
    passphrase = opener.given(where) if isinstance(opener, Passphrase) and own else ""
    for one in own:
        wrapped = bytes.fromhex(one["wrapped"])
        try:
            once = _unwrap(opener, vault_id, wrapped, passphrase, where)
        except KeyFileError as error:
            failed = error
            continue
        if once is not None:
            return _granted(one, once, vault_id, where)
    if failed:
        raise failed
    kinds = ", ".join(sorted({one["kind"] for one in stanzas}))
    raise WrongKey(f"wrong key: it is not that of a recipient of {where}", f"its recipients have: {kinds}")


def listed(one: dict[str, Any], keys: VaultKeys | None) -> Listed:
    """What is known about a stanza; more with the key of the vault. Raises :class:`Damaged`."""
    if keys is None:
        return Listed(one["name"], one["kind"])
    bound = _bound(keys.vault_id, one["kind"], bytes.fromhex(one["wrapped"]))
    try:
        about, unit = json.loads(unpad(siv_open(keys.notes, bound, bytes.fromhex(one["note"]))))
    except (Forged, ValueError):
        raise Damaged(f"the note on recipient {one['name']} was changed") from None
    return Listed(one["name"], one["kind"], about, unit)


def _age(recipient: str) -> Any:
    import pyrage

    try:
        return pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise UsageError(
            "--recipient: expected an age recipient, age1…", "age-keygen prints it beside its identity"
        ) from None


def _wrap(key: Key, vault_id: bytes, once: bytes) -> bytes:
    return siv_seal(_key_key(key, vault_id), length_prefixed(b"ripguard vault key", vault_id), once)


def _unwrap(opener: Opener, vault_id: bytes, wrapped: bytes, passphrase: str, where: str) -> bytes | None:
    """The 32 bytes in a stanza; None if it is of another age recipient.

    Raises:
        KeyFileError: another passphrase.
        Damaged: the stanza of a ripguard key was changed.
    """
    if isinstance(opener, Passphrase):
        return unlock(wrapped, passphrase, PURPOSE, where)
    if isinstance(opener, AgeIdentities):
        import pyrage

        try:
            return pyrage.decrypt(wrapped, opener.parsed())
        except pyrage.DecryptError:
            return None
    if not isinstance(opener, Key):
        return None
    try:
        return siv_open(_key_key(opener, vault_id), length_prefixed(b"ripguard vault key", vault_id), wrapped)
    except Forged:
        raise Damaged(f"{where}: the stanza of this key was changed", "get a fresh copy of this file") from None


def _granted(one: dict[str, Any], once: bytes, vault_id: bytes, where: str) -> Access:
    wrapped = bytes.fromhex(one["wrapped"])
    try:
        if len(once) != 32:
            raise ValueError
        raw = siv_open(_grant_key(once), _bound(vault_id, one["kind"], wrapped), bytes.fromhex(one["grant"]))
        body = parsed(unpad(raw))
        if not fields(_UNIT if "unit" in body else _WHOLE)(body):
            raise ValueError
    except (Forged, BadPadding, ValueError, TypeError):
        raise Damaged(f"{where}: a stanza was changed, or moved here", "get a fresh copy of this file") from None
    secret = bytes.fromhex(body.pop("secret"))
    if "unit" not in body:
        return VaultKeys(secret, vault_id)
    return UnitKey(secret, vault_id, body["unit"], body["split"], body["label"], body["start"], body["length"])


def _key_key(key: Key, vault_id: bytes) -> bytes:
    return hkdf(key.secret, FORMAT_SALT, length_prefixed(b"vault", vault_id), 64)


def _grant_key(once: bytes) -> bytes:
    return hkdf(once, FORMAT_SALT, b"vault grant", 64)


def _bound(vault_id: bytes, kind: str, wrapped: bytes) -> bytes:
    return length_prefixed(b"ripguard vault grant", vault_id, kind.encode(), wrapped)
