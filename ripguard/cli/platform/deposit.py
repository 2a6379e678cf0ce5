"""`ripguard platform deposit`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ripguard.cli.options import add_key, key_of
from ripguard.cli.output import show
from ripguard.cli.platform.connection import client_of
from ripguard.paths import expanded

DESCRIPTION = (
    "Deposit a release: its metadata and the key of this one release, never the owner's key. No image is sent. "
    "Users who hold protected images can then restore them where a grant says so."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", metavar="RELEASE")
    parser.add_argument("--dataset", required=True, metavar="D", help="name of an own dataset, made if new, or its id")
    add_key(parser)


def run(options: argparse.Namespace) -> int:
    from ripguard.crypto.keys import Key
    from ripguard.platform.errors import Absent

    key, release = Key.read(key_of(options)), Path(expanded(options.release, "RELEASE"))
    with client_of(options) as client:
        try:
            dataset = client.dataset_named(options.dataset)["id"]
        except Absent:
            if options.dataset.startswith("ds_"):
                raise
            dataset = client.call("POST", "/v1/datasets", {"name": options.dataset})["id"]
        done = client.deposit(dataset, release, key)
    again = "" if done["new"] else ", which was there already"
    show(options, done, [f"dataset {dataset}: version {done['version']}, {done['images']} images{again}"])
    return 0
