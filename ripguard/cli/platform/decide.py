"""`ripguard platform decide`."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show
from ripguard.cli.platform.connection import add_terms, client_of, terms_of
from ripguard.errors import UsageError

DESCRIPTION = "List the requests for a dataset, or decide about one: --days grants it, --refuse does not."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="id, or name of an own dataset")
    parser.add_argument("request", nargs="?", metavar="REQUEST", help="id of a request")
    add_terms(parser, required=False)
    parser.add_argument("--refuse", metavar="REASON", help="refuse it")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.client import quoted

    with client_of(options) as client:
        dataset = quoted(client.dataset_named(options.dataset)["id"])
        if options.request is None:
            rows = list(client.all(f"/v1/datasets/{dataset}/requests", "requests"))
            show(options, {"requests": rows}, [f"{one['id']}  {one['state']}  {one['purpose']}" for one in rows])
            return 0
        if bool(options.refuse) == bool(options.days):
            raise UsageError("expected either --days N, to grant the request, or --refuse REASON")
        place = f"/v1/requests/{quoted(options.request)}"
        if options.refuse:
            client.call("POST", f"{place}/refuse", {"reason": options.refuse})
            show(options, {"request": options.request, "state": "refused"}, [f"request {options.request}: refused"])
        else:
            made = client.call("POST", f"{place}/grant", terms_of(options))
            show(options, made, [f"request {options.request}: granted, grant {made['id']}"])
    return 0
