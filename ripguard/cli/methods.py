"""`ripguard methods`: list schemes, perturbations and hiding methods, and their options."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.output import show

DESCRIPTION = "Without a name, lists all methods; with one, its options and their defaults."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", metavar="NAME", nargs="?", help="a method, to list its options")


def run(options: argparse.Namespace) -> int:
    found = api.list_methods()
    if options.name:
        about = api.describe_method(options.name)
        rows = [f"--{name.replace('_', '-'):18} {one['help']}" for name, one in about["options"].items()]
        kinds = ", ".join(f"{name}: {note}" for name, note in about["is"].items())
        show(options, about, [f"{options.name}, {kinds}", *(rows or ["it has no options"])])
        return 0
    lines = [line for kind, some in found.items() for line in (f"{kind}:", *(f"  {n:18} {t}" for n, t in some.items()))]
    show(options, found, lines)
    return 0
