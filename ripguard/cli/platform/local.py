"""Which platform of this machine, for the commands of whoever runs it."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING

from ripguard.paths import expanded

if TYPE_CHECKING:
    from ripguard.platform.settings import Settings

DATABASE = "RIPGUARD_DATABASE"


def add_shared(parser: argparse.ArgumentParser) -> None:
    """``--shared``."""
    parser.add_argument("--shared", metavar="DIR", help="folder of deposits and jobs, as in ripguard serve")


def add_platform(parser: argparse.ArgumentParser, key: bool = True, key_required: bool = False) -> None:
    """``FOLDER``, ``--database`` and ``--master-key``."""
    parser.add_argument("folder", metavar="FOLDER", help="folder of the platform (--data of ripguard serve)")
    parser.add_argument(
        "--database", metavar="URL", help=f"where it is not in FOLDER; ${DATABASE} if it has a password"
    )
    if key:
        default = "" if key_required else " (default: master.key in FOLDER)"
        parser.add_argument("--master-key", metavar="F", required=key_required, help=f"master key file{default}")


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings of that platform."""
    from ripguard.platform.settings import Settings

    key, shared = getattr(options, "master_key", None), getattr(options, "shared", None)
    return Settings(
        folder=expanded(options.folder, "FOLDER"),
        database=options.database or os.environ.get(DATABASE, ""),
        master_key=expanded(key, "--master-key") if key else None,
        shared=expanded(shared, "--shared") if shared else None,
    )


def span(seconds: float) -> str:
    """A time in words: 0.3 s, 12 min, 5 h, 3 days."""
    for size, unit in ((86_400, "days"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.1f} s"
