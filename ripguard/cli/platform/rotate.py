"""`ripguard platform rotate`."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show
from ripguard.cli.platform.local import add_platform, settings_of

DESCRIPTION = (
    "Make a new generation of the master key, beside the first one, and move every wrapped key under it, while servers "
    "run. An interrupted rotation goes on when the command is repeated. Back up the new file before, with --prepare; "
    "where several hosts share a database, copy it to all of them, too. The old file opens backups from its time."
)


def add(parser: argparse.ArgumentParser) -> None:
    add_platform(parser)
    parser.add_argument("--prepare", action="store_true", help="only make the file of the new generation")


def run(options: argparse.Namespace) -> int:
    from ripguard.errors import InputRefused
    from ripguard.platform.audit.log import PLATFORM
    from ripguard.platform.backup.making import database_of
    from ripguard.platform.core import Platform
    from ripguard.platform.database.migrating import migrate
    from ripguard.platform.rotation import prepare, rotate

    settings = settings_of(options)
    if not settings.master_file.exists():
        raise InputRefused(f"there is no master key file {settings.master_file}", "name it with --master-key F")
    database = database_of(settings)
    try:
        migrate(database, None)  # refuses a database without a platform, in which a start would make one
    finally:
        database.close()
    platform = Platform.start(settings)
    try:
        if options.prepare:
            file = str(platform.custody.masters.place(generation := prepare(platform.custody)))
            about = {"generation": generation, "file": file, "rewrapped": 0, "retired": []}
            lines = [f"generation {generation}: {file}; back it up, then repeat the command without --prepare"]
        else:
            done = rotate(platform.custody, platform.audit, PLATFORM)
            file = str(platform.custody.masters.place(done.generation))
            about = {
                "generation": done.generation, "file": file, "rewrapped": done.rewrapped, "retired": done.retired,
            }  # fmt: skip
            lines = [f"generation {done.generation}: {file}; {done.rewrapped} keys moved under it"]
            lines += [f"  keep the file of generation {one} as long as backups from its time" for one in done.retired]
    finally:
        platform.close()
    show(options, about, lines)
    return 0
