"""`ripguard platform revoke`."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show
from ripguard.cli.platform.connection import client_of
from ripguard.errors import UsageError

DESCRIPTION = "End a grant (gr_…), or a token with its children (tk_…), in running restorations too."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="of a grant or a token")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.client import quoted

    kinds = {"gr_": "grants", "tk_": "tokens"}
    if options.id[:3] not in kinds:
        raise UsageError(f"{options.id}: expected the id of a grant, gr_…, or of a token, tk_…")
    with client_of(options) as client:
        client.call("DELETE", f"/v1/{kinds[options.id[:3]]}/{quoted(options.id)}")
    show(options, {"revoked": options.id}, [f"{options.id} is revoked"])
    return 0
