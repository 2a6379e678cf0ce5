"""The targets of the project, and the measurements: lines of the leaderboard."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ripguard.benchmark.attacks.limited_clean_data import HEAD, PERMUTATIONS, STANDARDISED
from ripguard.benchmark.entry import Entry, better, poison_of, written
from ripguard.benchmark.other_images import defence_called
from ripguard.benchmark.records import Measurement

# current versions; earlier versions have longer names
OURS = ("strong", "layered", "layered-balanced", "balanced", "mrit", "discreet")
LEAST_DB = 26  # minimal PSNR to the clean image, for the comparison of schemes
AT_STRONG = ("strong", "layered")  # at 22 dB
PLAIN, OF_MRIT, OF_PERMUTATION, OF_DEFENCE, OF_HEAD, OF_PEERS = (
    10,
    20,
    20,
    50,
    10,
    5,
)  # percent; the last two: percentage points
CONTROLS = {("tap", "jpeg-10"): 75, ("em-sample", "grayscale"): 80, ("ops", "orthogonal-projection"): 80}  # percent
Line = tuple[str, str, str, bool]  # subject, target, measurement, whether it was reached


def aims(board: dict[Any, Entry], peers: Sequence[Measurement]) -> list[str]:
    """A Markdown table, as lines; empty without measurements.

    Args:
        board: entries of :func:`ripguard.benchmark.leaderboard.entries`.
        peers: measurements of `experiments/peers.py`.
    """
    lines = [*_schemes(board), *_peers(peers)]
    if not lines:
        return []
    return [
        "## Targets",
        "",
        "Chance is 10 percent on ten classes. Alone: the best that as many clean images give without the protected "
        "ones, as a model or under a new head.",
        "",
        "| what | target | measured | |",
        "| --- | --- | --- | --- |",
        *(
            f"| {what} | {aim} | {figure} | {'reached' if held else '**missed**'} |"
            for what, aim, figure, held in lines
        ),
        "",
    ]


def _schemes(board: dict[Any, Entry]) -> Iterator[Line]:
    # `photos` is for demonstrations and has no targets
    ours = {key: entry for key, entry in board.items() if entry.scheme in OURS and key[0] != "photos"}
    for group in sorted({key[:3] for key in ours}):
        own = [entry for key, entry in ours.items() if key[:3] == group]
        where = f"{group[0]}, `{group[1]}`"
        if fine := [entry for entry in own if entry.psnr >= LEAST_DB]:
            best = min(fine, key=lambda one: float(np.mean(one.plain)))
            plain = float(np.mean(best.plain))
            about = f"{where}: our best at ≥ {LEAST_DB} dB, plain victim"
            yield about, f"≤ {PLAIN}", f"{plain:.2f} (`{best.scheme}`)", plain <= PLAIN
        for entry in sorted(own, key=lambda one: OURS.index(one.scheme)):
            yield from _scheme(entry, f"{where}, `{entry.scheme}`")


def _scheme(entry: Entry, where: str) -> Iterator[Line]:
    if entry.scheme == "mrit":
        plain = float(np.mean(entry.plain))
        yield f"{where}: plain victim", f"≤ {OF_MRIT}", f"{plain:.2f}", plain <= OF_MRIT
    for whose, defences in (("plain victim", ("none",)), ("victims with and without defences", None)):
        if defences is None and not entry.defended:
            continue
        # standardized outputs without permutation count as the identity permutation
        read = [entry.reached(PERMUTATIONS, 100, defences), entry.reached(STANDARDISED, 0, defences)]
        if found := max((one for one in read if one), key=lambda one: one[1], default=None):
            about = f"{where}: outputs permuted or standardized, {whose}"
            yield about, f"≤ {OF_PERMUTATION}", written(found), found[1] <= OF_PERMUTATION
        for count, alone in sorted(entry.alone.items()):
            if found := entry.reached(HEAD, count, defences):
                figure = f"{written(found)}, alone {alone:.2f}"
                about = f"{where}: linear head, {count} clean, {whose}"
                yield about, f"≤ alone + {OF_HEAD}", figure, found[1] <= alone + OF_HEAD
    if entry.scheme in AT_STRONG and entry.best_defence:
        figure = f"{written(entry.best_defence)}, of {len(entry.defended)}"
        yield f"{where}: best defence", f"≤ {OF_DEFENCE}", figure, entry.best_defence[1] <= OF_DEFENCE
        if found := entry.reached(STANDARDISED, 0):
            about = f"{where}: best defence, logits standardized"
            yield about, f"≤ {OF_DEFENCE}", written(found), found[1] <= OF_DEFENCE
    if entry.scheme in AT_STRONG and (
        found := entry.best_undoing
    ):  # not in the list of defences, but needs no clean data either
        about = f"{where}: undone with the published method"
        yield about, f"≤ {OF_DEFENCE}", written(found), found[1] <= OF_DEFENCE


def _peers(peers: Sequence[Measurement]) -> Iterator[Line]:
    clean = {defence_called(row): better(row) for row in peers if poison_of(row) == "clean"}
    for row in peers:
        defence = defence_called(row)
        if least := CONTROLS.get((poison_of(row), defence)):
            about = f"{row.dataset}, control: peer `{poison_of(row)}` under {defence}"
            figure = f"{better(row):.2f}" + (f", clean {clean[defence]:.2f}" if defence in clean else "")
            yield about, f"≥ {least}", figure, better(row) >= least
        published, measured = row.metrics.get("published"), row.metrics["test_acc"]
        if published is not None and row.defence == "none":
            near = abs(measured - published) <= OF_PEERS
            about = f"{row.dataset}, peer `{poison_of(row)}`, plain victim"
            yield about, f"{published:.2f} ± {OF_PEERS}", f"{measured:.2f}", near
