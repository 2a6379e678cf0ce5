"""`ripguard convert`: write a dataset in another format, with a list of what it loses."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_max_pixels
from ripguard.cli.output import show
from ripguard.errors import InputRefused, some
from ripguard.paths import expanded

DESCRIPTION = (
    "Formats: coco, voc, yolo (Ultralytics), hf-folder (Hugging Face, with metadata.jsonl or .csv), parquet (with the "
    "bytes of the images), imagefolder (class folders). Images keep their bytes. What the new format does not hold is "
    "listed first, and needs --accept-losses. OUT appears when it is complete."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="DIR", help="folder of the dataset")
    parser.add_argument("out", metavar="OUT", help="folder to make")
    parser.add_argument("--format", required=True, metavar="F", help="of OUT; docs/reference/formats.md compares them")
    parser.add_argument("--from", dest="source_format", metavar="F", help="format of DIR (default: detected)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--copy", action="store_true", help="copy the images (default)")
    how.add_argument("--link", action="store_true", help="hard links to the images, on one file system")
    parser.add_argument("--dry-run", action="store_true", help="list the losses and write nothing")
    parser.add_argument("--accept-losses", action="store_true", help="write although something is lost")
    parser.add_argument("--skip-rejected", action="store_true", help="leave out entries that cannot be read")
    parser.add_argument(
        "--encrypt-key-file", metavar="K", help="encrypt Parquet files under this key; - for stdin"
    )  # fmt: skip
    add_max_pixels(parser)


def run(options: argparse.Namespace) -> int:
    key = options.encrypt_key_file and expanded(options.encrypt_key_file, "--encrypt-key-file")
    done = api.convert(
        options.source, options.out, options.format, format=options.source_format, link=options.link,
        accept_losses=options.accept_losses, skip_rejected=options.skip_rejected, dry_run=options.dry_run,
        encrypt_key=key, max_pixels=options.max_pixels,
    )  # fmt: skip
    verb = "encrypted in" if done.encrypted else "in"
    lines = [f"{done.images:,} images from {done.source_format} to {done.format} {verb} {done.out}"]
    if not done.written:
        lines = [f"{done.images:,} images of {done.source_format}; nothing is written"]
    lines += [f"  lost: {loss}" for loss in done.losses] or ["  nothing is lost"]
    if done.rejected:
        each = some([str(one) for one in done.rejected], "; ", most=5)
        lines.append(f"  rejected: {len(done.rejected):,} entries: {each}")
    show(options, done.as_dict(), lines)
    refused = (done.rejected and not options.skip_rejected) or (done.losses and not options.accept_losses)
    return InputRefused.exit_code if options.dry_run and refused else 0
