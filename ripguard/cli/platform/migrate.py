"""`ripguard platform migrate`."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show
from ripguard.cli.platform.local import add_platform, settings_of

DESCRIPTION = (
    "Bring the database of a platform to another schema, each step both ways. ripguard serve does it by itself when a "
    "newer ripguard starts; before an older one is installed, go back with --to. Without --to, the schema is only "
    "printed. Stop all servers and make a backup before: what an older schema cannot hold is lost."
)


def add(parser: argparse.ArgumentParser) -> None:
    add_platform(parser, key=False)
    parser.add_argument("--to", metavar="SCHEMA", help="such as 0002; head: the newest")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.backup.making import database_of
    from ripguard.platform.database.migrating import migrate, schemas

    database = database_of(settings_of(options))
    try:
        before, after = migrate(database, options.to)
    finally:
        database.close()
    line = f"schema {after}" if before == after else f"schema {before} → {after}"
    show(options, {"before": before, "after": after, "known": schemas()}, [f"{line} (known: {', '.join(schemas())})"])
    return 0
