"""`ripguard platform restore`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ripguard.cli.output import show, some
from ripguard.cli.platform.connection import client_of, profile_of
from ripguard.errors import Damaged, UsageError, tell
from ripguard.paths import expanded

DESCRIPTION = (
    "Restore protected images with a grant and no key. PATH is an image or a folder of them, under any names. OUT "
    "appears at the end, with the images at their paths of the source where those are known."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("path", metavar="PATH")
    parser.add_argument("out", metavar="OUT", help="folder to make")
    parser.add_argument("--dataset", metavar="D", help="id or name of the dataset (default: that of the profile)")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.fetching import fetch

    profile = profile_of(options)
    dataset = options.dataset or (profile.dataset if profile else "")
    if not dataset:
        raise UsageError("no dataset", "add --dataset D or --profile P")
    out = Path(expanded(options.out, "OUT"))
    with client_of(options) as client:
        done = fetch(client, client.dataset_named(dataset)["id"], Path(expanded(options.path, "PATH")), out)
    rows = [vars(one) for one in done.refused]
    lines = [f"{done.restored} images restored in {out}"]
    lines += some("  refused ({reason}): {message}", rows)
    show(options, {"out": str(out), "restored": done.restored, "refused": rows}, lines)
    if rows:
        tell(
            f"ripguard: error: {len(rows)} files were refused", *{f"ripguard: hint: {one['hint']}" for one in rows[:5]}
        )
        return Damaged.exit_code
    return 0
