"""Positive controls of the defences: a known poison that each one removes. Lines of the leaderboard."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.entry import better, poison_of
from ripguard.benchmark.other_images import defence_called
from ripguard.benchmark.records import Measurement


def controls(peers: Sequence[Measurement]) -> list[str]:
    """A Markdown table, as lines: for each defence, the published poison that it recovers most from.

    Args:
        peers: measurements of `experiments/peers.py`; without any, there are no lines.
    """
    if not peers:
        return []
    reached: dict[tuple[str, str], list[float]] = {}
    for row in peers:
        reached.setdefault((poison_of(row), defence_called(row)), []).append(better(row))
    means = {key: float(np.mean(values)) for key, values in reached.items()}
    lines = [
        "## Positive controls of the defences",
        "",
        "A defence counts only after its positive control: of the published poisons that it was tried against, without "
        f"hiding, the one that it recovers most of ({peers[0].dataset}, {peers[0].n_train:,} images, one run each; all "
        "of them in [victims](victims/README.md#peers)), beside clean images under the same defence, which bound what "
        "it can recover. Empty: no control was measured.",
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
