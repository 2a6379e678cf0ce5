"""`ripguard platform log`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ripguard.cli.output import show
from ripguard.cli.platform.connection import client_of
from ripguard.errors import UsageError, VerifyFailed
from ripguard.paths import expanded

DESCRIPTION = "Verify the audit log, or export it to a file, one record a line."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", metavar="F", help="file to write")
    parser.add_argument("--dataset", metavar="D", help="records of this dataset alone")


def run(options: argparse.Namespace) -> int:
    from ripguard.store.atomic import write_file

    with client_of(options) as client:
        if options.out:
            out = Path(expanded(options.out, "--out"))
            if out.exists():
                raise UsageError(f"{out} exists", "choose another name")
            write_file(out, (line.encode() + b"\n" for line in client.export_log(options.dataset)), private=True)
            show(options, {"out": str(out)}, [f"the audit log is in {out}"])
            return 0
        found = client.call("POST", "/v1/audit/verify")
    if not found["ok"]:
        raise VerifyFailed(
            f"the audit log: {'; '.join(found['problems'])}", "keep a copy, and ask who runs the platform"
        )
    show(options, found, [f"{found['records']} records and {found['checkpoints']} signed heads: whole"])
    return 0
