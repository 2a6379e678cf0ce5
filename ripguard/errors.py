"""Errors of ripguard: one class and one exit code for each kind, one sentence and a hint for each error.

User errors never end in a traceback. ``docs/reference/exit-codes.md`` lists the exit codes; they are stable.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence

from ripguard import systems


class RipguardError(Exception):
    """Base class of all errors for users. ``str(error)`` is the message, and the hint on a second line.

    Attributes:
        message: one sentence: what is wrong, and where.
        hint: what to do next, or "".
        code: short stable name for ``--json`` output.
        exit_code: stable process exit code.
    """

    code = "error"
    exit_code = 1

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message, self.hint = message, hint

    def __str__(self) -> str:
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message

    def __reduce__(self) -> tuple:
        return (type(self), (self.message, self.hint))  # pickled by worker processes


class UsageError(RipguardError):
    """An argument, or a combination of arguments, is invalid."""

    code, exit_code = "usage", 2


class InputRefused(RipguardError):
    """A source image or folder cannot be protected exactly."""

    code, exit_code = "input-refused", 3


class WrongKey(RipguardError):
    """The key is valid, but does not open this image or release."""

    code, exit_code = "wrong-key", 4


class Damaged(RipguardError):
    """A protected image, its residue or its release was changed after publishing."""

    code, exit_code = "damaged", 5


class NotProtected(RipguardError):
    """The image has no ripguard header: it is not protected, or is damaged beyond recognition."""

    code, exit_code = "not-protected", 6


class KeyFileError(RipguardError):
    """A key file is missing, malformed, readable by others, or in a forbidden place."""

    code, exit_code = "key-file", 7


class OutputRefused(RipguardError):
    """The output folder exists, overlaps the input, or is in use by another run."""

    code, exit_code = "output-refused", 8


class StorageError(RipguardError):
    """Reading or writing failed (disk full, permissions, I/O error)."""

    code, exit_code = "storage", 9


class VerifyFailed(RipguardError):
    """A release does not match its manifest, or the restored images do not match the source."""

    code, exit_code = "verify-failed", 10


class SignatureInvalid(RipguardError):
    """The release is unsigned, signed by somebody else, or changed after signing."""

    code, exit_code = "signature", 11


class NeedsRelease(RipguardError):
    """The image needs the residue or the codec model of its release, and that release was not given."""

    code, exit_code = "needs-release", 12


class MissingExtra(RipguardError):
    """An optional library is not installed: a codec of an image, or a library of a defence."""

    code, exit_code = "missing-extra", 13


LISTED = 20  # names in one message
LISTED_EACH = 5  # of each kind, where there are several


def refuse_all(refusals: Sequence[InputRefused]) -> None:
    """Raise one error that lists all of these by kind; do nothing if there are none.

    Messages are ``name: reason``; refusals of one kind have the same reason.
    """
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        kinds = by_kind(refusals)
        most = LISTED if len(kinds) == 1 else LISTED_EACH
        parts = [f"{len(names)} × {kind}: {some(names, most=most)}" for (kind, _), names in kinds.items()]
        hints = dict.fromkeys(hint for _, hint in kinds if hint)
        raise InputRefused(f"{len(refusals)} files are refused: {'; '.join(parts)}", "; ".join(hints))


def by_kind(refusals: Sequence[InputRefused]) -> dict[tuple[str, str], list[str]]:
    """Names of the refused files by (reason, hint), the most frequent first."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for one in refusals:
        name, _, reason = one.message.partition(": ")
        kinds.setdefault((reason, one.hint), []).append(name)
    return dict(sorted(kinds.items(), key=lambda item: -len(item[1])))


def expected(what: str, want: object, got: object) -> str:
    """Message for a wrong shape, type or value: ``what: expected X, got Y``."""
    return f"{what}: expected {want}, got {got}"


def shown(text: object) -> str:
    """A string that is safe to print: control characters, bidirectional marks and lone surrogates are escaped.

    File names are untrusted: escapes (``\\x1b``, ``\\u202e``) keep them from controlling a terminal or imitating
    other output. ripguard prints everything through this function.
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(one if _harmless(one) else one.encode("unicode_escape").decode() for one in text)


def _harmless(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"  # spaces of all kinds


def some(names: list[str], between: str = ", ", most: int = 20) -> str:
    """The first ``most`` names, safe to print, and the number of others."""
    text = between.join(shown(name) for name in names[:most])
    return f"{text}{between}and {len(names) - most:,} more" if len(names) > most else text


def acts(text: str) -> bool:
    """Whether a name contains a control or bidirectional character, which new releases refuse."""
    return any(unicodedata.category(one) == "Cc" or unicodedata.bidirectional(one) in TURNS for one in text)


TURNS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def written() -> None:
    """Flush standard output, if it is open. Raises :class:`OSError` if that fails."""
    if sys.stdout is not None:
        sys.stdout.flush()


def tell(*lines: str) -> None:
    """Print escaped lines to standard error. If that fails, only the exit code reports the error."""
    try:
        print("\n".join(map(shown, lines)), file=sys.stderr, flush=True)
    except (OSError, ValueError):  # ValueError: closed
        with contextlib.suppress(OSError, ValueError):
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), 2
            )  # otherwise the interpreter flushes again at exit and returns 120


def keep_streams() -> None:
    """Open the null device for each standard stream that the caller closed (``2>&-``).

    Otherwise the next opened file would get the number of the stream, and messages of libraries would be written to it.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)  # inherited by child processes
                os.close(nothing)
            else:
                os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - until the process ends


# messages without MemoryError: of torch on CPU and GPU, of the dynamic loader, of threads
NO_MEMORY = re.compile(r"allocate memory|out of memory|failed to map segment|can't start new thread|bad_alloc", re.I)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error means that memory ran out."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, (RuntimeError, ImportError, SystemError)) and bool(NO_MEMORY.search(str(error)))
    )


def as_refusal(error: BaseException) -> RipguardError | None:
    """Convert an exception to an error for users; None for a defect of ripguard.

    Converts lack of memory, failed file access, invalid file names and missing libraries; a :class:`RipguardError` is
    returned unchanged.
    """
    if isinstance(error, RipguardError):
        return error
    if out_of_memory(error):
        size = re.search(r"\d+(\.\d+)?\.? (bytes|[KMGT]i?B)", str(error))
        return StorageError(
            "out of memory" + (f": cannot allocate {size[0].replace('. ', ' ')}" if size else ""),
            "no incomplete files were left; repeat the command with fewer --workers, or with more memory",
        )
    if isinstance(error, OSError) and (error.errno is not None or error.strerror):
        return StorageError(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    if isinstance(error, ValueError) and str(error).startswith("embedded null"):
        return UsageError("a file name cannot contain a NUL character")
    if isinstance(error, ModuleNotFoundError) and (name := (error.name or "").partition(".")[0]) not in (
        "",
        "ripguard",
    ):
        extra = next((extra for extra, modules in EXTRAS.items() if name in modules), None)
        return MissingExtra(
            f"this needs the library {name}, which is not installed",
            f'pip install "ripguard[{extra}]"' if extra else "install ripguard again with its dependencies",
        )
    return None


EXTRAS = {  # extras of setup.cfg, and their modules
    "defences": ("kornia",),
    "jxl": ("pillow_jxl",),
    "heic": ("pillow_heif",),
    "dicom": ("pydicom",),
    "fast": ("cryptography",),
    "platform": ("sqlalchemy", "alembic", "fastapi", "starlette", "uvicorn", "multipart", "python_multipart", "httpx"),
    "postgres": ("psycopg",),
    "notebooks": ("nbclient", "nbformat", "ipykernel"),
}


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """Context manager and decorator: convert exceptions with :func:`as_refusal`; defects pass unchanged."""
    try:
        yield
    except RipguardError:
        raise
    except Exception as error:
        if isinstance(error, BrokenPipeError):
            raise
        refusal = as_refusal(error)
        if refusal is None:
            raise
        raise refusal from error


READER_GONE = 141  # 128 + SIGPIPE, as of other programs


def reader_gone() -> bool:
    """Whether standard output is a broken pipe, as with ``| head``; if so, further output is discarded."""
    out = sys.stdout.fileno()
    if not systems.reader_gone(out):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), out)  # the interpreter flushes at exit
    return True


@contextlib.contextmanager
def refusals_printed() -> Iterator[None]:
    """Context manager for scripts: a :class:`RipguardError` ends the process with its message, hint and exit code."""
    keep_streams()
    try:
        yield
        written()
    except KeyboardInterrupt:
        tell("interrupted; finished records are kept")
        sys.exit(130)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and reader_gone():
            sys.exit(READER_GONE)
        refusal = None if isinstance(error, BrokenPipeError) else as_refusal(error)
        if refusal is None:  # a defect
            raise
        tell(f"error: {refusal.message}", *([f"hint: {refusal.hint}"] if refusal.hint else []))
        sys.exit(refusal.exit_code)
