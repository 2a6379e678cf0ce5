"""Parse, call, print: the way of every command. Messages go to stderr, results to stdout."""

from __future__ import annotations

import argparse
import importlib
import io
import json
import os
import shlex
import sys
import traceback
from collections.abc import Sequence
from types import ModuleType

from ripguard import __version__
from ripguard.cli.options import Formatter, add_common
from ripguard.errors import (
    READER_GONE,
    RipguardError,
    StorageError,
    UsageError,
    as_refusal,
    keep_streams,
    reader_gone,
    tell,
    written,
)
from ripguard.memory import no_core_dumps
from ripguard.progress import Callback, Heartbeat, Stages, reported_to

VERBS = {  # a file each, which is imported when its verb is given
    "keygen": "make a restore key, and a signing key beside it",
    "protect": "make a protected release of a dataset",
    "restore": "get the clean images back, exactly",
    "verify": "check a release against its manifest, key, source and signer",
    "inspect": "show what a release or an image says of itself; no key needed",
    "report": "measure a release: likeness, surrogate, residue, equality of restored images",
    "evaluate": "measure what a model learns from a release of yours without its key",
    "train": "train a model on the clean images behind a release, restored in memory",
    "gc": "move aside what killed runs left in and beside a release",
    "data": "list the datasets ripguard knows, or export one as a folder tree",
    "methods": "list schemes, perturbations and hiding methods, or what one can be told",
    "completion": "print what completes ripguard's words in a shell",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (``docs/reference/exit-codes.md``)."""
    no_core_dumps()
    keep_streams()
    for stream in (sys.stdout, sys.stderr):  # names of files need not be text
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = argparse.Namespace(json="--json" in words)
    try:
        options = parse(words)
        _refuse_odd_texts(options)
        with reported_to(_reporter(options)):
            code = options.run(options)
        written()
        return code
    except KeyboardInterrupt:
        tell("ripguard: interrupted; repeat the command to continue")
        return 130
    except Exception as error:
        if isinstance(error, BrokenPipeError) and reader_gone():
            return READER_GONE
        refusal = as_refusal(error)
        if refusal is None and isinstance(error, OSError):  # a library's, that the system has no number for
            refusal = StorageError(str(error))
        if refusal:
            return _complain(options, refusal)
        tell(*traceback.format_exc().splitlines(), "ripguard: this is a defect, please report the lines above")
        return 1  # shown is where, but never a local variable


def _reporter(options: argparse.Namespace) -> Callback | None:
    """Where progress goes; None: bars on a terminal."""
    if options.quiet:
        return lambda step: None
    if options.verbose:
        return Stages(lambda line: tell(f"ripguard: {line}"))
    return None if sys.stderr.isatty() else Heartbeat(lambda line: tell(f"ripguard: {line}"))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Options of one command. Ends the process for what the parser refuses; raises :class:`UsageError` for the rest."""
    if "_ARGCOMPLETE" in os.environ:  # a shell asks what may come next
        import argcomplete

        argcomplete.autocomplete(build_parser(shlex.split(os.environ.get("COMP_LINE", ""))[1:]))
    parser = build_parser(words)
    options, strange = parser.parse_known_args(words)
    if strange and options.verb == "protect":
        _module("protect").refuse_option(words, strange)
    if strange:
        parser.error(f"unrecognized arguments: {' '.join(strange)}")
    return options


def _refuse_odd_texts(options: argparse.Namespace) -> None:
    """An empty value is a variable that was not set: taken for "not given" it would switch a check off, or mean the
    working directory. No name of a file holds NUL or half characters.
    """
    for name, value in vars(options).items():
        for text in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(text, str):
                if not text:
                    raise UsageError(
                        f"{name.replace('_', '-')}: expected a value, got an empty one", "is a variable unset?"
                    )
                try:
                    odd = b"\0" in os.fsencode(text)
                except UnicodeEncodeError:
                    odd = True
                if odd:
                    raise UsageError(f"{name.replace('_', '-')}: no name can hold a NUL character, or half of one")


def _complain(options: argparse.Namespace, error: RipguardError) -> int:
    if getattr(options, "json", False):
        told = {"error": error.code, "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
        try:
            print(json.dumps(told), flush=True)
        except BrokenPipeError:
            reader_gone()
    tell(f"ripguard: error: {error.message}")
    if error.hint:
        tell(f"ripguard: hint: {error.hint}")
    return error.exit_code


def build_parser(words: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The verbs, and the options of the one in ``words``, of `protect` those of the scheme that is named there.

    Args:
        words: of the command line; None: the options of all verbs.

    Raises:
        UsageError: a scheme, perturbation or hiding method that does not exist.
    """
    parser = argparse.ArgumentParser(
        prog="ripguard",
        description="Publish an image dataset that ordinary training learns next to nothing from; "
        "your key turns it back exactly.",
        epilog="A first round: ripguard keygen --out my.key; ripguard protect photos protected --key-file my.key; "
        "ripguard restore protected restored --key-file my.key",
    )
    parser.add_argument("--version", action="version", version=f"ripguard {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    given = next((word for word in words or () if not word.startswith("-")), None)
    for name, text in VERBS.items():
        if words is not None and name != given:
            verbs.add_parser(name, help=text)
            continue
        module = _module(name)
        # no abbreviations: --surrogate would mean --surrogate-share where a scheme has that alone
        verb = verbs.add_parser(
            name, help=text, description=module.DESCRIPTION, allow_abbrev=False, formatter_class=Formatter
        )
        if name != "data":
            add_common(verb)
            verb.set_defaults(run=module.run)
        module.add(verb, *([words or ()] if name == "protect" else []))
    return parser


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"ripguard.cli.{verb}")
