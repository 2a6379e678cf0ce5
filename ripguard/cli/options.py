"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ripguard.errors import UsageError
from ripguard.numbers import positive
from ripguard.paths import expanded

KEY_VARIABLE = "RIPGUARD_KEY_FILE"
# copies of constants in ripguard.release.signers, which is slow to import; a test keeps them equal
SIGNER_VARIABLE, ANY = "RIPGUARD_SIGNER", "any"


class Formatter(argparse.HelpFormatter):
    """Help with one column for options: ``--[no-]gray-as-rgb`` in one line."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=28)

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if isinstance(action, argparse.BooleanOptionalAction):
            return f"--[no-]{action.option_strings[0][2:]}"
        return super()._format_action_invocation(action)


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options of every command."""
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    loud = parser.add_mutually_exclusive_group()
    loud.add_argument("-q", "--quiet", action="store_true", help="print only errors (and JSON)")
    loud.add_argument("-v", "--verbose", action="store_true", help="print stages and their times")


def add_key(parser: argparse.ArgumentParser, required: bool = True) -> None:
    text = f"restore key; - for stdin (default ${KEY_VARIABLE})"
    parser.add_argument("--key-file", metavar="K", default=os.environ.get(KEY_VARIABLE) or None, help=text)
    parser.set_defaults(key_required=required)


def key_of(options: argparse.Namespace) -> Any:
    """Path of the key file; None if it is optional and absent. Raises :class:`UsageError` if it is required."""
    if not options.key_file and options.key_required:
        raise UsageError("no key", f"add --key-file K or set {KEY_VARIABLE}; make a key with ripguard keygen --out K")
    given = options.key_file
    return given and expanded(given, KEY_VARIABLE if given == os.environ.get(KEY_VARIABLE) else "--key-file")


def add_signer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--signer", metavar="F",
        help=f"fingerprint that must have signed the release, or '{ANY}' (default: ${SIGNER_VARIABLE}, else a known "
        "signer of this key's releases, listed in K.signers)",
    )  # fmt: skip


def add_workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workers",
        type=positive,
        default=os.cpu_count() or 1,
        metavar="W",
        help="processes (default: number of cores)",
    )


def add_max_pixels(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--max-pixels", type=positive, metavar="N", help="most pixels of an image (default 50,000,000)")


def add_image_format(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--image-format", default="png", choices=("png", "webp"),
        help="of the published images: png (default), or webp, lossless too and smaller; not every program reads it",
    )  # fmt: skip


def add_source(parser: argparse.ArgumentParser, help: str) -> None:
    """``--source``; ``--against`` is its old name, until 0.2."""
    for flag, text in (("--source", help), ("--against", argparse.SUPPRESS)):
        parser.add_argument(flag, dest="against", metavar="SRC", help=text)


def names(text: str) -> tuple[str, ...]:
    names = tuple(name for name in text.split(",") if name)
    if not names:
        raise argparse.ArgumentTypeError(f"expected names joined by commas, got {text!r}")
    return names
