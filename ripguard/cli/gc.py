"""`ripguard gc`: move aside files that killed runs left."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_key, add_signer, key_of
from ripguard.cli.output import show

DESCRIPTION = (
    "Moves temporary files, and residue that no manifest lists, into a folder beside the release. You can remove that "
    "folder after the release restores. Images are never moved; ripguard verify lists unknown ones. The release must "
    "be signed, or its key given."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", metavar="RELEASE", help="a release, or the output of an unfinished run")
    parser.add_argument(
        "--unfinished", action="store_true", help="also remove an unfinished run, which could be continued"
    )
    parser.add_argument("--dry-run", action="store_true", help="only list")
    add_key(parser, required=False)
    add_signer(parser)


def run(options: argparse.Namespace) -> int:
    found = api.collect_garbage(
        options.release, key_of(options), unfinished=options.unfinished, dry_run=options.dry_run, signer=options.signer
    )
    total = sum(one.bytes for one in found)
    rows = [
        {"path": str(one.path), "kind": one.kind, "bytes": one.bytes, "moved_to": str(one.moved_to or "") or None}
        for one in found
    ]
    verb = "would go" if options.dry_run else "gone"
    lines = [
        f"{one.kind:10} {one.path} ({one.bytes:,} bytes)" + (f" → {one.moved_to}" if one.moved_to else "")
        for one in found
    ]
    data = {"removed": not options.dry_run, "files": rows, "bytes": total}
    show(options, data, [*lines, f"{len(rows)} {verb}, {total:,} bytes"])
    return 0
