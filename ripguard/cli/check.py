"""`ripguard check`: what protecting a dataset would publish, leave out and refuse."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.options import add_image_format, add_max_pixels, add_workers
from ripguard.cli.output import show
from ripguard.cli.rejections import add_rejections, show_rejections
from ripguard.cli.source import LISTED, add_reading, growth, read, readable, refusals, summary, unchanged, whole_files
from ripguard.errors import InputRefused, UsageError, some

DESCRIPTION = "Reads a dataset and reports splits, classes, images, texts and refused files. Writes nothing."


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SRC", help="folder, or name of a dataset (ripguard data list)")
    add_reading(parser)
    parser.add_argument("--scheme", default="mrit", metavar="NAME", help="preset to check for (default mrit)")
    parser.add_argument(
        "--preserve-files", dest="byte_exact", action="store_true", help="preserve the original files, byte for byte"
    )
    add_image_format(parser)
    add_max_pixels(parser)
    add_workers(parser)
    add_rejections(parser)


def run(options: argparse.Namespace) -> int:
    if options.show_rejections:
        return show_rejections(options)
    if options.source_format:
        raise UsageError("--from is for --show-rejections", "add --show-rejections")
    found = api.check(
        read(options), scheme=options.scheme, byte_exact=options.byte_exact, workers=options.workers,
        max_pixels=options.max_pixels, image_format=options.image_format,
    )  # fmt: skip
    lines = [f"{found.source}: {found.images:,} images, {readable(found.bytes)}"]
    for name in ("formats", "channels", "sizes"):
        values = getattr(found, name)
        if values:
            each = some([f"{value} {count:,}" for value, count in values.items()], most=LISTED)
            lines.append(f"  {name}: {each}")
    lines += [f"  {line}" for line in summary(found)]
    if found.rewritten:
        lines.append(
            f"  {found.rewritten:,} texts name images: they are published with the names of the published files"
        )
    lines += [
        f"  {text}: {name}: {why}; it stays as it is" for text, names in found.unresolved.items()
        for name, why in list(names.items())[:LISTED]
    ]  # fmt: skip
    if found.parted:
        names = some(found.parted, most=LISTED)
        lines.append(f"  published under another name than the text beside them, rename them first: {names}")
    lines += [f"  {line}" for line in [*whole_files(found.whole), *unchanged(found.unchanged)]]
    if found.metadata:
        kinds = some([f"{kind} in {count:,}" for kind, count in found.metadata.items()])
        lines.append(f"  metadata that restoring does not return: {kinds} images (--preserve-files keeps whole files)")
    lines.append(
        f"  models are tested on the split {found.test_split}" if found.test_split
        else "  no test split: ripguard evaluate will hold out a fifth of each class"
    )  # fmt: skip
    if found.published_bytes:
        size = readable(found.published_bytes)
        lines.append(
            f"  the published images will take about {size}, {found.published_bytes / found.bytes:.1f} × these files"
        )
        lines += [f"  {line}" for line in growth(found, options.image_format)]
    lines += refusals(found)
    show(options, found.as_dict(), lines)
    return InputRefused.exit_code if found.refused else 0
