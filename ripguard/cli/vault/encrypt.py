"""`ripguard vault encrypt`."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_key, add_workers, key_of
from ripguard.cli.output import show
from ripguard.cli.source import readable
from ripguard.cli.vault.words import counted
from ripguard.crypto.passphrase import ask_new
from ripguard.numbers import positive

DESCRIPTION = (
    "Encrypts every file below SRC. OUT appears when complete. The same command continues a run that was killed. "
    "Times, modes and empty folders are not kept."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", help="folder of any files")
    parser.add_argument("out", metavar="OUT", help="folder to make")
    add_key(parser)
    parser.add_argument(
        "--recipient", action="append", default=[], metavar="AGE", help="who else opens it: age1…; may be repeated"
    )
    parser.add_argument(
        "--passphrase", action="store_true",
        help="also open it with a passphrase, from the terminal or the file named by RIPGUARD_PASSPHRASE_FILE",
    )  # fmt: skip
    parser.add_argument("--only", choices=("annotations", "images"), help="only images, or all other files")
    parser.add_argument(
        "--layout", default="auto", choices=("auto", "splits", "classes", "flat"),
        help="of SRC: whether its first level are splits, classes, or neither (default: auto)",
    )  # fmt: skip
    parser.add_argument("--classes-at", metavar="L", help="level of the class folders: 1, 1-2 or last")
    parser.add_argument(
        "--shard-size", type=positive, default=64, metavar="MIB", help="size of a shard file in MiB (default 64)"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list splits, classes and totals")
    parser.add_argument("--restart", action="store_true", help="discard an unfinished run")
    add_workers(parser)


def run(options: argparse.Namespace) -> int:
    key = key_of(options)
    passphrase = ask_new() if options.passphrase and not options.dry_run else None
    done = api.vault_encrypt(
        options.source, options.out, key, recipients=options.recipient, passphrase=passphrase, only=options.only,
        layout=options.layout, classes_at=options.classes_at, shard_size=options.shard_size, restart=options.restart,
        dry_run=options.dry_run, workers=options.workers,
    )  # fmt: skip
    if isinstance(done, dict):
        shards = counted(done["shards"], "shard")
        lines = [f"{counted(done['files'], 'file')}, {readable(done['bytes'])}, would go into {shards}"]
        lines += [f"  {name}: {', '.join(done[name]) or 'none'}" for name in ("splits", "classes")]
        lines += _notes(done["notes"], done["left_out"])
        show(options, done, lines)
        return 0
    lines = [
        f"{counted(done.files, 'file')} ({readable(done.bytes)}) encrypted to {done.out}",
        f"  {counted(done.units, 'unit')}, {counted(done.shards, 'shard')}, {readable(done.written)}; opens with: "
        + ", ".join(done.recipients),
        f"  digest {done.digest}",
    ]
    lines += [f"  sealed by an earlier run: {counted(done.resumed, 'file')}"] if done.resumed else []
    show(options, done.as_dict(), lines + _notes(done.notes, done.left_out))
    return 0


def _notes(notes: list[str], left_out: int) -> list[str]:
    left = [f"  left out: {counted(left_out, 'file')}"] if left_out else []
    return left + [f"  note: {note}" for note in notes if note]
