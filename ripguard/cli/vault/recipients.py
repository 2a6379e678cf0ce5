"""`ripguard vault recipients`."""

from __future__ import annotations

import argparse
import dataclasses

from ripguard import api
from ripguard.cli.options import add_common
from ripguard.cli.output import show
from ripguard.cli.vault.opening import add_expect, add_opening, opener_of
from ripguard.crypto.keys import Key
from ripguard.crypto.passphrase import ask_new
from ripguard.errors import UsageError
from ripguard.paths import expanded

DESCRIPTION = "Rewrites the header of a vault alone. A dropped recipient who kept a copy or the key can still read it."


def add(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="change", required=True, metavar="ACTION")
    for name, run, text in (
        ("list", run_list, "who can open the vault; with a key of the whole vault, in full"),
        ("add", run_add, "let somebody else open the vault, or one unit of it"),
        ("drop", run_drop, "drop a recipient, by the name that list shows, or the age recipient"),
    ):
        action = actions.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_common(action)
        action.set_defaults(run=run)
        action.add_argument("vault", metavar="VAULT")
        if name == "drop":
            action.add_argument("name", metavar="NAME")
        add_opening(action, required=name != "list")
        if name != "list":
            add_expect(action)
        if name == "add":
            _adding(action)


def _adding(action: argparse.ArgumentParser) -> None:
    action.add_argument("--recipient", metavar="AGE", help="age recipient, age1…")
    action.add_argument("--add-key-file", metavar="K2", help="another ripguard key file")
    action.add_argument(
        "--add-passphrase", action="store_true",
        help="a passphrase, from the terminal or the file named by RIPGUARD_PASSPHRASE_FILE",
    )  # fmt: skip
    action.add_argument("--unit", metavar="UNIT", help="only this split and class, e.g. train/cat")


def run_list(options: argparse.Namespace) -> int:
    found = api.vault_recipients(options.vault, opener_of(options))
    rows = [dataclasses.asdict(one) for one in found]
    lines = [f"{one.name}  {one.kind:10}  {one.about}{f' ({one.unit})' if one.unit else ''}".rstrip() for one in found]
    show(options, {"recipients": rows}, lines)
    return 0


def run_add(options: argparse.Namespace) -> int:
    given = [options.recipient is not None, options.add_key_file is not None, options.add_passphrase]
    if sum(given) != 1:
        raise UsageError("name one recipient", "--recipient AGE, --add-key-file K2 or --add-passphrase")
    opener = opener_of(options)
    if options.recipient is not None:
        recipient = options.recipient
    elif options.add_key_file is not None:
        recipient = Key.read(expanded(options.add_key_file, "--add-key-file"))
    else:
        from ripguard.vault.opening import Passphrase

        recipient = Passphrase(ask_new())
    made = api.vault_add_recipient(options.vault, opener, recipient, unit=options.unit, expect=options.expect)
    what = made.unit or "the whole vault"
    show(options, dataclasses.asdict(made), [f"added {made.name} ({made.kind} {made.about}".rstrip() + f"): {what}"])
    return 0


def run_drop(options: argparse.Namespace) -> int:
    dropped = api.vault_drop_recipient(options.vault, opener_of(options), options.name, expect=options.expect)
    lines = [
        f"dropped {dropped.name} ({dropped.kind} {dropped.about}".rstrip() + ")",
        "  a copy of the vault, or of its key, that somebody kept can still be read",
    ]
    show(options, dataclasses.asdict(dropped), lines)
    return 0
