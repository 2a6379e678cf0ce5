"""`ripguard platform keys`."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show
from ripguard.cli.platform.connection import client_of, new_secret_file, profile_of
from ripguard.errors import UsageError
from ripguard.numbers import positive

DESCRIPTION = (
    "Take the keys of the units (a class of a split each) that a grant with keys opens, and write them to a file, mode "
    "0600. `ripguard restore --key-file` restores these units with it, without the platform. Such keys cannot be "
    "revoked: whoever has a copy of the file keeps what it opens."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "dataset", nargs="?", metavar="DATASET", help="id of the dataset (default: that of the profile)"
    )
    parser.add_argument("--out", required=True, metavar="F", help="file for the keys")
    parser.add_argument("--version", type=positive, metavar="N", help="of the dataset (default: the newest)")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.client import Client
    from ripguard.release.find import refuse_inside_release
    from ripguard.store.atomic import write_file

    profile = profile_of(options)
    dataset = options.dataset or (profile.dataset if profile else "")
    if not dataset:
        raise UsageError("no dataset", "name it, or add --profile P")
    out = new_secret_file(options)
    refuse_inside_release(out)
    client: Client
    with client_of(options) as client:
        found = client.unit_keys(client.dataset_named(dataset)["id"], options.version)
    write_file(out, found["key_file"].encode(), private=True)
    about = {"dataset": found["dataset"], "version": found["version"], "units": found["units"], "key_file": str(out)}
    show(options, about, [f"keys of {len(found['units'])} units of version {found['version']} are in {out}"])
    return 0
