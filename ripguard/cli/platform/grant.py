"""`ripguard platform grant`."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show
from ripguard.cli.platform.connection import add_terms, client_of, new_secret_file, terms_of
from ripguard.errors import UsageError

DESCRIPTION = (
    "Grant a part of a dataset, or all of it, to an account. With --invite the account is new, and its profile, a file "
    "with server, dataset and token, is written for its user."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="id, or name of an own dataset")
    parser.add_argument("account", metavar="ACCOUNT", help="name of the account")
    add_terms(parser)
    parser.add_argument("--invite", action="store_true", help="make the account")
    parser.add_argument("--out", metavar="P", help="file for the profile of an invited account")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.client import quoted
    from ripguard.platform.profiles import Profile

    if options.invite != bool(options.out):
        raise UsageError("--invite and --out belong together")
    out = new_secret_file(options) if options.out else None
    with client_of(options) as client:
        dataset = client.dataset_named(options.dataset)["id"]
        place, body = f"/v1/datasets/{quoted(dataset)}", {"account": options.account, **terms_of(options)}
        if out is None:
            made = client.call("POST", f"{place}/grants", body)
            show(options, made, [f"grant {made['id']}: {dataset} to {options.account} for {options.days} days"])
            return 0
        signer = client.me()["signer"]
        token = client.call("POST", f"{place}/invitations", body)
        Profile(client.server, dataset, token["token"], token["expires_at"], signer).write(out)
    found = {"dataset": dataset, "account": options.account, "profile": str(out), "expires_at": token["expires_at"]}
    show(options, found, [f"account {options.account} with a grant of {dataset}; its profile is {out}"])
    return 0
