"""`ripguard inspect`: public facts about a release or an image."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_key, add_max_pixels, key_of
from ripguard.cli.output import show, table

DESCRIPTION = (
    "Shows what is readable without a key. With the key of a release, also the name of its source and how it was made."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="a release folder or one image")
    add_key(parser, required=False)
    add_max_pixels(parser)


def run(options: argparse.Namespace) -> int:
    found = api.inspect(options.path, key_of(options), options.max_pixels).as_dict()
    show(options, found, table(found))
    return 0
