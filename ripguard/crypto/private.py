"""Private files (keys, passphrases): read only if no other user can read them, written with mode 0600."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from ripguard.errors import KeyFileError, StorageError
from ripguard.files import NotRegular, open_regular
from ripguard.paths import expanded
from ripguard.systems import BINARY, HAS_OWNERS, NOFOLLOW, link, make_private, open_to_others, sync_folder, user

LONGEST = 4096  # characters; every private file is shorter
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-8 and UTF-16
NO_LINKS = {getattr(errno, name, -1) for name in ("EPERM", "ENOSYS", "EOPNOTSUPP", "ENOTSUP", "EMLINK", "EACCES")}


def read_private(path: str | Path, otherwise: str = "", most: int = LONGEST) -> str:
    """Text of a private file, or of standard input for ``-``.

    The file must be short and valid UTF-8. It is never truncated or repaired: different passphrases would become equal.
    A symbolic link is followed; the checks apply to the opened file.

    Args:
        otherwise: what to do where the mode of the file cannot be changed, for the hint.
        most: characters.

    Raises:
        KeyFileError: other users can read or replace the file, it is missing, not a regular file, or not text.
    """
    if str(path) == "-":
        return _text(_standard_input(most), "standard input", most)
    try:
        handle = open_regular(path, follow=True)
        with open(handle, "rb") as file:
            _refuse_shared(path, os.fstat(handle), otherwise)
            return _text(file.read(4 * most + 1), str(path), most)
    except NotRegular:
        raise KeyFileError(f"{path} is not a regular file", "name the key file itself") from None
    except FileNotFoundError:
        raise KeyFileError(f"there is no key file {path}", "make one: ripguard keygen --out FILE") from None
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error.strerror}") from None


def _standard_input(most: int) -> bytes:
    if sys.stdin is None:
        raise KeyFileError("standard input is closed", "name a key file instead, or pipe the key into the command")
    raw = getattr(sys.stdin, "buffer", None)
    if raw is None:  # replaced by a text stream
        return sys.stdin.read(most).encode(errors="surrogatepass")
    return raw.read(4 * most + 1)


def _text(data: bytes, where: str, most: int) -> str:
    if data.startswith(MARKS):
        raise KeyFileError(f"{where} begins with a byte order mark", "save it as UTF-8 without a BOM")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        if len(data) <= 4 * most:  # longer input was cut, perhaps inside a character
            raise KeyFileError(f"{where} is not UTF-8 text", "save it as UTF-8") from None
        text = " " * most
    return not_longer(text, where, most)


def not_longer(text: str, where: str, most: int = LONGEST) -> str:
    """The text of a private file. Raises :class:`KeyFileError` if it is too long."""
    if len(text) >= most:
        raise KeyFileError(
            f"{where} is too long: {most:,} characters or more",
            "a key file has three comment lines and one key line; a passphrase file has one line",
        )
    return text


def _refuse_shared(path: str | Path, found: os.stat_result, otherwise: str) -> None:
    """Raise :class:`KeyFileError` where other users can read the file, own it, or can replace it.

    Root may use files of any owner: in a container, or with sudo, the user's own files have another owner.
    """
    if not HAS_OWNERS:  # Windows: the rights of the folder decide, and Python does not show them
        return
    own = user()
    if open_to_others(found):
        otherwise = otherwise or f"use a copy on another file system: install -m 600 {path} COPY"
        raise KeyFileError(
            f"{path} can be read by other users", f"chmod 600 {path}; where its mode cannot be changed, {otherwise}"
        )
    if own and found.st_uid not in (own, 0):
        raise KeyFileError(f"{path} belongs to another user", "if you trust it, make your own copy")
    for folder in {os.path.dirname(os.path.abspath(path)), os.path.dirname(os.path.realpath(path))}:
        there = os.stat(folder)
        open_to_all = there.st_mode & 0o022 and not there.st_mode & stat.S_ISVTX
        if open_to_all and there.st_uid not in (own, found.st_uid):
            raise KeyFileError(
                f"other users can replace {path}: they can write into its folder, which is not yours",
                "move it to a folder that only you can write to",
            )


def write_private(*files: tuple[str | Path, str]) -> None:
    """Create each ``(path, text)`` with mode 0600: all of them or none. Never overwrites.

    The files get their names after all of them are synced to disk.

    Raises:
        KeyFileError: a file of that name exists, or cannot be created.
        StorageError: the disk is full, or fails.
    """
    files = tuple((expanded(path, "key file"), text) for path, text in files)
    for path, _ in files:
        if os.path.lexists(path):
            raise KeyFileError(f"{path} exists; a key is never overwritten", "choose another name")
    temporary, named = list[str](), list[str | Path]()
    try:
        for path, text in files:
            place = os.path.join(os.path.dirname(os.path.abspath(path)), f".{secrets.token_hex(8)}.tmp")
            with _writing(path):
                _write_new(place, text)
            temporary.append(place)
        for place, (path, text) in zip(temporary, files):
            with _writing(path):
                _give_name(place, path, text)
            named.append(path)
        for place, (path, _) in zip(temporary, files):
            with _writing(path):
                os.unlink(place)
                sync_folder(os.path.dirname(place))  # without it, a crash could lose the key
    except BaseException:
        for made in (*temporary, *named):
            with contextlib.suppress(OSError):
                os.unlink(made)
        raise


@contextlib.contextmanager
def _writing(path: str | Path) -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise KeyFileError(f"{path} exists; a key is never overwritten", "choose another name") from None
    except OSError as error:
        what = f"cannot write {path}: {error.strerror}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise StorageError(what, "no key was written; free space on the disk and repeat the command") from None
        raise KeyFileError(what) from None


def _write_new(path: str | Path, text: str) -> None:
    """Create a file with mode 0600 and sync it; remove it if that fails."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY | NOFOLLOW, 0o600)
    try:
        with open(handle, "wb") as file:
            make_private(handle)
            file.write(text.encode())
            file.flush()
            os.fsync(handle)
    except BaseException:
        os.unlink(path)
        raise


def _give_name(place: str, path: str | Path, text: str) -> None:
    """Link a written file to ``path``, which must not exist."""
    try:
        link(place, path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _write_new(path, text)  # a file system without hard links
