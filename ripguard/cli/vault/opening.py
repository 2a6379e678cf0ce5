"""Options that open a vault."""

from __future__ import annotations

import argparse
from typing import Any

from ripguard.cli.options import add_key, key_of


def add_opening(parser: argparse.ArgumentParser, required: bool = True) -> None:
    add_key(parser, required)
    for action in parser._actions:
        if "--key-file" in action.option_strings:
            action.help = "ripguard key or age identity file; - for stdin (default $RIPGUARD_KEY_FILE)"
    parser.add_argument(
        "--passphrase", action="store_true",
        help="open it with a passphrase instead, from the terminal or the file named by RIPGUARD_PASSPHRASE_FILE",
    )  # fmt: skip


def add_expect(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--expect", metavar="PIN", help="digest that the vault must have, or DIGEST@EPOCH; inspect prints it"
    )


def opener_of(options: argparse.Namespace) -> Any:
    """Path of the key file, or a passphrase that is asked for; None if neither is needed nor given."""
    if options.passphrase:
        from ripguard.vault.opening import Passphrase

        return Passphrase()
    return key_of(options)
