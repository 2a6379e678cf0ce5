"""`ripguard vault`: encrypted datasets. One file an action."""

from __future__ import annotations

import argparse
import importlib

from ripguard.cli.options import Formatter, add_common

DESCRIPTION = (
    "A vault holds any tree of files, encrypted: nobody without a key reads images, annotations, names or labels. "
    "Training reads it directly."
)
ACTIONS = {  # one module each
    "encrypt": "encrypt the files of a folder to a vault",
    "decrypt": "decrypt a vault, or a part of it, byte for byte",
    "inspect": "show what is known about a vault; with a key, what is in it",
    "verify": "check a vault: its files, and with a key every chunk",
    "recipients": "list, add or drop who can open a vault",
}


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in ACTIONS.items():
        module = importlib.import_module(f"ripguard.cli.vault.{name}")
        action = actions.add_parser(
            name, help=text, description=module.DESCRIPTION, allow_abbrev=False, formatter_class=Formatter
        )
        if hasattr(module, "run"):  # otherwise it has actions of its own
            add_common(action)
            action.set_defaults(run=module.run)
        module.add(action)
