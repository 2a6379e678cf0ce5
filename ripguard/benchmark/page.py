"""An accuracy record as one HTML file that needs nothing else: table, figures, how it was made."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from ripguard.benchmark.table import cells, spread

TEMPLATE = Path(__file__).with_name("page.html.j2")


def html(record: dict[str, Any], images: list[tuple[str, Path]], target: Path) -> Path:
    """Write the page.

    Args:
        images: (title, PNG file), embedded in this order.
    """
    from jinja2 import Environment

    template = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(TEMPLATE.read_text())
    embedded = [(title, base64.b64encode(path.read_bytes()).decode()) for title, path in images]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(template.render(record=record, cells=cells(record), spread=spread, images=embedded))
    return target
