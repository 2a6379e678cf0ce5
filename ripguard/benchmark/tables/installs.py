"""The table of installations: what each is for, how it is made, and what it takes on disk."""

from __future__ import annotations

from collections.abc import Sequence

from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import Column, Group, metric, numbers, record_link, table

WANTED = {  # kind of installation → what for, commands in a checkout
    "restore": ("restore, verify, inspect", "`pip install -r requirements/restore.txt`; `pip install --no-deps .`"),
    "protect": (
        "also protect, with schemes that train no model",
        "`pip install -r requirements/protect.txt`; `pip install --no-deps .`",
    ),
    "full": ("everything", "`pip install .`"),
}


def installs(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """One line for each installation and build of torch; the size is the range over versions of Python."""

    def kind(group: Group) -> str:
        return str(group[0].setting["install"])

    def megabytes(group: Group) -> str:
        found = sorted({round(value / 1e6) for value in numbers(group, "bytes")})
        return f"**{'–'.join(f'{value:,}' for value in dict.fromkeys((found[0], found[-1])))} MB**"

    def exact(group: Group) -> str:
        equal, images = (int(sum(numbers(group, name))) for name in ("restored_equal", "images"))
        return f"{equal:,} / {images:,}"

    def pythons(group: Group) -> str:
        return ", ".join(sorted({str(one.setting["python"]) for one in group}))

    index: list[Column] = [
        ("you want to", lambda g: WANTED[kind(g)][0]),
        ("commands", lambda g: WANTED[kind(g)][1]),
        ("build of torch", lambda g: build_of(g[0].setting.get("torch", ""))),
    ]
    columns: list[Column] = [
        ("on disk", megabytes),
        ("packages", metric("packages", "{:.0f}")),
        ("restored bit for bit", exact),
        ("Python", pythons),
        record_link(prefix),
    ]
    own = [row for row in rows if row.kind == "install"]
    return table(own, index, columns, lambda g: numbers(g, "bytes")[0])


def build_of(version: str) -> str:
    """Which build a version of torch is, on Linux: the one without a suffix has the libraries of CUDA."""
    return "" if not version else "CPU" if version.endswith("+cpu") else "CUDA"
