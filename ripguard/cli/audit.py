"""`ripguard audit`: attack a release of one's own, with what is published about its method."""

from __future__ import annotations

import argparse
import signal
from types import FrameType

from ripguard import api
from ripguard.cli.options import add_key, add_max_pixels, add_signer, add_source, key_of
from ripguard.cli.output import show
from ripguard.numbers import above_zero, not_negative, positive
from ripguard.train.protocols import PROTOCOLS

DESCRIPTION = (
    "Attacks your release on your machine: plain training, defences, removal attacks and attackers with a few clean "
    "images, beside clean training. Needs the key, for the clean images in memory. Ends within the budget; the same "
    "command goes on with what was not tried, also after Ctrl-C or SIGTERM. Writes a page, no image and no key."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("release", metavar="RELEASE")
    add_key(parser)
    parser.add_argument("--budget", type=above_zero, default=10.0, metavar="MINUTES", help="default 10")
    parser.add_argument("--out", metavar="DIR", help="folder for rows and page (default: RELEASE-audit, beside it)")
    parser.add_argument("--dry-run", action="store_true", help="print the plan with estimated minutes, and stop")
    add_source(parser, "read the clean images from the source, instead of restoring them")
    parser.add_argument("--protocol", default="small", help=f"{', '.join(PROTOCOLS)} (default small)")
    parser.add_argument(
        "--images", type=positive, metavar="N", help="training images of a model (default: by budget and speed)"
    )
    parser.add_argument("--seed", type=not_negative, default=0, metavar="S", help="default 0")
    parser.add_argument("--device", default="cpu", help="cpu (default) or cuda")
    add_max_pixels(parser)
    add_signer(parser)


def run(options: argparse.Namespace) -> int:
    key = key_of(options)
    before = signal.signal(signal.SIGTERM, _interrupted)  # as Ctrl-C: the page of what was tried is written
    try:
        found = api.audit(
            options.release, key, budget=options.budget, out=options.out, source=options.against,
            protocol=options.protocol, images=options.images, seed=options.seed, device=options.device,
            signer=options.signer, dry_run=options.dry_run, max_pixels=options.max_pixels,
        )  # fmt: skip
    finally:
        signal.signal(signal.SIGTERM, before)
    if options.dry_run:
        lines = [f"{'attack':24} {'minutes':>8}  what it does"]
        for one in found.not_tried:
            minutes = "" if one.minutes is None else f"{one.minutes:.1f}"
            lines.append(f"{one.attack:24} {minutes:>8}  {one.why or one.what}")
        lines.append(f"{found.why}; a plan for a budget of {found.budget:g} minutes, nothing was written")
        show(options, found.as_dict(), lines)
        return 0
    lines = [f"{'attack':24} {'without labels':>15}" + "".join(f"{f'{n} labels':>13}" for n in found.labels)]
    for row in found.rows:
        reading, value = row.without_labels
        cells = [f"{held[1]:>11.2f} %" if (held := row.with_labels(count)) else " " * 13 for count in found.labels]
        note = "" if reading == "as trained" else f"  {reading}"
        lines.append(f"{row.attack:24} {value:>13.2f} %{''.join(cells)}{note}")
    lines.append(f"{'most frequent class':24} {found.chance:>13.2f} %")
    for possible, words in ((False, "cannot be tried"), (True, "not tried yet")):
        lines += [f"{words}: {', '.join(names)}: {why}" for why, names in found.reasons(possible).items()]
    lines += [found.sentence, f"page: {found.page}"]
    show(options, found.as_dict(), lines)
    return 0


def _interrupted(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
