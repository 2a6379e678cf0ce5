"""An accuracy record as one HTML file that needs nothing else: table, figures, provenance."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import cells, spread

TEMPLATE = Path(__file__).with_name("page.html.j2")


def html(rows: Sequence[Measurement], images: list[tuple[str, Path]], target: Path) -> Path:
    """Write the page.

    Args:
        rows: victims and image quality of one dataset, protocol and scheme.
        images: (title, PNG file), embedded in this order.
    """
    from jinja2 import Environment

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(TEMPLATE.read_text("utf-8"))
    embedded = [(title, base64.b64encode(path.read_bytes()).decode()) for title, path in images]
    quality = next((row.metrics for row in rows if row.kind == "image-quality"), None)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(
        template.render(
            first=rows[0], run=rows[0].provenance, quality=quality, cells=cells(rows), spread=spread, images=embedded
        ),
        "utf-8",
    )
    return target
