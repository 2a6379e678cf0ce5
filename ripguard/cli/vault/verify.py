"""`ripguard vault verify`."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_workers
from ripguard.cli.output import show
from ripguard.cli.vault.opening import add_expect, add_opening, opener_of
from ripguard.cli.vault.words import counted
from ripguard.errors import LISTED, VerifyFailed

DESCRIPTION = (
    "Compares the files of the vault with SHA256SUMS. With a key, also opens every chunk: only that shows what "
    "somebody changed on purpose. With --source, also compares every file with the source."
)
WORDS = {
    "cut": "cut off or longer", "absent": "of the source, not in the vault", "unlisted": "not in the source",
    "forged": "does not verify",
}  # fmt: skip


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("vault", metavar="VAULT")
    add_opening(parser, required=False)
    parser.add_argument("--source", metavar="SRC", help="the source of the vault (needs a key)")
    add_expect(parser)
    add_workers(parser)


def run(options: argparse.Namespace) -> int:
    report = api.vault_verify(
        options.vault, opener_of(options), expect=options.expect, source=options.source, workers=options.workers
    )
    data = report.as_dict()
    lines = [f"vault {report.vault_id}, digest {report.digest}, epoch {report.epoch}"]
    if report.files is None:
        lines.append("no key: only accidental changes are found")
    else:
        lines.append(f"verified with this key: {counted(report.files, 'file')}")
    if report.equal is not None:
        lines.append(f"equal to the source byte for byte: {counted(report.equal, 'file')}")
    for name in data:
        if isinstance(data[name], list):
            lines += [f"  {WORDS.get(name, name)}: {one}" for one in data[name][:LISTED]]
            if len(data[name]) > LISTED:
                lines.append(f"  {WORDS.get(name, name)}: … and {len(data[name]) - LISTED:,} more")
    show(options, data, [*lines, "ok" if report.ok else "NOT ok"])
    return 0 if report.ok else VerifyFailed.exit_code
