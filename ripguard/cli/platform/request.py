"""`ripguard platform request`."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show
from ripguard.cli.platform.connection import client_of

DESCRIPTION = "Request access to a dataset. Its owner decides."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("dataset", metavar="DATASET", help="id, or name")
    parser.add_argument("--purpose", required=True, metavar="TEXT", help="what the images are for")
    parser.add_argument(
        "--answer", action="append", default=[], metavar="TEXT", help="to each question of the owner, in order"
    )
    parser.add_argument("--split", metavar="NAME", help="images of this split alone")
    parser.add_argument("--label", metavar="NAME", help="images of this class alone")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.client import quoted

    with client_of(options) as client:
        dataset = client.dataset_named(options.dataset)
        body = {"purpose": options.purpose, "answers": options.answer, "split": options.split, "label": options.label}
        made = client.call("POST", f"/v1/datasets/{quoted(dataset['id'])}/requests", body)
    show(options, made, [f"request {made['id']} for {dataset['name']}: {made['state']}"])
    return 0
