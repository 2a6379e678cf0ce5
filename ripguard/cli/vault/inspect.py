"""`ripguard vault inspect`."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.output import show, table
from ripguard.cli.vault.opening import add_expect, add_opening, opener_of
from ripguard.cli.vault.words import counted

DESCRIPTION = "Shows what everybody sees. With a key, also the name, the units and the totals of what is encrypted."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("vault", metavar="VAULT")
    add_opening(parser, required=False)
    parser.add_argument("--list", action="store_true", help="also list the paths of all files; needs a key")
    add_expect(parser)


def run(options: argparse.Namespace) -> int:
    opener = opener_of(options)
    found = api.vault_inspect(options.vault, opener, expect=options.expect, paths=options.list).as_dict()
    words = {name: value for name, value in found.items() if name not in ("paths", "recipients", "units")}
    lines = table(words)
    for one in found["recipients"]:
        what = f" for {one['unit']}" if one["unit"] else ""
        lines.append(f"recipient  {one['name']}  {one['kind']} {one['about']}".rstrip() + what)
    for one in found.get("units", []):
        lines.append(f"unit  {one['unit']}  {counted(one['files'], 'file')}, {one['bytes']:,} bytes")
    show(options, found, lines + (found.get("paths") or []))
    return 0
