"""`ripguard platform`: use a platform. One file an action."""

from __future__ import annotations

import argparse
import importlib

from ripguard.cli.options import add_common
from ripguard.cli.platform.connection import add_connection

DESCRIPTION = "Use a platform that holds keys: deposit releases, grant and request access, restore."
ACTIONS = {  # one module each
    "account": "make an account, and write its token to a file (admin)",
    "deposit": "deposit a release with its key (owner)",
    "grant": "grant a dataset to an account, or invite a new one (owner)",
    "request": "request access to a dataset",
    "decide": "list requests for a dataset, or decide about one (owner)",
    "restore": "restore protected images that a grant opens",
    "keys": "take the keys of granted classes, which restore offline and for ever",
    "token": "make a token with less power than one's own",
    "revoke": "end a grant or a token",
    "log": "export or verify the audit log (auditor)",
}


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in ACTIONS.items():
        module = importlib.import_module(f"ripguard.cli.platform.{name}")
        action = actions.add_parser(name, help=text, description=module.DESCRIPTION, allow_abbrev=False)
        add_common(action)
        action.set_defaults(run=module.run)
        module.add(action)
        add_connection(action)
