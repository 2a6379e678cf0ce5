"""`ripguard keygen`: make keys."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from ripguard import api
from ripguard.cli.output import show
from ripguard.crypto.passphrase import ask_new
from ripguard.paths import expanded
from ripguard.release.find import refuse_inside_release

DESCRIPTION = "Writes K (restores) and K.sign (signs releases), readable only by you. Back up both; never publish them."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", required=True, metavar="K", help="file to write; never overwritten")
    parser.add_argument(
        "--passphrase", action="store_true",
        help="encrypt both with a passphrase, from the terminal or the file named by RIPGUARD_PASSPHRASE_FILE",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    refuse_inside_release(Path(expanded(options.out, "--out")))  # before the passphrase prompt
    made = api.keygen(options.out, ask_new() if options.passphrase else None)
    lines = [
        f"restore key  {made.key_file}  (id {made.key_id})",
        f"signing key  {made.signing_key_file}  ({made.signer})",
    ]
    show(options, dataclasses.asdict(made), lines)
    return 0
