"""What opens a vault: a ripguard key file, age identities or a passphrase, of which each recipient has one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ripguard.crypto.keys import Key
from ripguard.crypto.passphrase import Ask, ask
from ripguard.crypto.private import read_private
from ripguard.errors import KeyFileError
from ripguard.release.find import read_key, refuse_inside_release
from ripguard.vault.heads import HEADER
from ripguard.vault.keys import UnitKey, VaultKeys

AGE_SECRET = "AGE-SECRET-KEY-1"


@dataclass(frozen=True)
class Passphrase:
    """A passphrase for a vault. ``repr`` does not show it.

    Attributes:
        text: the passphrase; None: ask for it, at the terminal or in the file of ``RIPGUARD_PASSPHRASE_FILE``.
    """

    text: str | None = field(default=None, repr=False)

    def given(self, where: str) -> str:
        """The passphrase for a vault of this name."""
        return ask(where) if self.text is None else self.text


@dataclass(frozen=True)
class AgeIdentities:
    """X25519 identities of ``age``: lines ``AGE-SECRET-KEY-1…``. ``repr`` does not show them."""

    lines: tuple[str, ...] = field(repr=False)

    @classmethod
    def from_text(cls, text: str, where: str = "the text") -> AgeIdentities:
        """Those of an identity file, as ``age-keygen`` writes it. Raises :class:`KeyFileError` if there is none."""
        lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
        if not lines or not all(line.upper().startswith(AGE_SECRET) for line in lines):
            raise KeyFileError(f"{where} is not an age identity file", f"expected lines that start with {AGE_SECRET}")
        return cls(tuple(lines))

    def parsed(self) -> list[Any]:
        """The identities for ``pyrage``. Raises :class:`KeyFileError` for a damaged one, without quoting it."""
        import pyrage

        try:
            return [pyrage.x25519.Identity.from_str(line) for line in self.lines]
        except pyrage.IdentityError:
            raise KeyFileError("an age identity is damaged", "use a backup of the identity file") from None


Opener = Key | AgeIdentities | Passphrase | VaultKeys | UnitKey


def read_opener(path: str | Path, passphrase: Ask = ask) -> Key | AgeIdentities:
    """Read a ripguard key file or an age identity file; ``-``: standard input.

    Raises:
        KeyFileError: missing, damaged, readable by others, or inside a release or vault.
    """
    if str(path) == "-":
        text = read_private(path)
        return AgeIdentities.from_text(text) if AGE_SECRET in text.upper() else Key.from_text(text, passphrase)
    refuse_inside_vault(Path(path))
    with_identities = False
    if Path(path).is_file():
        refuse_inside_release(Path(path))
        with_identities = AGE_SECRET in (text := read_private(path)).upper()
    if with_identities:
        return AgeIdentities.from_text(text, os.fspath(path))
    if not isinstance(key := read_key(path), Key):
        raise KeyFileError(f"{path} has unit keys of a release, which open no vault", "use the key of the vault")
    return key


def refuse_inside_vault(path: Path) -> None:
    """Raise :class:`KeyFileError` for the path of a key file inside a vault, which is sent to others."""
    for folder in path.resolve().parents:
        if os.path.isfile(folder / HEADER):
            raise KeyFileError(f"{path} lies inside the vault {folder}", "keep keys outside of it")


def as_opener(key: Any) -> Opener:
    """A key object, or the one in a key file. Raises :class:`KeyFileError` for anything else, too."""
    if isinstance(key, Key | AgeIdentities | Passphrase | VaultKeys | UnitKey):
        return key
    if isinstance(key, str | os.PathLike):
        return read_opener(os.fspath(key))
    raise KeyFileError(f"key: expected a key or the path of a key file, got {type(key).__name__}")
