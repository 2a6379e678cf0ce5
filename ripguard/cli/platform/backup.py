"""`ripguard platform backup`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ripguard.cli.output import show
from ripguard.cli.platform.local import add_platform, add_shared, settings_of, span
from ripguard.paths import expanded

DESCRIPTION = (
    "Back up a platform into a new folder while servers run: the database as it is at one moment, the deposited "
    "metadata, and the signed heads of the audit log. The master key is not in it: keep a copy of that on another "
    "machine. With both, everything that was deposited can be restored; the backup alone opens nothing. Uploads and "
    "results of jobs are not in it either."
)


def add(parser: argparse.ArgumentParser) -> None:
    add_platform(parser, key=False)
    add_shared(parser)
    parser.add_argument("out", metavar="OUT", help="new folder, on another disk")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.backup.making import back_up

    settings, out = settings_of(options), Path(expanded(options.out, "OUT"))
    made = back_up(settings, out)
    record = made.record
    about = {
        "backup": str(out), "made_at": record.made_at, "seconds": round(made.seconds, 3), "bytes": made.bytes,
        "files": len(record.files), "database": record.kind, "schema": record.revision, "records": record.records,
        "head": record.head, "master_key": False,
    }  # fmt: skip
    key = settings.master_file if settings.master_file.exists() else "its file"  # the server may use another one
    lines = [
        f"{out}: {len(record.files)} files, {made.bytes:,} bytes, in {span(made.seconds)}",
        f"  the audit log ends at record {record.records}, {record.head}: keep these two elsewhere",
        f"  the master key is not in it: back up {key}, and later generations, on another machine",
    ]
    show(options, about, lines)
    return 0
