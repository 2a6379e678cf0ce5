"""`ripguard verify`: check a release."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_key, add_max_pixels, add_signer, add_source, add_workers, key_of
from ripguard.cli.output import show
from ripguard.errors import LISTED, VerifyFailed

DESCRIPTION = (
    "Compares every file with the manifest. With --key-file, also restores every image in memory and verifies it. With "
    "--source, also compares what is restored with the source: kept files byte by byte, other images sample by sample."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", metavar="RELEASE")
    add_key(parser, required=False)
    add_source(parser, "the source of the release (needs a key)")
    parser.add_argument("--labels", metavar="CSV", help="the labels file that protect used")
    add_max_pixels(parser)
    add_signer(parser)
    add_workers(parser)


def run(options: argparse.Namespace) -> int:
    report = api.verify(
        options.release, key_of(options), against=options.against, labels=options.labels, signer=options.signer,
        workers=options.workers, max_pixels=options.max_pixels,
    )  # fmt: skip
    data = report.as_dict()
    lines = [f"{report.images} images checked, signed by {report.signer or 'nobody'}"]
    if report.restored is not None:
        lines.append(f"{report.restored} / {report.images} restore with this key")
    if report.equal_to_source is not None:
        lines.append(f"{report.equal_to_source} / {report.images} restored images equal the source bit for bit")
    for name in (
        "missing", "extra", "renamed", "changed", "swapped", "residue", "annotations", "unreadable", "unlisted",
        "differs", "reencoded", "duplicates",
    ):  # fmt: skip
        lines += [f"  {name}: {path}{because(path, report.causes)}" for path in data[name][:LISTED]]
        if len(data[name]) > LISTED:
            lines.append(f"  {name}: … and {len(data[name]) - LISTED} more")
    if report.litter:
        lines.append(f"  left out: {len(report.litter)} hidden or temporary files, the first is {report.litter[0]}")
    lines.append("ok" if report.ok else "NOT ok")
    show(options, data, lines)
    return 0 if report.ok else VerifyFailed.exit_code


def because(path: str, causes: dict[str, str]) -> str:
    """What happened to a file, in parentheses; "" if it is unknown."""
    return f" ({causes[path]})" if path in causes else ""
