"""The table of a platform under load."""

from __future__ import annotations

from collections.abc import Sequence

from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import HARDWARE, Column, Group, metric, record_link, table

ABOUT = (
    "One core for the server and the process that restores, another for the client (`experiments/platform_load.py`). "
    "Calls are authorized GETs of one dataset by 64 connections, each with a token of its own. Images go through "
    "`POST restore` in requests of 1,000; each was compared with what `ripguard restore` gives."
)


def load(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """One line for each measurement; nothing where there is no record."""

    def what(group: Group) -> str:
        one = group[0].setting
        return {"calls": "calls, {what}", "images": "{dataset} images, {what}"}[one["part"]].format(
            dataset=group[0].dataset, what=one["what"]
        )

    def memory(group: Group) -> str:
        found = group[-1].metrics.get("mebibytes", ())
        return f"{min(found):.0f}–{max(found):.0f} MiB" if found else ""

    def images(group: Group) -> str:
        found = group[0].setting.get("images")
        return f"{found:,}" if found else ""

    columns: list[Column] = [
        ("images", images),
        ("a second", metric("rate", "**{:,.0f}**")),
        ("a second of processor time", metric("rate_of_processor_time", "{:,.0f}")),
        ("median", metric("p50_ms", "{:.1f} ms")),
        ("99 %", metric("p99_ms", "{:.1f} ms")),
        ("memory", memory),
        HARDWARE,
        record_link(prefix),
    ]
    own = [row for row in rows if row.kind == "platform-load"]
    found = table(own, [("what", what)], columns)
    return [ABOUT, "", *found] if own else []
