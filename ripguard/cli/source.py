"""How a folder is read: options that `protect` and `check` share, a question for two readings, and a summary."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from ripguard import api
from ripguard.errors import shown, some, tell

if TYPE_CHECKING:
    from ripguard.data.source import Source
    from ripguard.release.check import Checked

LISTED = 6  # classes of a split, and names of a list, in one line


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Add the options that determine splits and classes."""
    parser.add_argument("--labels", metavar="CSV", help="columns path,label[,split] instead of class folders")
    parser.add_argument(
        "--layout", default="auto", choices=("auto", "splits", "classes", "flat"),
        help="first folders: splits or classes; flat: no classes (default auto)",
    )  # fmt: skip
    parser.add_argument("--classes-at", metavar="LEVEL", help="level of the class folders: 1, 2, 1-2 (joined) or last")
    parser.add_argument("--follow-links", action="store_true", help="also links that lead out of SRC")


def read(options: argparse.Namespace) -> Source:
    """The source of a command. Two readings are a question on a terminal, otherwise an error."""
    from ripguard.data.readings import AmbiguousLayout

    try:
        return _read(options)
    except AmbiguousLayout as found:
        if not _on_terminal(options):
            raise
        tell(f"ripguard: {found.message}:")
        tell(*(f"  {number}  {one.text}  ({one.flags})" for number, one in enumerate(found.readings, 1)))
        tell("ripguard: which number is right? ")
        answer = sys.stdin.readline().strip()
        if not answer.isdecimal() or not 1 <= int(answer) <= len(found.readings):
            raise
        for name, value in found.readings[int(answer) - 1].options.items():
            setattr(options, name, value)
    return read(options)  # an answer may lead to a second question


def _on_terminal(options: argparse.Namespace) -> bool:
    """Whether somebody can answer a question."""
    return not options.json and not options.quiet and sys.stdin.isatty() and sys.stderr.isatty()


def _read(options: argparse.Namespace) -> Source:
    return api.read_source(options.source, options.labels, options.layout, options.classes_at, options.follow_links)


def summary(found: Checked) -> list[str]:
    """Splits and classes with their counts, what is published besides images or left out, and advice."""
    lines = []
    for split, classes in found.splits.items():
        known = {label: count for label, count in classes.items() if label}
        name = split or "in no split"
        if known:
            each = some([f"{label} {count:,}" for label, count in known.items()], most=LISTED)
            lines.append(f"{name}: {_count(sum(known.values()), 'image')} in {_count(len(known), 'class')}: {each}")
        if nameless := classes.get("", 0):
            lines.append(f"{name}: {_count(nameless, 'image')} without a label")
    lines += found.notes
    if found.unlabelled and found.without_label and len(found.classes) > 1:
        lines.append(f"images without a label get {found.without_label}: the perturbation by class needs a label")
    if not found.by_class:
        lines.append("this scheme does not perturb by class: training on the release may work")
    if found.texts:
        size = readable(found.text_bytes)
        lines.append(f"published without encryption: {_count(len(found.texts), 'text')}, {size}: {_some(found.texts)}")
    lines += [
        f"left out: {_count(len(names), 'file')}: {_some(names)} ({why})" for why, names in found.left_out.items()
    ]
    lines += [f"advice: {line}" for line in found.advice]
    return [shown(line) for line in lines]


FORMAT_NAMES = {"png": "PNG", "webp": "WebP"}  # of published images


def growth(found: Checked, chosen: str) -> list[str]:
    """A line if the published images take much more space than the source's, with the format that is smaller."""
    sizes = found.estimated
    if chosen not in sizes or sizes[chosen] < max(LEAST_GROWN, 2 * sizes["source"]):
        return []
    images = sum(count for split in found.splits.values() for count in split.values())
    each, own = (readable(sizes[name] / images) for name in (chosen, "source"))
    times = sizes[chosen] / sizes["source"]
    line = f"size: as {FORMAT_NAMES[chosen]}, an image takes about {each}; in the source {own}: {times:.1f} × as much"
    smaller = min((name for name in FORMAT_NAMES if name in sizes), key=sizes.__getitem__)  # Pillow may lack one
    if sizes[smaller] < sizes[chosen]:
        line += f" (--image-format {smaller}: about {readable(sizes[smaller] / images)})"
    return [line]


LEAST_GROWN = 1_000_000  # bytes; nobody minds less
FRAMES = "several frames"  # kind of an animation, and of a file of many pages


def whole_files(kinds: dict[str, int]) -> list[str]:
    """What is published as a rendering and restored as a file: a line, if there is any.

    Args:
        kinds: number of images by what their rendering does not show.
    """
    if not kinds:
        return []
    parts = []
    if others := [f"{kind} in {count:,}" for kind, count in kinds.items() if kind != FRAMES]:
        parts.append(f"{', '.join(others)} images (published as 8-bit renderings)")
    if FRAMES in kinds:
        parts.append(f"{FRAMES} in {kinds[FRAMES]:,} images (published as their first frame)")
    return [f"restored as whole files: {', '.join(parts)}"]


def unchanged(count: int) -> list[str]:
    """A line about images of one color, if the scheme publishes some of them as they are."""
    return [f"published unchanged: {_count(count, 'image')} of one color"] if count else []


def refusals(found: Checked) -> list[str]:
    """What must be mended first, by reason."""
    if not found.refused:
        return []
    each = [f"  {len(names)} × {why}: {some(names, most=LISTED)} ({hint})" for why, hint, names in found.kinds]
    return [f"refused: {len(found.refused):,}", *map(shown, each)]


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 'es' if what.endswith('s') else 's'}"


def _some(names: list[str]) -> str:
    return some(names, most=3)


def readable(size: float) -> str:
    """A number of bytes in words."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:,.0f} {unit}" if unit == "bytes" or size >= 100 else f"{size:.1f} {unit}"
