"""`ripguard platform account`."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show
from ripguard.cli.platform.connection import DAY, client_of, new_secret_file
from ripguard.numbers import positive

DESCRIPTION = "Make an account, and write its first token to a file, mode 0600."
ROLES = ("owner", "user", "auditor", "admin")


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("role", metavar="ROLE", choices=ROLES, help=", ".join(ROLES))
    parser.add_argument("--out", required=True, metavar="T", help="file for the token")
    parser.add_argument("--days", type=positive, default=30, metavar="N", help="until the token ends (default 30)")


def run(options: argparse.Namespace) -> int:
    from ripguard.store.atomic import write_file

    out = new_secret_file(options)
    with client_of(options) as client:
        made = client.call("POST", "/v1/accounts", {"name": options.name, "role": options.role})
        wanted = {"account": made["id"], "life": options.days * DAY, "note": "first token"}
        token = client.call("POST", "/v1/tokens", wanted)
    write_file(out, token["token"].encode() + b"\n", private=True)
    found = {"account": made["id"], "name": made["name"], "role": made["role"], "token_file": str(out)}
    show(options, found, [f"account {options.name} ({options.role}); its token is in {out}"])
    return 0
