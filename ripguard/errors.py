"""Every refusal ripguard can make: one class, one exit code, one sentence and a hint.

A user's mistake never ends in a traceback. ``docs/reference/exit-codes.md`` lists the codes; they are stable.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
import unicodedata
from collections.abc import Iterator, Sequence


class RipguardError(Exception):
    """Base of all refusals. ``str(error)`` is the message, and the hint in a line of its own.

    Attributes:
        message: one sentence: what is wrong, and where.
        hint: what to do next, "" for nothing.
        code: short stable slug, for ``--json`` output.
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
        return (type(self), (self.message, self.hint))  # survives the trip back from a worker process


class UsageError(RipguardError):
    """An argument or a combination of arguments makes no sense."""

    code, exit_code = "usage", 2


class InputRefused(RipguardError):
    """A source image or folder is of a kind that cannot be protected exactly."""

    code, exit_code = "input-refused", 3


class WrongKey(RipguardError):
    """The key is well formed but belongs to something else."""

    code, exit_code = "wrong-key", 4


class Damaged(RipguardError):
    """A protected image (or its residue) was changed after it was published."""

    code, exit_code = "damaged", 5


class NotProtected(RipguardError):
    """The image carries no header of ripguard: not protected, or damaged beyond recognition."""

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
    """The image needs its residue, and no release folder that holds it was named."""

    code, exit_code = "needs-release", 12


class MissingExtra(RipguardError):
    """The image is written with a codec, or the defence made with a library, that this installation lacks."""

    code, exit_code = "missing-extra", 13


LISTED = 20  # names in one message


def refuse_all(refusals: Sequence[InputRefused]) -> None:
    """Raise one refusal that names all of these; nothing for none."""
    if len(refusals) == 1:
        raise refusals[0]
    if refusals:
        some = "; ".join(one.message for one in refusals[:LISTED])
        more = f"; … and {len(refusals) - LISTED} more" if len(refusals) > LISTED else ""
        raise InputRefused(f"{len(refusals)} names are refused: {some}{more}", refusals[0].hint)


def expected(what: str, want: object, got: object) -> str:
    """One form for all shape and type complaints: ``what: expected X, got Y``."""
    return f"{what}: expected {want}, got {got}"


def shown(text: object) -> str:
    """A text as it may be printed: control characters, marks that turn the direction of writing, and half characters
    are written out (``\\x1b``, ``\\u202e``), so that no name of a stranger's file can act on a terminal or look like
    another line. Everything that ripguard prints goes through here.
    """
    text = str(text)
    if text.isprintable():
        return text
    return "".join(one if _harmless(one) else one.encode("unicode_escape").decode() for one in text)


def _harmless(character: str) -> bool:
    return character.isprintable() or unicodedata.category(character) == "Zs"  # spaces of all kinds


def acts(text: str) -> bool:
    """Whether a name holds a control character or one that turns the direction of writing: no new release takes it."""
    return any(unicodedata.category(one) == "Cc" or unicodedata.bidirectional(one) in TURNS for one in text)


TURNS = frozenset({"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"})


def written() -> None:
    """Everything printed so far is with the reader, or an OSError says why not. Standard output may be closed."""
    if sys.stdout is not None:
        sys.stdout.flush()


def tell(*lines: str) -> None:
    """Print lines to standard error, fit for a terminal. Where nobody listens, or it is full, the exit code must do."""
    try:
        print("\n".join(map(shown, lines)), file=sys.stderr, flush=True)
    except (OSError, ValueError):  # ValueError: closed
        with contextlib.suppress(OSError, ValueError):
            os.dup2(
                os.open(os.devnull, os.O_WRONLY), 2
            )  # else the interpreter tries again at its end, and exits by 120


def keep_streams() -> None:
    """Give a standard stream that the caller closed (``2>&-``) to the null device.

    Else the next file that is opened gets its number, and whatever a library says would be written into it; and nothing
    that prints could be called.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        try:
            os.fstat(number)
        except OSError:
            nothing = os.open(os.devnull, os.O_RDWR)
            if nothing != number:
                os.dup2(nothing, number)  # for processes started from here as well
                os.close(nothing)
            else:
                os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115 - until the process ends


# what libraries say that have no MemoryError: torch on a CPU and on a GPU, the system's loader, its threads
NO_MEMORY = re.compile(r"allocate memory|out of memory|failed to map segment|can't start new thread|bad_alloc", re.I)


def out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, whoever raised it."""
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or (
        isinstance(error, (RuntimeError, ImportError, SystemError)) and bool(NO_MEMORY.search(str(error)))
    )


def as_refusal(error: BaseException) -> RipguardError | None:
    """What an error means for who called: itself if it is a refusal; memory that ran out, a file that cannot be read or
    written, a name that no file can have; None for a defect of ripguard.
    """
    if isinstance(error, RipguardError):
        return error
    if out_of_memory(error):
        size = re.search(r"\d+(\.\d+)?\.? (bytes|[KMGT]i?B)", str(error))
        return StorageError(
            "out of memory" + (f": {size[0].replace('. ', ' ')} more were asked for" if size else ""),
            "nothing is half written; repeat the command with fewer --workers, or where there is more memory",
        )
    if isinstance(error, OSError) and (error.errno is not None or error.strerror):
        return StorageError(f"{error.strerror or error}: {error.filename or ''}".rstrip(": "))
    if isinstance(error, ValueError) and str(error).startswith("embedded null"):
        return UsageError("no name can hold a NUL character")
    if isinstance(error, ModuleNotFoundError) and (name := (error.name or "").partition(".")[0]) not in (
        "",
        "ripguard",
    ):
        extra = next((extra for extra, modules in EXTRAS.items() if name in modules), None)
        return MissingExtra(
            f"this needs the library {name}, which is not installed",
            f'pip install "ripguard[{extra}]"' if extra else "install ripguard anew: it comes with all that it needs",
        )
    return None


EXTRAS = {  # of setup.cfg, and what is imported from them
    "defences": ("kornia",),
    "jxl": ("pillow_jxl",),
    "fast": ("cryptography",),
    "notebooks": ("nbclient", "nbformat", "ipykernel"),
}


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """What errors of the system and of libraries mean for who calls; see :func:`as_refusal`. Defects stay as they are.

    Also a decorator.
    """
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


READER_GONE = 141  # 128 + SIGPIPE, as other programs whose reader has read enough


def reader_gone() -> bool:
    """Whether a broken pipe is standard output's, as with ``| head``; what is left to be written is then dropped."""
    import select

    out = sys.stdout.fileno()
    if hasattr(select, "poll"):  # not on Windows
        asked = select.poll()
        asked.register(out, 0)  # errors and hang-ups are told unasked
        if not asked.poll(0):
            return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), out)  # the interpreter writes the rest at its end
    return True


@contextlib.contextmanager
def refusals_printed() -> Iterator[None]:
    """What a script wraps its work in: a refusal ends the process with its sentence, its hint and its exit code."""
    keep_streams()
    try:
        yield
        written()
    except KeyboardInterrupt:
        tell("interrupted; what is recorded stays")
        sys.exit(130)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and reader_gone():
            sys.exit(READER_GONE)
        refusal = None if isinstance(error, BrokenPipeError) else as_refusal(error)
        if refusal is None:  # a defect
            raise
        tell(f"error: {refusal.message}", *([f"hint: {refusal.hint}"] if refusal.hint else []))
        sys.exit(refusal.exit_code)
