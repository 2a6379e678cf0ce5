"""What shows that a defence works: a known poison that it undoes. Lines of the leaderboard's page."""

from __future__ import annotations

from typing import Any

import numpy as np

from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.entry import better, poison_of


def controls(peers: dict[str, Any] | None) -> list[str]:
    """A table, as lines of Markdown: for every defence the published poison that it gives most back of.

    Args:
        peers: the record of `experiments/peers.py`; None: nothing was measured, no lines.
    """
    if peers is None:
        return []
    reached: dict[tuple[str, str], list[float]] = {}
    for row in peers["rows"]:
        reached.setdefault((poison_of(row), row["defence"]), []).append(better(row))
    means = {key: float(np.mean(values)) for key, values in reached.items()}
    lines = [
        "## Whether the defences work",
        "",
        "A defence counts only after its positive control: of the published poisons that it was tried against, without "
        f"hiding, the one that it gives most back of ({peers['dataset']}, {peers['pictures']:,} images; all of them "
        "in [results](README.md#peers-without-hiding-experimentspeerspy)), beside clean images under the same "
        "defence, about what it can give back here (one run each): a victim that is trained longer under a defence "
        "that makes training harder may get more out of either. Empty: no control was measured.",
        "",
        "| defence | poison | undefended | under the defence | clean, same defence |",
        "| --- | --- | --- | --- | --- |",
    ]
    for defence in DEFENCES:
        if defence == "none":
            continue
        tried = [
            poison for poison, under in means if under == defence and poison != "clean" and (poison, "none") in means
        ]
        best = max(tried, key=lambda poison: means[poison, defence] - means[poison, "none"], default=None)
        found = (
            ["", "", ""] if best is None else [f"`{best}`", *(f"{means[best, one]:.2f}" for one in ("none", defence))]
        )
        clean = f"{means['clean', defence]:.2f}" if ("clean", defence) in means else ""
        lines.append(f"| {defence} | {' | '.join(found)} | {clean} |")
    return [*lines, ""]
