"""A profile file: what a user is handed to restore from one dataset. It holds a token, so its mode is 0600."""

from __future__ import annotations

import ipaddress
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from ripguard.errors import KeyFileError
from ripguard.files import open_regular
from ripguard.store.atomic import storage, write_file
from ripguard.systems import open_to_others

FORMAT = "ripguard-profile/1"
MOST = 1 << 14  # bytes


@dataclass(frozen=True)
class Profile:
    """Where and how to restore a dataset.

    Attributes:
        server: address, such as ``https://data.example.org``.
        dataset: id of the dataset.
        expires_at: seconds since 1970, UTC, when the token ends.
        signer: public key of the platform in hex, which signs its results; "" if unknown.
    """

    server: str
    dataset: str
    token: str = field(repr=False)
    expires_at: int = 0
    signer: str = ""

    def write(self, file: Path) -> None:
        """Write it, mode 0600. Raises :class:`StorageError`."""
        write_file(file, self.data(), private=True)

    def data(self) -> bytes:
        """The content of its file."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1).encode() + b"\n"

    @classmethod
    def read(cls, file: Path) -> Profile:
        """Read it. Raises :class:`KeyFileError` if it is missing, readable by others, or no profile."""
        return cls.parsed(secret_text(file), str(file))

    @classmethod
    def parsed(cls, text: str | bytes, name: str = "the file") -> Profile:
        """The profile in the content of a file, called ``name`` in the error. Raises :class:`KeyFileError`."""
        try:
            found = json.loads(text)
            made = cls(found["server"], found["dataset"], found["token"], found["expires_at"], found.get("signer", ""))
            texts = (made.server, made.dataset, made.token, made.signer)
            if found["format"] != FORMAT or not all(isinstance(one, str) for one in texts):
                raise ValueError
        except (ValueError, KeyError, TypeError, RecursionError):
            raise KeyFileError(f"{name} is not a profile", "ask the owner of the dataset for it") from None
        return made


def token_of(file: Path) -> str:
    """The token in a file, mode 0600. Raises :class:`KeyFileError`."""
    return secret_text(file).strip()


def secret_text(file: Path) -> str:
    """A small text file that nobody else may read. Raises :class:`KeyFileError`, :class:`StorageError`."""
    with storage("cannot read"):
        try:
            handle = open_regular(file)
        except FileNotFoundError:
            raise KeyFileError(f"there is no file {file}") from None
        with open(handle, "rb") as opened:
            if open_to_others(os.fstat(opened.fileno())):
                raise KeyFileError(f"{file} can be read by others", f"chmod 600 {file}")
            data = opened.read(MOST + 1)
    try:
        if len(data) > MOST:
            raise ValueError
        return data.decode()
    except ValueError:
        raise KeyFileError(f"{file} is not a text file with a token") from None


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host, a name or an address, stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
