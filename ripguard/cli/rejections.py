"""`ripguard check DIR --show-rejections`: the format of a dataset, and what in its annotations cannot be read."""

from __future__ import annotations

import argparse

from ripguard import api
from ripguard.cli.output import show
from ripguard.cli.source import LISTED
from ripguard.errors import InputRefused, some


def add_rejections(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--show-rejections", action="store_true",
        help="instead, check annotations: format, counts by split and class, every entry that cannot be read",
    )  # fmt: skip
    parser.add_argument(
        "--from", dest="source_format", metavar="F", help="with --show-rejections: format of SRC (default: detected)"
    )


def show_rejections(options: argparse.Namespace) -> int:
    """Print what was found; the exit code of refused inputs if an entry cannot be read."""
    found = api.examine(options.source, format=options.source_format, max_pixels=options.max_pixels)
    why = f" ({found.reason})" if found.reason else ""
    lines = [f"{found.root}: format {found.format}{why}"]
    lines.append(f"  {found.images:,} images, {found.objects:,} objects, {found.captions:,} captions, "
                 f"{len(found.classes):,} classes")  # fmt: skip
    for split, counts in found.splits.items():
        each = some([f"{label or 'nothing'} {count:,}" for label, count in counts.items()], most=LISTED)
        lines.append(f"  {split or 'in no split'}: {each}")
    if found.files:
        lines.append(f"  {found.files:,} files that no image uses")
    kinds = found.as_dict()["kinds"]
    lines.append(f"  rejected: {len(found.rejections):,}" + (": " if kinds else "")
                 + ", ".join(f"{kind} {count:,}" for kind, count in kinds.items()))  # fmt: skip
    lines += [f"    {one} ({one.hint})" for one in found.rejections]
    show(options, found.as_dict(), lines)
    return InputRefused.exit_code if found.rejections else 0
