"""Parse the command line, run a command, report errors. Messages go to stderr, results to stdout."""

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

VERBS = {  # one module each, imported when its verb is used
    "keygen": "make a restore key and a signing key",
    "protect": "make a protected release of a dataset",
    "check": "check a dataset before it is protected: layout, classes, refused files",
    "convert": "write a dataset in another format (COCO, VOC, YOLO, Hugging Face, Parquet, ImageFolder)",
    "restore": "restore the clean images exactly",
    "verify": "check a release against its manifest, key, source and signer",
    "inspect": "show public facts about a release or an image; needs no key",
    "report": "measure a release: PSNR, SSIM, surrogate, residue, equality of restored images",
    "evaluate": "measure what a model learns from your release without its key",
    "audit": "attack your own release with defences and removal attacks, within a budget",
    "train": "train a model on the images of a release, restored in memory",
    "vault": "encrypt a dataset: make, read, check and share vaults",
    "privdl": "train, test and use networks on releases of scheme privdl",
    "serve": "run the platform, which holds keys and restores for authorized users",
    "platform": "use a platform: deposit, grant, request, restore",
    "gc": "move aside files that killed runs left in and beside a release",
    "data": "list the built-in datasets, or export one as a folder tree",
    "methods": "list schemes, perturbations and hiding methods, or the options of one",
    "completion": "print a script for shell completion",
}


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code (``docs/reference/exit-codes.md``)."""
    no_core_dumps()
    keep_streams()
    for stream in (sys.stdout, sys.stderr):  # file names may contain bytes that are not text
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
        if refusal is None and isinstance(error, OSError):  # raised by a library, without errno
            refusal = StorageError(str(error))
        if refusal:
            return _complain(options, refusal)
        tell(*traceback.format_exc().splitlines(), "ripguard: this is a defect, please report the lines above")
        return 1  # the traceback contains no local variables, so no keys


def _reporter(options: argparse.Namespace) -> Callback | None:
    """The progress callback; None: draw bars on the terminal."""
    if options.quiet:
        return lambda step: None
    if options.verbose:
        return Stages(lambda line: tell(f"ripguard: {line}"))
    return None if sys.stderr.isatty() else Heartbeat(lambda line: tell(f"ripguard: {line}"))


def parse(words: Sequence[str]) -> argparse.Namespace:
    """Parse one command. The parser exits on its own errors; other errors raise :class:`UsageError`."""
    if "_ARGCOMPLETE" in os.environ:  # called by shell completion
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
    """Raise :class:`UsageError` for empty values, NUL characters and lone surrogates.

    An empty value usually is an unset shell variable. It must not disable a check or mean the working directory.
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
                    raise UsageError(
                        f"{name.replace('_', '-')}: no name can contain a NUL character or a lone surrogate"
                    )


def _complain(options: argparse.Namespace, error: RipguardError) -> int:
    if getattr(options, "json", False):
        answer = {"error": error.code, "message": error.message, "hint": error.hint, "exit_code": error.exit_code}
        try:
            print(json.dumps(answer), flush=True)
        except BrokenPipeError:
            reader_gone()
    tell(f"ripguard: error: {error.message}")
    if error.hint:
        tell(f"ripguard: hint: {error.hint}")
    return error.exit_code


def build_parser(words: Sequence[str] | None = None) -> argparse.ArgumentParser:
    """The parser of all verbs, with the options of the verb in ``words``; for `protect`, those of the chosen scheme.

    Args:
        words: words of the command line; None: add the options of all verbs.

    Raises:
        UsageError: a scheme, perturbation or hiding method does not exist.
    """
    parser = argparse.ArgumentParser(
        prog="ripguard",
        description="Publish an image dataset from which plain training learns little; your key restores it exactly.",
        epilog="Example: ripguard keygen --out my.key; ripguard protect photos protected --key-file my.key; "
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
        # no abbreviations: --surrogate could mean --surrogate-share, depending on the scheme
        verb = verbs.add_parser(
            name, help=text, description=module.DESCRIPTION, allow_abbrev=False, formatter_class=Formatter
        )
        if hasattr(module, "run"):  # otherwise it has actions of its own
            add_common(verb)
            verb.set_defaults(run=module.run)
        module.add(verb, *([words or ()] if name == "protect" else []))
    return parser


def _module(verb: str) -> ModuleType:
    return importlib.import_module(f"ripguard.cli.{verb}")
