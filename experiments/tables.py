"""Regenerate every table that shows results from the records: results/README.md and the marked parts of README.md.

    python experiments/tables.py            # write
    python experiments/tables.py --check    # only say whether they are up to date (exit 1 if not)

No number is typed by hand: a figure that stands nowhere in `results/*/record.json` stands nowhere.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ripguard.benchmark.entry import poison_of
from ripguard.benchmark.leaderboard import scheme_of
from ripguard.benchmark.record import joined, parts_of, read_records, subject
from ripguard.benchmark.table import cells, interval, markdown, spread
from ripguard.errors import refusals_printed
from ripguard.perturb.marks import ALL_CELLS, EPS
from ripguard.schemes import SCHEMES
from ripguard.schemes.stored import read as read_scheme
from ripguard.train.protocols import PROTOCOLS

ROOT = Path(__file__).resolve().parents[1]


def records(protocol: str) -> list[tuple[str, dict[str, Any]]]:
    """(folder name, record) of one protocol, oldest first; of several about the same rows only the newest."""
    return newest(lambda record: record["protocol"] == protocol)


def newest(wanted: Callable[[dict[str, Any]], bool]) -> list[tuple[str, dict[str, Any]]]:
    """(folder name, record) of the wanted records, oldest first; of several about the same rows only the newest."""
    return joined([(folder, record) for folder, record in read_records(ROOT / "results") if wanted(record)])


def linked(link: str, folder: str, record: dict[str, Any]) -> str:
    """Where a table's rows come from; ``link`` is the way from the page to results/."""
    first, *elders = [place for place, _ in parts_of(folder, record)]
    names = {first: "record"} | dict.fromkeys(elders, "an earlier one, of a release under another key")
    return ", ".join(f"[{name}]({link}{place}/record.json)" for place, name in names.items())


def by_folder(link: str, parts: list[tuple[str, dict[str, Any]]]) -> str:
    return ", ".join(f"[{place}]({link}{place}/record.json)" for place, _ in parts)


def chain_table(link: str) -> list[str]:
    """One line for each `experiments/chain.py` record; ``link`` is the way from the page to results/."""
    lines = [
        "| data, scheme | restored bit for bit | files byte for byte | without residue "
        "| PSNR to clean / to carrier (median) "
        "| SSIM to clean / to carrier (median) | residue an image (5 %–95 %) | surrogate keeps the label "
        "| protect, restore | record |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for folder, record in records("chain"):
        row = record["rows"][0]
        residue, ssim, took = row["residue_bytes_per_picture"], row["ssim_to_clean"], row["seconds"]
        lines.append(
            f"| {record['dataset']}, `{scheme_of(record)}` | **{row['restored_equal']:,} / {row['pictures']:,}** "
            f"| {_count(row.get('files_equal'))} | {_count(row.get('without_residue'))} "
            f"| {row['psnr_to_clean']['median']:.1f} / {row['median_psnr_to_carrier']:.1f} dB "
            f"| {ssim['median']:.3f} / {row['median_ssim_to_carrier']:.3f} "
            f"| {residue['median']:.0f} B ({residue['p5']:.0f}–{residue['p95']:.0f}) "
            f"| {_percent(row['surrogate_keeps_label'])} | {took['protect']:.0f} s, {took['restore']:.0f} s "
            f"| [{folder}]({link}{folder}/record.json) |"
        )
    return lines


def _count(number: int | None) -> str:
    """Nothing where a record is older than the count."""
    return "" if number is None else f"{number:,}"


def _percent(share: float | None) -> str:
    """Nothing for a scheme that trains no surrogate."""
    return "" if share is None else f"{100 * share:.1f} %"


def chain_notes() -> list[str]:
    """Hardware, versions and seeds behind the chain records."""
    lines = []
    for folder, record in records("chain"):
        hardware, versions = record["hardware"], record["versions"]
        lines.append(
            f"- {folder}: `{record['command']}`, one run, seed 0, commit {record['commit'][:12]}, "
            f"{hardware['cores']} cores {hardware['cpu']}{', ' + hardware['gpu'] if hardware['gpu'] else ''}, "
            f"Python {versions['python']}, torch {versions['torch']}, numpy {versions['numpy']}"
            + (f"; {described(record['release']['scheme'])}" if "release" in record else "")
        )
    return lines


def accuracy_records() -> list[tuple[str, dict[str, Any]]]:
    """(folder name, record) of every `experiments/table1.py` record, the paper's protocol first."""
    found = newest(lambda record: record["name"].startswith("table1 ") and "looks" in record)  # of those finished
    order = list(PROTOCOLS)
    return sorted(found, key=lambda one: (order.index(one[1]["protocol"].split(" ")[0]), one[1]["dataset"]))


def of_the_paper() -> list[tuple[str, dict[str, Any]]]:
    """Those of them that stand beside the paper's table; the grid of the leaderboard is trained under `small`."""
    return [(folder, record) for folder, record in accuracy_records() if record["recipe"]["name"] != "small"]


def accuracy_tables(link: str, images: bool, current: bool | None = None) -> list[str]:
    """The accuracy table of each record beside the paper's; ``link`` is the way from the page to results/.

    Args:
        current: only schemes in their newest form, or only settings that were left behind; None: all, the grid's too.
    """
    lines, newest = [], newest_forms()
    for folder, record in accuracy_records() if current is None else of_the_paper():
        about = record["dataset"], record["protocol"], record["scheme"]
        if current is not None and (about in newest) != current:
            continue
        looks, recipe = record["looks"], record["recipe"]
        lines += [
            f"**{record['dataset']}, protocol `{record['protocol']}`, scheme `{record['scheme']}`** "
            f"({linked(link, folder, record)})",
            "",
            *markdown(record),
            "",
            f"Protected to clean: median {looks['psnr_to_clean']['median']:.1f} dB, "
            f"SSIM {looks['ssim_to_clean']['median']:.3f}; {looks['restored_equal']:,} of {looks['pictures']:,} "
            f"images restored bit for bit. {recipe['epochs']} epochs, {recipe['optimiser']} {recipe['lr']}, "
            f"{where_and_when(record)}. Protection: {described(record['release']['scheme'])}.",
            "",
        ]
        if images:
            for place, _ in parts_of(folder, record):
                names = [n for n in ("accuracy", "curves", "confusion") if (ROOT / f"results/{place}/{n}.png").exists()]
                lines += [f"![{name}]({link}{place}/{name}.png)" for name in names]
            lines.append("")
    return lines[:-1]


AT_LEAST, AT_MOST = "≥", "≤"
FORMS = (", no sink, target cyclic", ", no sink", ", all cells", "")  # of the marks, oldest first
TARGETS = (  # what this project set out for: data, protocol, scheme, split, bound
    ("tinyimagenet", "paper", "mrit", "clean", AT_LEAST, 74.00),
    ("tinyimagenet:second", "paper", "mrit", "clean", AT_LEAST, 74.00),
    ("tinyimagenet", "paper", "mrit", "protected", AT_MOST, 16.20),
    ("tinyimagenet:second", "paper", "mrit", "protected", AT_MOST, 16.20),
    ("tinyimagenet", "paper", "mrit-tap", "protected", AT_MOST, 16.20),
    ("tinyimagenet:second", "paper", "mrit-tap", "protected", AT_MOST, 16.20),
    ("cifar10", "paper", "mrit", "clean", AT_LEAST, 86.21),
    ("cifar10", "paper", "mrit", "protected", AT_MOST, 38.23),
    ("cifar10", "standard", "mrit", "clean", AT_LEAST, 94.00),
    ("cifar10", "fast", "mrit", "clean", AT_LEAST, 88.00),
    ("cifar10", "fast", "mrit", "protected", AT_MOST, 38.23),
)


def newest_forms() -> set[tuple[str, str, str]]:
    """(dataset, protocol, scheme) of each scheme in the newest of FORMS that is recorded."""
    forms: dict[tuple[str, str, str], str] = {}
    for form in FORMS:
        for _, record in of_the_paper():
            base = record["scheme"].removesuffix(form)
            if base in SCHEMES and base + form == record["scheme"]:
                forms[record["dataset"], record["protocol"], base] = record["scheme"]
    return {(data, protocol, scheme) for (data, protocol, _), scheme in forms.items()}


def targets_table(link: str) -> list[str]:
    """What was aimed at, and what came out: of a scheme as it is now, where that is measured."""
    lines = ["| data, protocol, scheme | images | target | measured | |", "| --- | --- | --- | --- | --- |"]
    for data, protocol, scheme, split, bound, wanted in TARGETS:
        told, verdict = "", "not measured"
        found = {
            form: (parts_of(folder, record), cell)
            for form in FORMS
            for folder, record in accuracy_records()
            if (record["dataset"], record["protocol"], record["scheme"]) == (data, protocol, scheme + form)
            for cell in cells(record)
            if (cell.split, cell.defence) == (split, "none")
        }
        if found:
            form, ((newest, *elders), cell) = list(found.items())[-1]
            also = f", with {by_folder(link, elders)}" if elders else ""
            told = f"[{spread(cell.test, cell.test_sd)}]({link}{newest[0]}/record.json) (n = {len(cell.seeds)}{also})"
            told += form if split == "protected" else ""
            reached = cell.test >= wanted if bound == AT_LEAST else cell.test <= wanted
            verdict = "reached" if reached else "**missed**"
        lines.append(f"| {data}, `{protocol}`, `{scheme}` | {split} | {bound} {wanted:.2f} | {told} | {verdict} |")
    return lines


def summary_table(link: str) -> list[str]:
    """One line for each scheme, in the newest form that is recorded; ``link`` is the way from the page to results/."""
    lines = [
        "| data, protocol, scheme | clean | protected | restored | PSNR, SSIM of the protected | paper | record |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    notes = []
    newest = newest_forms()
    for folder, record in of_the_paper():
        if (record["dataset"], record["protocol"], record["scheme"]) not in newest:  # a setting that was left behind
            continue
        found = {cell.split: cell for cell in cells(record) if cell.defence == "none"}
        told = {split: f"{spread(c.test, c.test_sd)} (n = {len(c.seeds)})" for split, c in found.items()}
        looks = f"{record['looks']['psnr_to_clean']['median']:.1f} dB, {record['looks']['ssim_to_clean']['median']:.3f}"
        paper = " / ".join(f"{cell.published[1]:.2f}" for cell in found.values() if cell.published)
        lines.append(
            f"| {record['dataset']}, `{record['protocol']}`, `{record['scheme']}` | {told.get('clean', '')} "
            f"| **{told.get('protected', '')}** | {told.get('restored', '')} | {looks} | {paper} "
            f"| {by_folder(link, parts_of(folder, record))} |"
        )
        notes.append(f"- {', '.join(place for place, _ in parts_of(folder, record))}: {where_and_when(record)}")
    return [*lines, "", *notes]


AIMS = {"tap": "cross-entropy{}", "layered": "marks over cross-entropy", "fsp": "feature-space on {layer}"}
# None: the release was made before the choice was written down; the surrogate's trunks followed the image size
TRUNKS = {True: "surrogate with a coarse trunk", None: "surrogate's trunks by image size"}
OF_OPTIONS = {  # what a table tells of a perturbation, by the options that it has
    "target": lambda own: f"{own.target} target",
    "eps": lambda own: f"ε {own.eps or EPS}",
    "steps": lambda own: f"{own.steps} steps{_through(own)}",
}


def described(made: dict[str, Any]) -> str:
    """What a release was made with, in one line."""
    stored = read_scheme(made)
    own, hide = stored.perturb, stored.hide
    there = own.options() if "target" in own.options() else {}
    aim = AIMS.get(own.method, "").format(
        " through hiding" if stored.hiding_class.simulates else "", layer=getattr(own, "layer", "")
    )
    cells = getattr(own, "cells", ALL_CELLS)
    return ", ".join(
        [
            f"`{own.method}`" + (f" ({aim})" if aim else ""),
            *(form(own) for name, form in OF_OPTIONS.items() if name in there),
            f"up to {hide.planes} planes" if hasattr(hide, "planes") else f"pairing {getattr(hide, 'pairing', '')}",
            *([TRUNKS[trunk]] if (trunk := getattr(own, "coarse", False)) in TRUNKS else []),
            *(["gray images among colored ones in color"] if stored.tint else []),
            *(["the rarest class a sink"] if getattr(own, "sink", False) else []),
            *([f"patches on {cells} of 16 cells"] if cells != ALL_CELLS else []),
        ]
    )


def _through(own: Any) -> str:
    return f" through {', '.join(own.through)}" if getattr(own, "through", ()) else ""


def where_and_when(record: dict[str, Any]) -> str:
    """Machines, versions and commits of the rows."""
    machines = dict.fromkeys(_machine(part) for _, part in parts_of("", record))
    return ", ".join(["; ".join(machines), commits_of(record)])


def _machine(record: dict[str, Any]) -> str:
    hardware, devices = record["hardware"], sorted({row["device"] for row in record["rows"] if "device" in row})
    own = f"{hardware['cores']} cores {hardware['cpu']}"
    victims = f" (a victim on {', '.join(devices)})" if devices else ""
    return f"{own}{victims}, torch {record['versions']['torch']}"


def commits_of(record: dict[str, Any]) -> str:
    """Of the rows, where they say so."""
    parts = [part for _, part in parts_of("", record)]
    commits = sorted({row.get("commit", part["commit"])[:12] for part in parts for row in part["rows"]})
    return f"{'commit' if len(commits) == 1 else 'commits'} {', '.join(commits)}"


def block_table() -> list[str]:
    """Block side against survival of the attack, best assignment and SD rank."""
    lines = [
        "| data | images | clean | carrier | "
        + " | ".join(f"{n}×{n} {p}" for n in (2, 4, 8) for p in ("rank", "assignment"))
        + " |",
        "| --- | --- | --- | --- |" + " --- |" * 6,
    ]
    for _, record in records("carrier survival"):
        groups: dict[str, dict[tuple[int, str], dict[str, Any]]] = {}
        for row in record["rows"]:
            groups.setdefault(f"{row['data']}", {})[row["size"], row["pairing"]] = row
        for data, rows in groups.items():
            first = rows[0, "clean"]
            cells = [f"{100 * rows[0, name]['keeps']:.0f} %" for name in ("clean", "carrier alone")]
            for size in (2, 4, 8):
                for pairing in ("sd-rank", "assignment"):
                    row = rows[size, pairing]
                    cells.append(f"{100 * row['keeps']:.0f} %, {row['psnr_to_carrier']:.1f} dB, {row['bpp']:.2f} bpp")
            lines.append(f"| {data} | {first['pictures']} of {first['side']}² | " + " | ".join(cells) + " |")
    return lines


def record_tables(
    protocol: str,
    link: str,
    about: Callable[[dict[str, Any]], str],
    columns: list[str],
    line: Callable[[Any], list[str]],
) -> list[str]:
    """One table for each record of a protocol: a sentence with a link to it, then one line a row."""
    lines = []
    for folder, record in records(protocol):
        lines += [f"{about(record)} ({linked(link, folder, record)}):", "", _cells(columns)]
        lines += [_cells(["---"] * len(columns)), *(_cells(line(row)) for row in record["rows"]), ""]
    return lines[:-1]


def _cells(values: list[str]) -> str:
    return f"| {' | '.join(values)} |"


def choices_table(link: str) -> list[str]:
    """What the paper leaves open, one choice at a time."""

    def line(row: dict[str, Any]) -> list[str]:
        pairs = [
            f"{row[f'{name}_surrogate_keeps']:.1f} / {row[f'{name}_other_keeps']:.1f} %"
            if f"{name}_other_keeps" in row
            else ""
            for name in ("carrier", "published")
        ]
        looks = f"{row['psnr_to_clean']:.1f} / {row['psnr_to_carrier']:.1f} dB" if "psnr_to_clean" in row else ""
        bits = f"{row['bits_a_sample']:.2f}" if "bits_a_sample" in row else ""
        return [row["choice"], row["value"], *pairs, f"{row['published_other_says_next']:.1f} %", looks, bits]

    columns = [
        "choice", "value", "carrier: surrogate / other model keeps", "published: surrogate / other model keeps",
        "other model says the next class", "PSNR to clean / to carrier", "bits a sample",
    ]  # fmt: skip

    def head(r: dict[str, Any]) -> str:
        return f"{r['dataset']}, {r['rows'][0]['pictures']} training images, held out from the other model"

    return record_tables("open choices", link, head, columns, line)


def held_out_table(link: str) -> list[str]:
    """Readings of the paper's protocol, on held-out training images."""
    lines = []
    for folder, record in records("held out"):
        first = record["rows"][0]
        low, high = interval(first["held_out_accuracy"], first["held_out"])
        lines += [
            f"{record['dataset']}, {first['images']:,} training and {first['held_out']:,} held-out images, "
            f"{first['epochs']} epochs, seed 0; intervals are about ±{(high - low) / 2:.0f} points "
            f"([record]({link}{folder}/record.json)):",
            "",
            "| reading | train accuracy | held-out accuracy |",
            "| --- | --- | --- |",
        ]
        for row in sorted(record["rows"], key=lambda row: -row["held_out_accuracy"]):
            lines.append(f"| {row['choice']} | {row['train_accuracy']:.1f} | {row['held_out_accuracy']:.1f} |")
        lines.append("")
    return lines[:-1]


def tamper_table() -> list[str]:
    """Attacks on a release and their outcomes."""
    lines = [
        "| data, scheme | attack | tries | refused | restored exactly | anything else |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for _, record in records("tamper"):
        for row in record["rows"]:
            counts = " | ".join(f"{row[name]:,}" for name in ("tries", "refused", "exact", "third"))
            lines.append(f"| {record['dataset']}, `{record['scheme']}` | {row['attack']} | {counts} |")
    return lines


def interruption_section() -> list[str]:
    """Faults during protecting and restoring, and how many did not end as promised; nothing without a record."""
    if not (found := records("interruption")):
        return []
    lines = [
        "## Interruption (`experiments/interruption.py`)",
        "",
        "After each fault: an error in one sentence where the process lived on, nothing half-done at the output's "
        "place, the source untouched, and the same command then makes what an undisturbed run makes, byte for byte.",
        "",
        "A fault that is not in the table has not been tried throughout.",
        "",
        "| command | fault | where | tries | not as promised |",
        "| --- | --- | --- | --- | --- |",
    ]
    for _, record in found:
        for row in record["rows"]:
            where = f"every file-system operation on {row['pictures']:,} images"
            if "after_first_write" in row:
                where = f"{row['pictures']:,} images; {row['after_first_write']} after the first write"
            lines.append(f"| {row['verb']} | {row['fault']} | {where} | {row['tries']:,} | {row['wrong']} |")
        hardware, commits = record["hardware"], sorted({row["commit"][:12] for row in record["rows"]})
        lines += ["", f"{hardware['cores']} cores {hardware['cpu']}, commit {', '.join(commits)}"]
    return [*lines, ""]


def bench_section() -> list[str]:
    """Rates and memory, beside PNG and peers in the same run; nothing without a record."""
    if not (found := records("bench")):
        return []
    lines = ["## Speed and memory (`experiments/bench.py`)", ""]
    for folder, record in found:
        hardware = record["hardware"]
        lines += [
            f"{record['dataset']}, {hardware['cores']} cores {hardware['cpu']} ([record]({folder}/record.json)):",
            "",
            "| what | images a second | processes |",
            "| --- | --- | --- |",
        ]
        for row in record["rows"]:
            value = f"{row['rate']:,.0f}" if "rate" in row else f"{row['value']:,.2f} {row['unit']}"
            note = f" ({row['note']})" if "note" in row else ""
            note += f" ({row['pictures']:,} images)" if row.get("unit") == "MiB" else ""
            lines.append(f"| {row['what']}{note} | {value} | {row.get('cores', 1)} |")
        lines.append("")
    return lines


def coders_table(link: str) -> list[str]:
    """Bits a sample of every coder."""
    lines = []
    for folder, record in records("coders"):
        count = record["rows"][0]["pictures"]
        lines += [
            f"{record['dataset']}, {count:,} test images ([record]({link}{folder}/record.json)):",
            "",
            "| coder | bits a sample, mean | 5 %–95 % | to write, to read (ms an image, one core) |",
            "| --- | --- | --- | --- |",
        ]
        for row in sorted(record["rows"], key=lambda row: row["bits_a_sample"]):
            took = f"{row['ms_to_write']:.1f}, {row['ms_to_read']:.1f}" if "ms_to_write" in row else ""
            spread = f"{row['p5']:.2f}–{row['p95']:.2f}"
            lines.append(f"| {row['coder']} | **{row['bits_a_sample']:.2f}** | {spread} | {took} |")
        if record["model_bytes"]:
            lines += ["", f"The small-image coder's model, once for the release: {record['model_bytes']:,} bytes."]
        lines.append("")
    return lines[:-1]


def planes_table(link: str) -> list[str]:
    """What giving away low planes costs a carrier."""

    def line(row: dict[str, Any]) -> list[str]:
        return [
            f"{row['bits_a_sample']:.1f} bits a sample" if row["bits_a_sample"] else row["what"],
            row["what"] if row["bits_a_sample"] else "",
            f"{row['psnr_to_carrier']:.1f} / {row['psnr_to_clean']:.1f} dB",
            f"{row['ssim_to_carrier']:.3f} / {row['ssim_to_clean']:.3f}",
            f"{row['surrogate_keeps']:.1f} / {row['other_keeps']:.1f} %",
            f"{row['surrogate_says_next']:.1f} / {row['other_says_next']:.1f} %",
        ]

    columns = [
        "payload", "rounding", "PSNR to carrier / to clean", "SSIM to carrier / to clean",
        "surrogate / other model keep the label", "and say the next",
    ]  # fmt: skip
    return record_tables(
        "planes",
        link,
        lambda r: f"{r['dataset']}, {r['rows'][0]['pictures']} training images, held out of both models",
        columns,
        line,
    )


def marks_table(link: str) -> list[str]:
    """What class marks are made of, on held-out images."""

    def line(row: dict[str, Any]) -> list[str]:
        psnr = "" if row["psnr_to_clean"] is None else f"{row['psnr_to_clean']:.1f} dB"
        return [
            row["variant"], row["defence"], psnr, f"**{row['accuracy']:.1f}**", f"{row['standardised']:.1f}",
            f"{row['permuted']:.1f}", f"{row['new_head']:.1f}",
        ]  # fmt: skip

    def about(record: dict[str, Any]) -> str:
        row, hardware = record["rows"][0], record["hardware"]
        return (
            f"{record['dataset']}, {row['images']:,} training images, {row['held_out']:,} held-out ones, protocol "
            f"`small`, {record['recipe']['model']}, one run each; {hardware['cores']} cores {hardware['cpu']}, "
            f"{commits_of(record)}"
        )

    columns = [
        "marks",
        "defence",
        "PSNR to clean",
        "victim",
        "outputs standardised",
        "best output permutation",
        "new linear head, 500 images",
    ]
    return record_tables("marks", link, about, columns, line)


def large_table(link: str) -> list[str]:
    """Large images through `seal`."""

    def line(row: dict[str, Any]) -> list[str]:
        return [
            row["what"] + (f", {row['megapixels']} megapixels" if "megapixels" in row else ""),
            f"{row['byte_for_byte']} / {row['files']}",
            f"{row['protect_seconds']:.1f} s",
            f"{row['restore_seconds']:.1f} s",
            f"{row['protect_mib']:,} / {row['restore_mib']:,} MiB",
        ]

    columns = ["what", "files back byte for byte", "protect", "restore", "peak memory, protect / restore"]
    return record_tables("large", link, lambda _: "One worker", columns, line)


def adaptive_section() -> list[str]:
    """What a few clean images add; nothing without a record."""
    if not (found := records("adaptive")):
        return []
    lines = [
        "## A few clean images (`experiments/adaptive.py`)",
        "",
        "Accuracy on clean test images of what an attacker makes of a victim with a few labelled clean images: the "
        "best permutation of its outputs, or a new linear head on its features. Beside it, a model trained on those "
        "images alone. Mean ± sample SD over victims.",
        "",
    ]
    for folder, record in found:
        groups: dict[tuple[str, str, str, int], list[float]] = {}
        for row in record["rows"]:
            key = row["trained_on"], row["defence"], row["attack"], row["clean_pictures"]
            groups.setdefault(key, []).append(row["test_accuracy"])
        lines += [
            f"{record['name'].removeprefix('adaptive ')} ({linked('', folder, record)}):",
            "",
            "| trained on | clean images | attack | victims | test accuracy |",
            "| --- | --- | --- | --- | --- |",
        ]
        for (trained, defence, attack, count), values in groups.items():
            about = trained + ("" if defence == "none" else f", {defence}")
            sd = float(np.std(values, ddof=1)) if len(values) > 1 else None
            lines.append(f"| {about} | {count} | {attack} | {len(values)} | **{spread(float(np.mean(values)), sd)}** |")
        lines.append("")
    return lines


UNDO_READINGS = ("renamed_accuracy", "permuted_accuracy", "head_accuracy")  # where it was asked
UNDONE = {
    "none": "nothing is tried",
    "sink-out": "images of the sink left out",
    "made-up": "U-Net, pairs made up by protecting once more",
    "made-up-twice": "made-up pairs, told the labels, then a U-Net for the perturbation below marks",
    "oracle": "perfect {} of mRIT's blocks (a bound)",
    "averaged": "mean of {} releases with other seeds",
    "two-sizes": "two releases whose marks differ in size alone",
    "restorer": "U-Net, {} leaked pairs",
    "clean": "{} % clean images among them",
    "alone": "those {} % clean images alone",
}


def undo_section() -> list[str]:
    """What victims learn from images that an attacker worked on; nothing without a record."""

    def about(record: dict[str, Any]) -> str:
        rows = record["rows"]
        return (
            f"{record['name'].removeprefix('undo ')}, {max(row['images'] for row in rows):,} training images, "
            f"{rows[0]['test_images']:,} test images, {rows[0]['model']}, {described(record['release']['scheme'])}; "
            f"{where_and_when(record)}"
        )

    def line(row: dict[str, Any]) -> list[str]:
        base, _, under = row["attack"].partition("+")
        attack = base.removesuffix("-told")
        kind, _, number = attack.partition("-") if attack not in UNDONE else (attack, "", "")
        psnr = f"{row['psnr_to_clean']:.1f} dB" if "psnr_to_clean" in row else ""
        found = [f"**{row['test_accuracy']:.2f}**", f"{row['standardised_accuracy']:.2f}"]
        told = ", told the labels" if attack != base else ""
        few = [f"{row[name]:.2f}" if name in row else "" for name in UNDO_READINGS]
        return [UNDONE[kind].format(number) + told + (f", then {under}" if under else ""), *found, *few, psnr]

    columns = [
        "attacker",
        "test accuracy",
        "standardised",
        "renamed",
        "permuted, 100 clean",
        "head, 100 clean",
        "PSNR to clean",
    ]
    if not (found := record_tables("undo", "", about, columns, line)):
        return []
    return [
        "## Undoing a protection (`experiments/undo.py`)",
        "",
        "Test accuracy of a victim trained on what an attacker makes of the published images; one run each. "
        "Standardised: each output against its mean and spread over the test images, without labels; renamed: "
        "answers by the public rule of the perturbation, plain or standardised; permuted, head: "
        "the best output permutation (plain or standardised) and a new linear head, from a hundred labelled clean "
        "images, where it was asked. PSNR is of the images that the victim trains on to the clean ones.",
        "",
        *found,
        "",
    ]


def _both(row: dict[str, Any]) -> str:
    """Accuracy, and that on test images that went through the defence as well."""
    treated = f" ({row['treated_accuracy']:.2f})" if "treated_accuracy" in row else ""
    return f"{row['test_accuracy']:.2f}{treated}"


def peers_section() -> list[str]:
    """Published poisons without hiding, beside their published figures; nothing without a record."""
    if not (found := records("peers")):
        return []
    lines = [
        "## Peers without hiding (`experiments/peers.py`)",
        "",
        "Test accuracy of victims trained on what we make of each poison's recipe, undefended and under the defence "
        "that is known to undo it; beside it clean images under the same defence, and what is published of a "
        "ResNet-18 on 50,000 images (APBench, undefended). In brackets: asked about test images that went through "
        "the defence as well. One run each.",
        "",
    ]
    for folder, record in found:
        rows, hardware = record["rows"], record["hardware"]
        clean = {row["defence"]: _both(row) for row in rows if poison_of(row) == "clean"}
        lines += [
            f"{record['name'].removeprefix('peers ')}, {record['pictures']:,} training images, {rows[0]['model']}, "
            f"tap of {record['steps']} steps, its surrogate of {record['surrogate_epochs']} epochs; "
            f"{hardware['cores']} cores {hardware['cpu']}, "
            f"{commits_of(record)} ([record]({folder}/record.json)):",
            "",
            "| poison | PSNR | defence | test accuracy | clean, same defence | published |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for row in sorted(rows, key=poison_of):
            if poison_of(row) != "clean":
                undefended = row["defence"] == "none"
                published = f"{row['published']:.2f}" if undefended and row["published"] is not None else ""
                lines.append(
                    f"| `{poison_of(row)}` | {row['psnr_to_clean']:.1f} dB | {row['defence']} "
                    f"| **{_both(row)}** | {clean.get(row['defence'], '')} | {published} |"
                )
        lines.append("")
    return lines


def transfer_section() -> list[str]:
    """What other models learn; nothing without a record."""
    if not (found := records("transfer")):
        return []
    lines = [
        "## Other models (`experiments/transfer.py`)",
        "",
        "Test accuracy of other victims under one protocol, trained on protected images and on as many restored "
        "ones; one run each.",
        "",
    ]
    for folder, record in sorted(found, key=lambda one: subject(one[1])):
        models: dict[str, dict[str, str]] = {}
        for cell in cells(record):
            models.setdefault(cell.model, {})[cell.split] = f"{cell.test:.2f}"
        name, images = subject(record)
        lines += [
            f"{name.removeprefix('transfer ')}, {images:,} training images, {record['rows'][0]['epochs']} epochs; "
            f"{where_and_when(record)} ({linked('', folder, record)}):",
            "",
            "| model | protected | restored |",
            "| --- | --- | --- |",
            *(
                f"| {model} | **{row.get('protected', '')}** | {row.get('restored', '')} |"
                for model, row in models.items()
            ),
            "",
        ]
    return lines


def timing() -> list[str]:
    """How long `make protect` takes on the machine of its record."""
    for folder, record in records("make protect"):
        row, hardware = record["rows"][0], record["hardware"]
        return [
            f"It takes {row['seconds'] / 60:.1f} minutes on {hardware['cores']} cores ({hardware['cpu']}), "
            f"{row['install_seconds']:.0f} s of them for the installation "
            f"([record](results/{folder}/record.json)):",
            "",
            "| images | restored bit for bit | protected to clean |",
            "| --- | --- | --- |",
            f"| {row['pictures']:,} | **{row['restored_equal']:,}** | {row['psnr_to_clean']['median']:.1f} dB, "
            f"SSIM {row['ssim_to_clean']['median']:.3f} |",
            "",
            f"![clean, protected, restored, difference](results/{folder}/grid.png)",
        ]
    return []


def pages() -> dict[Path, str]:
    """What each generated page should hold."""
    results = [
        "# Results",
        "",
        "Generated by `make results` from the records beside it; each names command, commit, hardware, versions. A "
        "command is that of its commit: defaults may be others today (`mrit` was what `mrit-tap` is now), and "
        "folders of forms that were left behind are called by what they are now. A release made again with the same "
        "options has another key: rows of its victims join those of the first, where those of the newer are not about "
        "the same.",
        "",
        "## What victims learn (`experiments/table1.py`)",
        "",
        "Mean ± sample SD over seeds; trained on the files of each kind, as read back from disk, and measured on the "
        "clean test images. The interval is the test set's (Wilson, 95 %) and says nothing about seeds. Restored "
        "images equal the clean ones by digest; their rows are trainings of their own, with seeds of their own. "
        "Asked so too: on test images that went through the defence as well.",
        "",
        *accuracy_tables("", images=True),
        "",
        "## The chain: exactness, looks, survival of the attack (`experiments/chain.py`)",
        "",
        *chain_table(""),
        "",
        *chain_notes(),
        "",
        '"Surrogate keeps the label": share of protected images, train and test, on which the owner\'s surrogate '
        "still says the true class; empty where the perturbation needs no surrogate.",
        "",
        "## Tampering (`experiments/tamper.py`)",
        "",
        "On the first 100 images of a release. A changed file that still decodes to the same samples may restore.",
        "",
        *tamper_table(),
        "",
        *interruption_section(),
        *bench_section(),
        *adaptive_section(),
        *undo_section(),
        *transfer_section(),
        *peers_section(),
        "## Block side (`experiments/block_size.py`)",
        "",
        "Share of protected training images on which the surrogate keeps the true label, median PSNR to the "
        "carrier, and bits a sample of the embedded record, with the Sequence embedded. Carriers are `fsp`'s, a weaker "
        "attack than `mrit-tap`'s.",
        "",
        *block_table(),
        "",
    ]
    readme = (ROOT / "README.md").read_text()
    readme = _fill(readme, "timing", timing())
    readme = _fill(readme, "accuracy", summary_table("results/"))
    readme = _fill(readme, "results", [*chain_table("results/"), "", *chain_notes()])
    study = (ROOT / "docs" / "reproduction.md").read_text()
    study = _fill(study, "accuracy", accuracy_tables("../results/", images=False, current=True))
    study = _fill(study, "targets", targets_table("../results/"))
    study = _fill(study, "settings", accuracy_tables("../results/", images=False, current=False))
    study = _fill(study, "choices", choices_table("../results/"))
    study = _fill(study, "held-out", held_out_table("../results/"))
    marks = _fill((ROOT / "docs" / "perturbations.md").read_text(), "marks", marks_table("../results/"))
    seal = (ROOT / "docs" / "schemes" / "seal.md").read_text()
    for mark, table in (("coders", coders_table), ("planes", planes_table), ("large", large_table)):
        seal = _fill(seal, mark, table("../../results/"))
    return {
        ROOT / "docs" / "perturbations.md": marks,
        ROOT / "docs" / "schemes" / "seal.md": seal,
        ROOT / "results" / "README.md": "\n".join(results),
        ROOT / "README.md": readme,
        ROOT / "docs" / "reproduction.md": study,
    }


def _fill(page: str, mark: str, lines: list[str]) -> str:
    pattern = re.compile(f"(<!-- {mark}:start -->\n).*?(<!-- {mark}:end -->)", re.S)
    return pattern.sub(lambda m: m[1] + "".join(line + "\n" for line in lines) + m[2], page)


def main() -> None:
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text() != text]
    if "--check" in sys.argv:
        sys.exit(f"out of date, run make results: {', '.join(p.name for p in stale)}" if stale else 0)
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(pages()[path])
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    with refusals_printed():
        main()
