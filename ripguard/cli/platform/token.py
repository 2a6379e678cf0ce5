"""`ripguard platform token`."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show
from ripguard.cli.platform.connection import DAY, client_of, new_secret_file
from ripguard.errors import UsageError
from ripguard.numbers import positive

DESCRIPTION = "Make a child of the own token, with at most its power, or list the tokens of the own account."
SCOPES = ("see", "restore", "keys", "deposit", "grant", "audit", "admin", "tokens")


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="T", help="file for a new token; without it, tokens are listed")
    parser.add_argument("--days", type=positive, default=1, metavar="N", help="until it ends (default 1)")
    parser.add_argument(
        "--scope", action="append", choices=SCOPES, help="what it may do (default: all that its parent may)"
    )
    parser.add_argument("--dataset", metavar="D", help="this dataset alone")
    parser.add_argument("--split", metavar="NAME", help="images of this split alone")
    parser.add_argument("--label", metavar="NAME", help="images of this class alone")
    parser.add_argument("--images", type=positive, metavar="N", help="at most so many images")


def run(options: argparse.Namespace) -> int:
    from ripguard.store.atomic import write_file

    with client_of(options) as client:
        if not options.out:
            if options.scope or options.dataset or options.images:
                raise UsageError("a new token needs --out T")
            rows = list(client.all("/v1/tokens", "tokens"))
            lines = [
                f"{one['accessor']}  {'revoked' if one['revoked'] else one['expires_at']}  {one['note']}"
                for one in rows
            ]
            show(options, {"tokens": rows}, lines)
            return 0
        out = new_secret_file(options)
        dataset = client.dataset_named(options.dataset)["id"] if options.dataset else None
        wanted = {
            "scopes": options.scope, "dataset": dataset, "split": options.split, "label": options.label,
            "images": options.images, "life": options.days * DAY,
        }  # fmt: skip
        made = client.call("POST", "/v1/tokens", wanted)
    write_file(out, made["token"].encode() + b"\n", private=True)
    found = {"accessor": made["accessor"], "expires_at": made["expires_at"], "token_file": str(out)}
    show(options, found, [f"token {made['accessor']} is in {out}"])
    return 0
