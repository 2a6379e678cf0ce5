"""Measurements for tests of tables, without a file."""

from __future__ import annotations

from typing import Any

from ripguard.benchmark.records import Measurement
from ripguard.schemes import find

PROVENANCE: dict[str, Any] = {
    "run": "1_x", "command": "python <x>", "commit": "c", "date": "2026-01-02", "device": "cpu", "threads": 1,
    "hardware": {"cores": 2, "cpu": "x", "gpu": None}, "versions": {"python": "3", "torch": "2"},
    "recipe": {"source": "s", "epochs": 1}, "classes": ["a", "b<"],
}  # fmt: skip


def scheme(name: str, **options: Any) -> dict[str, Any]:
    """As ``release.json`` has it."""
    base = find(name)
    return (base.with_options(options) if options else base).to_json()


def measured(kind: str, metrics: dict[str, Any], made: dict[str, Any] | None = None, **fields: Any) -> Measurement:
    """A measurement on 20 images of dataset ``x`` under protocol ``small``, unless ``fields`` differ."""
    common: dict[str, Any] = {"dataset": "x", "protocol": "small", "n_train": 20, "provenance": PROVENANCE}
    return Measurement(kind, metrics=metrics, run="1_x", scheme=made, place="victims/x.jsonl", **(common | fields))
