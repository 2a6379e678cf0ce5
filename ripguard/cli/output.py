"""Output of commands: one JSON object with ``--json``, otherwise lines of text without control characters."""

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
    """One line per key of the JSON object, with readable values."""
    width = max(map(len, found))
    return [f"{name:{width}}  {in_words(value)}" for name, value in found.items()]


def some(form: str, rows: list[dict[str, str]]) -> list[str]:
    """The first :data:`LISTED` rows as lines, and the number of others."""
    more = [f"  … and {len(rows) - LISTED} more"] if len(rows) > LISTED else []
    return [form.format(**row) for row in rows[:LISTED]] + more


def in_words(value: object, inside: bool = False) -> str:
    """A value as text. ``inside`` a list or table: nested values get parentheses, numbers no commas."""
    if isinstance(value, (dict, list, tuple)):
        own = [in_words(one, True) for one in (value.values() if isinstance(value, dict) else value)]
        names = [f"{in_words(name, True)} " for name in value] if isinstance(value, dict) else [""] * len(own)
        text = ", ".join(name + one for name, one in zip(names, own)) or "none"
        return f"({text})" if inside and own else text
    if value is None or isinstance(value, bool):
        return {None: "not set", True: "yes", False: "no"}[value]
    if isinstance(value, str):  # names come from untrusted releases: quote control characters and commas
        return value if value.isprintable() and not (inside and "," in value) else json.dumps(value)
    return f"{value:,}" if isinstance(value, int) and not inside else str(value)
