"""An audit as one HTML file that needs nothing else: the sentence, a plot, tables, and how it was made.

It has accuracies, names of attacks and the name of the release's folder: no image, and nothing of the key.
"""

from __future__ import annotations

import base64
import io
from pathlib import Path

from ripguard.benchmark.audit.result import TRAINED, WITHOUT_LABELS, Audit
from ripguard.benchmark.audit.words import HELD, LOST
from ripguard.benchmark.drawing import Figure
from ripguard.benchmark.table import interval
from ripguard.store.atomic import write_file

TEMPLATE = Path(__file__).with_name("page.html.j2")
COLORS = {  # distinct for color-blind readers too
    "does not look": "#4477aa", "knows the method": "#cc3311", "holds clean labels": "#ccbb44",
    "labels alone": "#bbbbbb",
}  # fmt: skip
Bars = list[tuple[str, float, str]]  # name, accuracy and kind of attacker


def write(found: Audit, target: Path) -> Path:
    """Write the page."""
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    names = [name for name in WITHOUT_LABELS if any(name in row.readings for row in found.rows)]
    names += sorted({name for row in found.rows for name in row.readings} - set(names), key=_by_labels)
    low, high = interval(found.clean or found.chance, found.test_images)
    text = template.render(
        audit=found, columns=names, plot=base64.b64encode(plot(found)).decode(), trained=TRAINED, held=100 * HELD,
        lost=100 * LOST, margin=(high - low) / 2,
    )  # fmt: skip
    write_file(target, text.encode(errors="replace"))  # a folder name need not be Unicode
    return target


def bars(found: Audit) -> Bars:
    """Attackers with their accuracy in percent, the best first."""
    rows: Bars = []
    for row in found.rows:
        if row.kind == "alone":
            rows.append((f"{row.images} clean images alone", max(row.readings.values()), "labels alone"))
        elif row.kind == "plain" and found.unaware:
            reading, value = found.unaware
            rows.append((row.attack + ("" if reading == TRAINED else f", {reading}"), value, "does not look"))
        elif row.kind in ("defence", "removal"):
            reading, value = row.without_labels
            rows.append((row.attack + ("" if reading == TRAINED else f", {reading}"), value, "knows the method"))
    plain = found.row("plain")
    if plain and "renamed" in plain.readings:
        rows.append(("plain, renamed", plain.readings["renamed"], "knows the method"))
    for count in found.labels:
        if held := found.holding(count):
            rows.append((f"{count} clean images: {held[0]}", held[1], "holds clean labels"))
    return sorted(rows, key=lambda one: -one[1])


def plot(found: Audit) -> bytes:
    """A PNG file: one bar per attacker, the best first; lines for chance and clean training."""
    rows = bars(found)
    figure = Figure((8, 1.3 + 0.27 * max(1, len(rows))), dpi=110)
    axis = figure.subplots()
    for place, (_, value, kind) in enumerate(rows):
        axis.barh(place, value, 0.7, color=COLORS[kind])
        axis.text(value + 0.8, place, f"{value:.1f}", va="center", fontsize=8)
    axis.set_yticks(range(len(rows)), [name for name, _, _ in rows], fontsize=8)
    axis.invert_yaxis()
    lines = [(found.chance, "most frequent class", ":")]
    lines += [] if found.clean is None else [(found.clean, "clean training", "--")]
    for value, name, style in lines:
        axis.axvline(value, color="#222222", ls=style, lw=1, label=f"{name}: {value:.1f} %")
    kinds = {kind: None for _, _, kind in rows}
    for kind in COLORS:
        if kind in kinds:
            axis.barh([0], [0], color=COLORS[kind], label=kind)
    axis.set_xlim(0, 108)
    axis.set_xlabel("accuracy on clean test images, %", fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
    figure.legend(loc="upper center", fontsize=8, frameon=False, ncols=3)
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.45 / figure.get_size_inches()[1]))
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _by_labels(name: str) -> tuple[int, bool]:
    kind, _, count = name.partition(", ")
    return int(count or 0), kind == "head"
