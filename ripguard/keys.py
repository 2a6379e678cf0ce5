"""Keys: make, write, read, and the tree of subkeys under one dataset key.

::

    Key (32 random bytes, in a key file)
     └─ dataset   HKDF salt = dataset id               proofs: keyed digests of clean pictures, release code
         └─ unit      one per split/class              what a platform hands to a user with a partial grant
             └─ picture   64 bytes for AES-256-SIV     one for the payload, one for the residue

No subkey depends on a path or file name. Keys never appear in ``repr``, logs, errors or argument lists.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import datetime
import errno
import hashlib
import hmac
import os
import re
import secrets
import stat
import string
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ripguard.crypto import hkdf
from ripguard.errors import KeyFileError, StorageError
from ripguard.files import NOFOLLOW, NotRegular, open_regular, sync_folder
from ripguard.passphrase import LENGTH as LOCKED_LENGTH
from ripguard.passphrase import Ask, ask, lock, unlock
from ripguard.seal import length_prefixed

PREFIX = "ripguard-key-1-"
SIGNING_PREFIX = "ripguard-signing-key-1-"
LOCKED = "locked-"  # after the prefix; base32 has no dash
ID_BYTES = 8
LONGEST = 4096  # characters, below which every private file stays
MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")  # byte order marks of UTF-8 and UTF-16
NO_LINKS = {getattr(errno, name, -1) for name in ("EPERM", "ENOSYS", "EOPNOTSUPP", "ENOTSUP", "EMLINK", "EACCES")}

A_KEY = re.compile(rb"(%s|%s)(locked-)?[a-z2-7]{50}" % (PREFIX.encode(), SIGNING_PREFIX.encode()), re.IGNORECASE)
PREFIXES = {prefix.replace("-", "").encode(): prefix for prefix in (PREFIX, SIGNING_PREFIX)}
A_PREFIX = re.compile(b"(%s)" % b"|".join(PREFIXES))
LETTERS = (string.ascii_letters + string.digits).encode()
NOT_LETTERS = bytes(set(range(256)) - set(LETTERS))
NOT_BASE64 = bytes(set(range(256)) - set(LETTERS + b"+/-_"))
AS_IN_MAIL = bytes.maketrans(b"-_", b"+/")  # of the two alphabets of base64


def encode_secret(prefix: str, secret: bytes, passphrase: str | None = None) -> str:
    """``prefix`` + base32 of secret and checksum: self-naming, one line, no leading dash, typed errors are noticed.

    With a passphrase the secret is locked first and the line says so.
    """
    if passphrase is not None:
        return _line(prefix + LOCKED, lock(secret, passphrase, prefix))
    return _line(prefix, secret)


def _line(prefix: str, data: bytes) -> str:
    check = hashlib.sha256(prefix.encode() + data).digest()[:4]
    return prefix + base64.b32encode(data + check).decode().rstrip("=").lower()


def decode_secret(prefix: str, text: str, where: str, passphrase: Ask = ask) -> bytes:
    """Inverse of :func:`encode_secret`; raises :class:`KeyFileError` that never quotes the text.

    Args:
        passphrase: called with ``where`` if the secret is locked.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) != 1 or not lines[0].startswith(prefix):
        raise KeyFileError(f"{where} is not a key file", f"expected one line that starts with {prefix}")
    locked = lines[0].startswith(prefix + LOCKED)
    start, length = (prefix + LOCKED, LOCKED_LENGTH) if locked else (prefix, 32)
    body = lines[0][len(start) :].upper()
    try:
        raw = base64.b32decode(body + "=" * (-len(body) % 8))
    except ValueError:
        raw = b""
    if len(raw) != length + 4 or _line(start, raw[:-4]) != lines[0].lower():
        raise KeyFileError(f"the key in {where} is damaged: its checksum does not fit", "use a backup of the key file")
    return unlock(raw[:-4], passphrase(where), prefix, where) if locked else raw[:-4]


def read_private(path: str | Path) -> str:
    """Text of a private file, or of standard input for ``-``.

    It must be UTF-8 and short, and is never cut or patched up: else many passphrases would be one. A link may lead to
    it; what is opened is what is checked.

    Raises:
        KeyFileError: others can read the file or exchange it, or it is none, or no text.
    """
    if str(path) == "-":
        return _text(_standard_input(), "standard input")
    try:
        handle = open_regular(path, follow=True)
        with open(handle, "rb") as file:
            _refuse_shared(path, os.fstat(handle))
            return _text(file.read(4 * LONGEST + 1), str(path))
    except NotRegular:
        raise KeyFileError(f"{path} is not a regular file", "name the key file itself") from None
    except FileNotFoundError:
        raise KeyFileError(f"there is no key file {path}", "make one: ripguard keygen --out FILE") from None
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error.strerror}") from None


def _standard_input() -> bytes:
    if sys.stdin is None:
        raise KeyFileError("standard input is closed", "name a file, or write the key there")
    raw = getattr(sys.stdin, "buffer", None)
    if raw is None:  # a text that stands in its place
        return sys.stdin.read(LONGEST).encode(errors="surrogatepass")
    return raw.read(4 * LONGEST + 1)


def _text(data: bytes, where: str) -> str:
    if data.startswith(MARKS):
        raise KeyFileError(f"{where} begins with a byte order mark", "save it as UTF-8 without one (BOM)")
    try:
        text = data.decode()
    except UnicodeDecodeError:
        if len(data) <= 4 * LONGEST:  # else it is cut, perhaps inside a character
            raise KeyFileError(f"{where} is not UTF-8 text", "save it as UTF-8") from None
        text = " " * LONGEST
    if len(text) >= LONGEST:
        raise KeyFileError(
            f"{where} is too long: {LONGEST:,} characters or more",
            "a key file has three lines of remarks and one line of key, a passphrase one line",
        )
    return text


def _refuse_shared(path: str | Path, found: os.stat_result) -> None:
    """Raise :class:`KeyFileError` where others can read the file, made it, or can put another in its place.

    The superuser may use anybody's: in a container, or with sudo, the user's own files look like somebody else's.
    """
    if os.name != "posix":
        return
    own = os.geteuid()
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise KeyFileError(f"{path} can be read by other users", f"chmod 600 {path}")
    if own and found.st_uid not in (own, 0):
        raise KeyFileError(f"{path} belongs to another user", "make a copy of your own, if you trust it")
    for folder in {os.path.dirname(os.path.abspath(path)), os.path.dirname(os.path.realpath(path))}:
        there = os.stat(folder)
        open_to_all = there.st_mode & 0o022 and not there.st_mode & stat.S_ISVTX
        if open_to_all and there.st_uid not in (own, found.st_uid):
            raise KeyFileError(
                f"{path} can be exchanged by other users: they can write into its folder, which is not yours",
                "keep it in a folder of your own",
            )


def write_private(*files: tuple[str | Path, str]) -> None:
    """Create each ``(path, text)`` with mode 0600, all of them or none; refuses to overwrite.

    A file gets its name when all are written and on the disk.

    Raises:
        KeyFileError: a file of that name exists, or none can be made there.
        StorageError: the disk is full, or fails.
    """
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
                sync_folder(os.path.dirname(place))  # a key that is lost is lost for good
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
        told = f"cannot write {path}: {error.strerror}"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO):
            raise StorageError(told, "nothing was made; free space and repeat the command") from None
        raise KeyFileError(told) from None


def _write_new(path: str | Path, text: str) -> None:
    """A new file, 0600, on the disk; none at all if that fails."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | NOFOLLOW, 0o600)
    try:
        with open(handle, "wb") as file:
            os.fchmod(handle, 0o600)  # whatever the umask
            file.write(text.encode())
            file.flush()
            os.fsync(handle)
    except BaseException:
        os.unlink(path)
        raise


def _give_name(place: str, path: str | Path, text: str) -> None:
    """Let a written file be called ``path`` as well, which must not exist."""
    try:
        os.link(place, path)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _write_new(path, text)  # such a file system has no better way


def holds_key(data: bytes) -> bool:
    """Whether bytes hold a key of either kind, locked or not: as text, as UTF-16 or UTF-32, broken over lines, quoted,
    or any of these in base64. In time linear in their length.
    """
    if _names_key(data):
        return True
    only = _unbroken(data).translate(AS_IN_MAIL, NOT_BASE64)
    shifted = (only[shift : shift + (len(only) - shift) // 4 * 4] for shift in range(4))  # base64 may begin anywhere
    return any(_names_key(binascii.a2b_base64(part)) for part in shifted)


def _names_key(data: bytes) -> bool:
    if A_KEY.search(data):
        return True
    # letters and figures alone, whatever stands between them; prose behind a prefix may look like a key, so its
    # checksum must fit
    bare = _unbroken(data).translate(None, NOT_LETTERS).lower()
    return any(_fits(found[1], bare[found.end() : found.end() + 200]) for found in A_PREFIX.finditer(bare))


def _unbroken(data: bytes) -> bytes:
    """Without every second byte of UTF-16, and ends of lines as JSON writes them: their letters would stay behind."""
    return data.translate(None, b"\0").replace(rb"\n", b"").replace(rb"\r", b"")


def _fits(kind: bytes, after: bytes) -> bool:
    """Whether a whole key follows a prefix, of which ``kind`` is left without dashes."""
    prefix = PREFIXES[kind]
    for start, length in ((prefix, 32), (prefix + LOCKED, LOCKED_LENGTH)):
        body = after.removeprefix(b"locked") if start.endswith(LOCKED) else after
        body = body[: -(-(length + 4) * 8 // 5)]
        with contextlib.suppress(ValueError):
            raw = base64.b32decode(body.upper() + b"=" * (-len(body) % 8))
            if len(raw) == length + 4 and _line(start, raw[:-4]) == start + body.decode():
                return True
    return False


@dataclass(frozen=True)
class Key:
    """The restore key of an owner: 32 random bytes. ``repr`` shows the key id only.

    Attributes:
        file: where it was read from, if from a file: beside it stands who signed its releases so far.
    """

    secret: bytes = field(repr=False)
    file: Path | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if len(self.secret) != 32:
            raise ValueError(f"key: expected 32 bytes, got {len(self.secret)}")

    @classmethod
    def generate(cls) -> Key:
        """A new key from the operating system's random generator."""
        return cls(secrets.token_bytes(32))

    @classmethod
    def read(cls, path: str | Path, passphrase: Ask = ask) -> Key:
        """Read a key file (``-``: standard input). Raises :class:`KeyFileError`.

        Args:
            passphrase: called if the key is locked; by default a file named in the environment, or the terminal.
        """
        secret = decode_secret(PREFIX, read_private(path), str(path), passphrase)
        return cls(secret, None if str(path) == "-" else Path(path))

    def write(self, path: str | Path, passphrase: str | None = None) -> None:
        """Write a key file, 0600, never over an existing one; locked if there is a passphrase.

        Raises :class:`KeyFileError`, :class:`StorageError`.
        """
        write_private((path, self.text(passphrase)))

    def text(self, passphrase: str | None = None) -> str:
        """What stands in its file; locked if there is a passphrase."""
        now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return (
            "# ripguard restore key: whoever holds it gets the clean pictures back. Keep it outside the release.\n"
            f"# created: {now}\n# key id: {self.id.hex()}\n{encode_secret(PREFIX, self.secret, passphrase)}\n"
        )

    @cached_property
    def id(self) -> bytes:
        """8 public bytes that name the key: they tell a wrong key before any work, and reveal nothing about it."""
        return hkdf(self.secret, FORMAT_SALT, b"key id", ID_BYTES)

    def dataset(self, dataset_id: bytes) -> DatasetKeys:
        """Subkeys of one release."""
        secret = hkdf(self.secret, FORMAT_SALT, length_prefixed(b"dataset", dataset_id), 32)
        return DatasetKeys(secret, self.id, dataset_id)

    def dataset_id(self, plan: bytes) -> bytes:
        """8 bytes that name a release: keyed: equal inputs give equal releases, and nobody can confirm a guess."""
        return hkdf(self.secret, FORMAT_SALT, length_prefixed(b"dataset id", plan), ID_BYTES)


FORMAT_SALT = b"ripguard/v0 keys"


@dataclass(frozen=True)
class PictureKeys:
    """The two 64-byte AES-256-SIV keys of one picture, and 32 bytes that decide where its payload stands."""

    payload: bytes = field(repr=False)
    residue: bytes = field(repr=False)
    place: bytes = field(repr=False)


@dataclass(frozen=True)
class UnitKeys:
    """Subkey of one split/class: opens every picture of that unit and nothing else."""

    secret: bytes = field(repr=False)

    def picture(self, index: int) -> PictureKeys:
        all_ = hkdf(self.secret, FORMAT_SALT, length_prefixed(b"picture", struct.pack(">I", index)), 160)
        return PictureKeys(all_[:64], all_[64:128], all_[128:])


@dataclass(frozen=True)
class DatasetKeys:
    """Subkeys of one release."""

    secret: bytes = field(repr=False)
    key_id: bytes
    dataset_id: bytes

    @cached_property
    def _known(self) -> dict[tuple[bytes, int], bytes]:
        return {}

    def _derived(self, info: bytes, length: int) -> bytes:
        """A subkey that many pictures share, derived once."""
        if (info, length) not in self._known:
            self._known[info, length] = hkdf(self.secret, FORMAT_SALT, info, length)
        return self._known[info, length]

    def unit(self, unit: int) -> UnitKeys:
        return UnitKeys(self._derived(length_prefixed(b"unit", struct.pack(">H", unit)), 32))

    @property
    def model(self) -> bytes:
        """64 bytes for AES-256-SIV: seals the model of the release's small-image coder."""
        return hkdf(self.secret, FORMAT_SALT, b"model", 64)

    def proof(self, purpose: bytes, data: bytes) -> bytes:
        """Keyed SHA-256: proves equality to a key holder and lets nobody else confirm a guess."""
        return hmac.digest(self._derived(b"proof " + purpose, 32), data, "sha256")
