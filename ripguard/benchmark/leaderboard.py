"""All schemes side by side, from the records of `results/`: looks, plain victims, defences, adaptive attackers."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from matplotlib.figure import Figure  # not pyplot: no display, no state, notebooks keep their own

from ripguard.benchmark.aims import aims
from ripguard.benchmark.attacks.limited_clean_data import HEAD, PERMUTATIONS, STANDARDISED
from ripguard.benchmark.controls import controls
from ripguard.benchmark.defences import WITHDRAWN
from ripguard.benchmark.entry import Entry, better, told
from ripguard.benchmark.record import joined, releases_of
from ripguard.benchmark.table import sd, spread
from ripguard.schemes import label

# first words of attacks of undo.py that change the images, without and with leaked clean ones
UNDOING, LEAKED = ("made", "averaged", "two", "sink"), ("restorer",)
READINGS = ("test", "standardised", "renamed")  # that need no labelled clean image
# of an earlier form of a scheme or an earlier setting, in its label
EARLIER = re.compile(r" \(|, no sink|, gray kept|, all cells|, cells \d")

Key = tuple[str, str, int, str]  # dataset, protocol, training images, scheme


def entries(records: list[dict[str, Any]]) -> dict[Key, Entry]:
    """From all records, oldest first, whatever experiment wrote them; of several about the same rows the newest."""
    board: dict[Key, Entry] = {}
    whole = [record for record in records if "looks" in record or not record["name"].startswith("table1 ")]
    latest = [record for _, record in joined([("", record) for record in whole])]
    for record in latest:
        if not record["name"].startswith("table1 "):
            continue
        looks = record["looks"]
        entry = Entry(scheme_of(record), looks["psnr_to_clean"]["median"], looks["ssim_to_clean"]["median"], 0)
        entry.releases = releases_of(record)
        clean = [row for row in record["rows"] if row["split"] != "protected" and row["defence"] == "none"]
        for row in record["rows"]:
            if row["split"] == "protected":
                entry.images = row["images"]
                if row["defence"] == "none":
                    entry.plain.append(row["test_accuracy"])
                elif row["defence"] not in WITHDRAWN:
                    entry.defended.setdefault(row["defence"], []).append(better(row))
        if entry.plain:
            entry.clean = {(row["digest"], row.get("model", ""), row["seed"]): row["test_accuracy"] for row in clean}
            board[record["dataset"], record["protocol"], entry.images, entry.scheme] = entry
    for record in latest:
        if record["protocol"] == "adaptive" and "victims" in record:
            for entry in _about(board, record, record["victims"]):
                for row in record["rows"]:
                    there = row["trained_on"] == "protected" and row["attack"] != "none"
                    if there and row["defence"] not in WITHDRAWN:
                        read = entry.adaptive.setdefault((row["attack"], row["clean_pictures"]), {})
                        read.setdefault(row["defence"], []).append(row["test_accuracy"])
            for row in record["rows"]:
                if row["trained_on"] != "protected":  # the same for every scheme of a dataset
                    for key, entry in board.items():
                        if key[:2] == (record["dataset"], record["victims"]):
                            count = row["clean_pictures"]
                            entry.alone[count] = max(row["test_accuracy"], entry.alone.get(count, 0.0))
        if record["protocol"] == "undo":
            for entry in _about(board, record, record["recipe"]["name"]):
                for row in record["rows"]:
                    most = max(row[f"{name}_accuracy"] for name in READINGS if f"{name}_accuracy" in row)
                    for words, found in ((UNDOING, entry.undone), (LEAKED, entry.leaked)):
                        if row["attack"].split("-")[0] in words:
                            found.setdefault(row["attack"], []).append(most)
    return board


def _about(board: dict[Key, Entry], record: dict[str, Any], protocol: str) -> list[Entry]:
    """The entries that an attacker's record speaks of: of its releases, where it says which those were."""
    releases, shown = set(releases_of(record)), record.get("pictures")
    return [
        entry
        for (data, own, images, scheme), entry in board.items()
        if (data, own, scheme) == (record["dataset"], protocol, scheme_of(record))
        and (not releases or releases & set(entry.releases))
        and (shown is None or shown == images)
    ]


def scheme_of(record: dict[str, Any]) -> str:
    """Of a record of ours; a setting that is no scheme any more keeps the name it was given."""
    made = record.get("release", {}).get("scheme")
    return label(made) if made and record["scheme"] == made["name"] else record["scheme"]


def page(board: dict[Key, Entry], records: list[dict[str, Any]]) -> list[str]:
    """The tables, as lines of Markdown: of the board, and of the newest of the records of `experiments/peers.py`."""
    peers = next((record for record in reversed(records) if record["protocol"] == "peers"), None)
    lines = [
        "# Leaderboard",
        "",
        "Generated by `make leaderboard` from the records beside it; their tables, with seeds, intervals, hardware "
        "and commits, are in [README.md](README.md). Accuracy on clean test images, percent, mean over seeds, of "
        "plain victims ± sample SD; "
        "smaller is better protection. Empty: not measured. Schemes that were tried against defences come first; among "
        "them, and among the others, the order is that of the worst of plain victim, best defence, standardised "
        "outputs and permutation, as far as they are known. A defence works on the training images without any clean "
        "one, and where it treats each by itself also on what the victim is asked about, if that "
        "tells more; standardised outputs (each against its mean and spread) take unlabelled clean images, the "
        "output permutation (of the outputs as they are, or standardised) and a new linear head a few labelled ones; "
        "what those few give alone stands above each table. These read the victims under every defence that "
        "is recorded, and the highest figure counts, with the defence's name unless it was the "
        "plain victim's. Undone is the best of what was tried on the images without clean ones: U-Nets that train on "
        "pairs made up by the published method, with defences after it, several releases compared, the sink left out; "
        "leaked: U-Nets that saw so many clean images beside their protected forms; plain, standardised or, where "
        "the names that a perturbation teaches follow a public rule, renamed, whichever is more. Which poison each "
        "defence undoes, what it leaves of clean images, and what was aimed at and missed, stands at the end.",
        "",
        "![accuracy against PSNR](leaderboard.png)",
        "",
    ]
    for data, protocol, images in sorted({key[:3] for key in board}):
        own = [entry for key, entry in board.items() if key[:3] == (data, protocol, images)]
        now = present(own)
        clean = list({run: found for entry in own for run, found in entry.clean.items()}.values())
        lines += [
            f"## {data}, {images:,} images, protocol `{protocol}`"
            + (f": clean and restored {np.mean(clean):.2f} (n = {len(clean)})" if clean else "")
            + "".join(f", {count} clean alone {most:.2f}" for count, most in sorted(own[0].alone.items())),
            "",
            *_table(now),
        ]
        if before := [entry for entry in own if entry not in now]:
            lines += ["Earlier forms and settings of these schemes:", "", *_table(before)]
    return lines + controls(peers) + aims(board, peers)


def _table(entries: list[Entry]) -> list[str]:
    lines = [
        "| scheme | PSNR, SSIM to clean | plain victim | best defence | standardised | permutation | head, 100 "
        "| head, 500 | undone | leaked |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for entry in sorted(entries, key=lambda one: (one.best_defence is None, worst(one))):
        cells = [
            f"`{entry.scheme}`",
            f"{entry.psnr:.1f} dB, {entry.ssim:.3f}",
            spread(float(np.mean(entry.plain)), sd(entry.plain))
            + (f" ({len(entry.plain)} seeds)" if len(entry.plain) > 1 else ""),
            told(entry.best_defence, f" of {len(entry.defended)}"),
            told(entry.reached(STANDARDISED, 0)),
            told(entry.reached(PERMUTATIONS, 100)),
            told(entry.reached(HEAD, 100)),
            told(entry.reached(HEAD, 500)),
            told(entry.best_undoing),
            told(entry.best_leaked),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def present(entries: list[Entry]) -> list[Entry]:
    """Without earlier forms and settings of schemes that are there as they are now, in the same order."""
    known = {entry.scheme for entry in entries}
    return [one for one in entries if not (earlier(one.scheme) and EARLIER.split(one.scheme)[0] in known)]


def earlier(scheme: str) -> bool:
    """Whether the name is that of an earlier form or an earlier setting."""
    return bool(EARLIER.search(scheme))


def worst(entry: Entry) -> float:
    """The most that anybody got out of it without undoing it: plain, best defence, outputs read otherwise."""
    read = [entry.best_defence, entry.reached(STANDARDISED, 0), entry.reached(PERMUTATIONS, 100)]
    return max(float(np.mean(entry.plain)), *(found[1] for found in read if found), 0.0)


def _apart(places: list[float], least: float) -> list[float]:
    """Places of labels in a row, in the order of ``places``, ``least`` apart: as near to them as that leaves."""
    order = np.argsort(places, kind="stable")
    steps = least * np.arange(len(places))
    loose = np.array(places)[order] - steps
    moved = np.empty(len(places))
    # the mean of the two greedy ways, to the right alone and to the left alone, keeps order and distance
    moved[order] = (np.maximum.accumulate(loose) + np.minimum.accumulate(loose[::-1])[::-1]) / 2 + steps
    return list(moved)


def plot(board: dict[Key, Entry]) -> Figure:
    """Accuracy, plain, under the best defence, read otherwise and undone, against PSNR; a panel for each table.

    A scheme is a column of points with its name above.
    """
    groups = sorted({key[:3] for key in board})
    figure = Figure((6.4, 3.1 * len(groups)))
    series: tuple[tuple[str, str, str, Callable[[Entry], float | None]], ...] = (
        ("plain victim", "o", "#4477aa", lambda one: float(np.mean(one.plain))),
        ("best defence", "^", "#cc3311", lambda one: _value(one.best_defence)),
        ("standardised outputs", "D", "#ccbb44", lambda one: _value(one.reached(STANDARDISED, 0))),
        ("output permutation", "s", "#228833", lambda one: _value(one.reached(PERMUTATIONS, 100))),
        ("undone", "x", "#aa3377", lambda one: _value(one.best_undoing)),
        ("leaked pairs", "+", "#666666", lambda one: _value(one.best_leaked)),
    )
    for axis, group in zip(figure.subplots(len(groups), 1, squeeze=False)[:, 0], groups):
        own = present([entry for key, entry in board.items() if key[:3] == group])
        for one, place in zip(own, _apart([entry.psnr for entry in own], 0.75)):
            heights = [value(one) for _, _, _, value in series]
            low, high = (end(one for one in heights if one is not None) for end in (min, max))
            axis.plot([one.psnr, place], [high, 100], "-", color="#bbbbbb", lw=0.6, zorder=0)
            axis.plot([one.psnr, one.psnr], [low, high], "-", color="#666666", lw=1.2, zorder=0)
            axis.text(place, 101, one.scheme, fontsize=6, rotation=45, ha="left", va="bottom", clip_on=False)
        for name, mark, color, value in series:
            points = [(one.psnr, value(one)) for one in own if value(one) is not None]
            if points:
                inside = "none" if mark == "s" else color  # it often lies on another point
                axis.plot(*zip(*points), mark, color=color, mfc=inside, label=name, ms=6 if mark == "s" else 4)
        axis.set_ylim(0, 100)
        axis.set_xlim(20, max(36, *(entry.psnr + 1 for entry in board.values())))
        axis.set_xlabel("PSNR to clean, dB", fontsize=7)
        axis.set_ylabel("test accuracy, %", fontsize=7)
        axis.tick_params(labelsize=7)
        axis.set_title(f"{group[0]}, {group[2]:,} images, {group[1]}", fontsize=8, pad=52, loc="left")
        axis.legend(fontsize=6, loc="center right")
        axis.spines[["top", "right"]].set_visible(False)
    figure.tight_layout()
    return figure


def _value(found: tuple[str, float] | None) -> float | None:
    return None if found is None else found[1]
