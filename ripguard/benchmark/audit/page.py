"""An audit as one HTML file that needs nothing else: the sentence, a plot, tables, and how it was made.

It has accuracies, names of attacks and the name of the release's folder: no image, and nothing of the key. Its plot is
made of elements and styles, so that it follows the width of the window, and dark or light settings.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from ripguard.benchmark.audit.result import TRAINED, WITHOUT_LABELS, Audit
from ripguard.benchmark.audit.words import HELD, HINDERS, HOLDS, LOOKERS, LOST, NOBODY
from ripguard.benchmark.table import interval
from ripguard.store.atomic import write_file

TEMPLATE = Path(__file__).with_name("page.html.j2")
KINDS = {  # kind of attacker → its name in the style sheet
    "does not look": "plain", "knows the method": "knows", "holds clean labels": "holds", "labels alone": "alone",
}  # fmt: skip
VERDICTS = {HOLDS: "holds-against", HINDERS: "hinders", LOOKERS: "looks", NOBODY: "nobody"}  # the same


class Drawn(NamedTuple):
    """A bar of the plot: name, accuracy in percent, and kind of attacker."""

    name: str
    value: float
    kind: str


def write(found: Audit, target: Path) -> Path:
    """Write the page."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    names = [name for name in WITHOUT_LABELS if any(name in row.readings for row in found.rows)]
    names += sorted({name for row in found.rows for name in row.readings} - set(names), key=_by_labels)
    low, high = interval(found.clean or found.chance, found.test_images)
    drawn = bars(found)
    kinds = {kind: name for kind, name in KINDS.items() if kind in {one.kind for one in drawn}}
    text = template.render(
        audit=found, columns=names, bars=drawn, kinds=kinds, trained=TRAINED, verdict=VERDICTS.get(found.verdict, ""),
        held=100 * HELD, lost=100 * LOST, margin=(high - low) / 2,
    )  # fmt: skip
    write_file(target, text.encode(errors="replace"))  # a folder name need not be Unicode
    return target


def bars(found: Audit) -> list[Drawn]:
    """Attackers with their accuracy, the best first."""
    rows: list[Drawn] = []
    for row in found.rows:
        if row.kind == "alone":
            rows.append(Drawn(f"{row.images} clean images alone", max(row.readings.values()), "labels alone"))
        elif row.kind == "plain" and found.unaware:
            reading, value = found.unaware
            rows.append(Drawn(row.attack + ("" if reading == TRAINED else f", {reading}"), value, "does not look"))
        elif row.kind in ("defence", "removal"):
            reading, value = row.without_labels
            rows.append(Drawn(row.attack + ("" if reading == TRAINED else f", {reading}"), value, "knows the method"))
    plain = found.row("plain")
    if plain and "renamed" in plain.readings:
        rows.append(Drawn("plain, renamed", plain.readings["renamed"], "knows the method"))
    for count in found.labels:
        if held := found.holding(count):
            rows.append(Drawn(f"{count} clean images: {held[0]}", held[1], "holds clean labels"))
    return sorted(rows, key=lambda one: -one.value)


def _by_labels(name: str) -> tuple[int, bool]:
    kind, _, count = name.partition(", ")
    return int(count or 0), kind == "head"
