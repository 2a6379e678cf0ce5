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
    "jobs": "list own jobs, resume or cancel one",
    "log": "export or verify the audit log (auditor)",
    "backup": "back up a platform that runs, without its master key (on its machine)",
    "restore-backup": "restore a backup into a new folder, and prove that it is whole (on its machine)",
    "rotate": "move all keys under a new master key (on its machine)",
    "migrate": "bring the database to another schema, or tell which it has (on its machine)",
}
LOCAL = ("backup", "restore-backup", "rotate", "migrate")  # for whoever has the machine: no server, no token


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in ACTIONS.items():
        module = importlib.import_module(f"ripguard.cli.platform.{name.replace('-', '_')}")
        action = actions.add_parser(name, help=text, description=module.DESCRIPTION, allow_abbrev=False)
        add_common(action)
        action.set_defaults(run=module.run)
        module.add(action)
        if name not in LOCAL:
            add_connection(action)
