"""What commands print: one JSON object with ``--json``, else lines for people, none of which acts on a terminal."""

from __future__ import annotations

import argparse
import json
from typing import Any

from ripguard.errors import LISTED, shown


def show(options: argparse.Namespace, result: dict[str, Any], lines: list[str]) -> None:
    if options.quiet and not options.json:
        return
    print(json.dumps(result) if options.json else "\n".join(map(shown, lines)))


def table(found: dict[str, Any]) -> list[str]:
    """One line a name, as ``--json`` calls it; values as people read them."""
    width = max(map(len, found))
    return [f"{name:{width}}  {in_words(value)}" for name, value in found.items()]


def some(form: str, rows: list[dict[str, str]]) -> list[str]:
    """The first rows as lines, and how many more there are."""
    more = [f"  … and {len(rows) - LISTED} more"] if len(rows) > LISTED else []
    return [form.format(**row) for row in rows[:LISTED]] + more


def in_words(value: object, inside: bool = False) -> str:
    """``inside`` a list or a table there are brackets round others, and no commas in numbers."""
    if isinstance(value, (dict, list, tuple)):
        own = [in_words(one, True) for one in (value.values() if isinstance(value, dict) else value)]
        names = [f"{in_words(name, True)} " for name in value] if isinstance(value, dict) else [""] * len(own)
        told = ", ".join(name + one for name, one in zip(names, own)) or "none"
        return f"({told})" if inside and own else told
    if value is None or isinstance(value, bool):
        return {None: "not set", True: "yes", False: "no"}[value]
    if isinstance(value, str):  # a stranger's release: no control characters, no name that looks like two
        return value if value.isprintable() and not (inside and "," in value) else json.dumps(value)
    return f"{value:,}" if isinstance(value, int) and not inside else str(value)
