"""`ripguard report`: measure a release."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_key, add_max_pixels, add_signer, add_source, add_workers, key_of
from ripguard.cli.output import show, table
from ripguard.errors import UsageError, VerifyFailed, tell

DESCRIPTION = "Compares published images with their source: PSNR, SSIM, residue, and equality of restored images."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", metavar="RELEASE")
    add_source(parser, "the source of the release")
    add_key(parser, required=False)
    parser.add_argument("--labels", metavar="CSV", help="the labels file that protect used")
    parser.add_argument(
        "--restored", metavar="DIR", help="output folder of restore, to compare with SRC sample by sample"
    )
    parser.add_argument(
        "--surrogate", metavar="PATH", help="also count the predictions of this surrogate on protected images"
    )
    parser.add_argument("--grid", metavar="PNG", help="also draw clean, protected and restored images")
    add_max_pixels(parser)
    add_signer(parser)
    add_workers(parser)


def run(options: argparse.Namespace) -> int:
    if options.against is None:
        raise UsageError("the report needs the source of the release", "add --source SRC")
    data = api.report(
        options.release, options.against, labels=options.labels, restored=options.restored,
        surrogate=options.surrogate, grid=options.grid, signer=options.signer, workers=options.workers,
        key=key_of(options), max_pixels=options.max_pixels,
    )  # fmt: skip
    show(options, data, table(data))
    if data["damaged"]:
        tell(f"ripguard: error: {len(data['damaged'])} published images are damaged and were left out")
        return VerifyFailed.exit_code
    if options.restored and data["restored_equal"] != data["pictures"] and data["exact"] != "no (lossy)":
        return VerifyFailed.exit_code
    return 0
