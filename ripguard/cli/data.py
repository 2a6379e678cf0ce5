"""`ripguard data`: list and export the built-in datasets."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_common
from ripguard.cli.output import show
from ripguard.numbers import positive

DESCRIPTION = "Lists the built-in datasets, or copies one as a folder tree."


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, text in (
        ("list", run_list, "names of datasets"),
        ("export", run_export, "copy a dataset as OUT/<split>/<class>/<image>"),
    ):
        action = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_common(action)
        action.set_defaults(run=run)
    action.add_argument("name", metavar="NAME")
    action.add_argument("out", metavar="OUT")
    action.add_argument("--limit", type=positive, metavar="N", help="at most so many images, of all classes")


def run_list(options: argparse.Namespace) -> int:
    notes = api.list_datasets()
    show(options, notes, [f"{name:14} {note}" for name, note in notes.items()])
    return 0


def run_export(options: argparse.Namespace) -> int:
    count = api.export(options.name, options.out, limit=options.limit)
    show(options, {"out": options.out, "pictures": count}, [f"{count} images in {options.out}"])
    return 0
