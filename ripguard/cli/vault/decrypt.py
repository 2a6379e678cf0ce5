"""`ripguard vault decrypt`."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_workers
from ripguard.cli.output import show, some
from ripguard.cli.source import readable
from ripguard.cli.vault.opening import add_expect, add_opening, opener_of
from ripguard.cli.vault.words import counted
from ripguard.errors import Damaged, tell

DESCRIPTION = (
    "Writes the files byte for byte. OUT appears at the end and contains only files that were verified; exit code 0 "
    "means that all were. With the key of one unit, only its files are there."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("vault", metavar="VAULT")
    parser.add_argument("out", metavar="OUT", help="folder to make")
    add_opening(parser)
    parser.add_argument("--unit", metavar="UNIT", help="only this split and class, e.g. train/cat")
    parser.add_argument("--files", metavar="GLOB", help="only files whose path matches, e.g. 'train/*.xml'")
    add_expect(parser)
    parser.add_argument("--dry-run", action="store_true", help="only count the files")
    add_workers(parser)


def run(options: argparse.Namespace) -> int:
    done = api.vault_decrypt(
        options.vault, options.out, opener_of(options), unit=options.unit, files=options.files, expect=options.expect,
        dry_run=options.dry_run, workers=options.workers,
    )  # fmt: skip
    verb = "would be decrypted to" if options.dry_run else "decrypted byte for byte to"
    lines = [f"{counted(done.files, 'file')} ({readable(done.bytes)}) {verb} {done.out}"]
    if not done.authenticated:
        lines.append(f"  with the key of {', '.join(done.units)}: the header is NOT authenticated")
    lines += some("  refused ({code}): {message}", done.refused)
    show(options, done.as_dict(), lines)
    if done.refused:
        hint = "ripguard: hint: get a fresh copy of the files that are named"
        tell(f"ripguard: error: refused: {counted(len(done.refused), 'file')}", hint)
        return done.first_error.exit_code if done.first_error else Damaged.exit_code
    return 0
