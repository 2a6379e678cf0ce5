"""`ripguard inspect`: public facts about a release or an image."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.output import show, table

DESCRIPTION = "Shows what is readable without a key."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH", help="a release folder or one image")


def run(options: argparse.Namespace) -> int:
    found = api.inspect(options.path).as_dict()
    show(options, found, table(found))
    return 0
