"""Generated pages: marked blocks of README and docs, and the pages of ``results/``.

A block stands between ``<!-- NAME:start -->`` and ``<!-- NAME:end -->`` in README.md or a page below docs/, and has a
name of :data:`BLOCKS`; its links lead from that page.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

from ripguard.benchmark.leaderboard import page as leaderboard
from ripguard.benchmark.leaderboard import who
from ripguard.benchmark.records import FOLDERS, Measurement, read
from ripguard.benchmark.tables import accuracy, attacks, capacity, installs, load, lock, others, privdl
from ripguard.errors import InputRefused

Maker = Callable[[Sequence[Measurement], str], list[str]]
BLOCKS: dict[str, Maker] = {
    "demo": others.demo,
    "timing": others.timing,
    "results": others.chain,
    "results-short": others.results_short,
    "accuracy": accuracy.current,
    "accuracy-short": accuracy.short,
    "settings": accuracy.settings,
    "targets": accuracy.targets,
    "held-out": others.held_out,
    "choices": others.choices,
    "marks": others.marks,
    "blending": others.blending,
    "ceiling": others.ceiling,
    "privdl": privdl.networks,
    "privdl-others": privdl.others,
    "known-pairs": privdl.known_pairs,
    "lock-fit": lock.fit,
    "lock-unlock": lock.unlock,
    "lock-pairs": lock.pairs,
    "who": who,
    "coders": others.coders,
    "planes": others.planes,
    "capacity": capacity.thresholds,
    "capacity-methods": capacity.methods,
    "large": others.large,
    "installs": installs.installs,
    "platform-load": load.load,
}
MARK = re.compile(r"<!-- ([a-z0-9-]+):(start|end) -->")
Section = tuple[str, str, Maker]  # heading, what stands below it, table
PAGES: dict[str, tuple[str, list[Section]]] = {
    "victims": ("What models learn", [
        ("All schemes", "Test accuracy of models trained without a defence, mean ± sample SD over seeds, ranked within "
         "a dataset and protocol by the accuracy on protected images. The paper's column has its accuracies for clean, "
         "protected and restored images, one run each.", accuracy.summary),
        ("Peers", "Published poisons without hiding (`experiments/peers.py`), one run each. Published accuracies are "
         "of a ResNet-18 on 50,000 images (APBench; `pil` and `dune`: their authors). Removal: the model trains on "
         "what such an attack leaves. Standardized: each logit over the test images, without labels. Relabelled: "
         "predictions renamed by the public rule of the poison. Permuted, head: with 100 labelled clean images. "
         "Empty: not measured.", accuracy.peers),
        ("Demonstration", "`experiments/demo.py`, one run.", others.demo),
        ("Transfer", "Other models under one protocol (`experiments/transfer.py`), one run each.", accuracy.transfer),
        ("Scrambled images", "Scheme `privdl` (`experiments/privdl.py`): networks on images whose pixels a key moved, "
         "mean ± sample SD over seeds. The interval is that of the test set (Wilson, 95 %).",
         privdl.recorded_networks),
        ("Learnability Lock", "The model that each lock was trained with (`experiments/lock.py`), one run each. It saw "
         "locked images alone. Published: i-ResNet form, ResNet-18, all 50,000 images.", lock.recorded_fit),
        ("Each scheme in full", "Models are trained on the files on disk and measured on the clean test images. The "
         "interval is that of the test set (Wilson, 95 %), not of the seeds. Restored images equal the clean ones by "
         "digest; their models have seeds of their own. \"Inputs defended too\": the test images went through the "
         "defence as well.", accuracy.full),
    ]),
    "attacks": ("Attackers", [
        ("Undoing a protection", "Test accuracy of a model trained on what an attacker makes of the published images "
         "(`experiments/undo.py`), one run each, the most successful attack first. Standardized: each logit over the "
         "test images, without labels. Relabelled: predictions renamed by the public rule of the perturbation. "
         "Permuted, head: with 100 labelled clean images. PSNR is of the images that the model trains on.",
         attacks.undo),
        ("A few clean images", "Accuracy that an attacker with a few labelled clean images reaches "
         "(`experiments/adaptive.py`), the most successful first, beside a model trained on those images alone. Mean ± "
         "sample SD over victims.", attacks.limited_clean),
        ("Known pairs", "Scheme `privdl` (`experiments/privdl.py`): the order of pixels read off known clean images, "
         "and what it shows of other images. Mean over draws; PSNR: median of other images.",
         privdl.recorded_pairs),
        ("Known pairs of a Learnability Lock", "Perturbation `lock` (`experiments/lock.py`): other images of a class, "
         "opened after some of its clean images are known. Mean over classes of the median PSNR and of the shares.",
         lock.recorded_pairs),
    ]),
    "exactness": ("Exactness", [
        ("Protect, restore, compare", "Every image of a dataset through `experiments/chain.py`, one run, seed 0. "
         "\"Surrogate keeps the label\": share of protected images that the owner's surrogate still assigns to the "
         "true class; empty where there is no surrogate.", others.chain),
        ("Large images", "`experiments/large.py`, scheme `seal`, one worker.", others.large),
        ("A first run", "`experiments/first_run.py`.", others.timing),
        ("The inverse of a Learnability Lock", "Perturbation `lock` (`experiments/lock.py`): images unlocked with the "
         "lock and the labels, without the key. Medians. Restoring does not use the inverse, and is exact.",
         lock.recorded_unlock),
    ]),
    "ablations": ("Ablations", [
        ("Open choices of the paper", "`experiments/open_choices.py`", others.choices),
        ("Readings of the paper's protocol", "`experiments/held_out.py`, seed 0", others.held_out),
        ("Class marks", "`experiments/marks.py`", others.marks),
        ("Blended cells of marks", "`experiments/blending.py`: models trained on large images that were reduced again.",
         others.blending),
        ("What thumbnails teach", "`experiments/ceiling.py`: models trained and tested on the lowest DCT coefficients "
         "of clean images, under true labels: what an attacker on `carve` could reach at most if the kept band were "
         "not perturbed. An estimate for these models, no proof.", others.ceiling),
        ("Low bit-planes", "`experiments/planes.py`", others.planes),
        ("Reversible capacity", "`experiments/capacity.py`: the most random bits under fixed thresholds, one layer. "
         "`photographs`: ten whole ones. Estimate: bits a sample and PSNR without a codec; beside `photographs`, of "
         "images of 300×300 pixels.", capacity.thresholds),
        ("Reversible embedding of given numbers of bits", "`experiments/capacity.py`", capacity.amounts),
        ("Records of rdh and rit", "`experiments/capacity.py`: two perturbations that need no training.",
         capacity.methods),
        ("Block side", "`experiments/block_size.py`: share of protected images whose label the surrogate keeps. "
         "Carriers are those of `fsp`, a weaker attack than that of `mrit-tap`.", others.block_size),
    ]),
    "robustness": ("Robustness", [
        ("Tampering", "`experiments/tamper.py`, the first 100 images of a release. A changed file that still decodes "
         "to the same samples may restore.", others.tamper),
        ("Interruption", "`experiments/interruption.py`. After each fault there is an error in one sentence where the "
         "process survived, nothing incomplete at the output's place, and an untouched source; the same command then "
         "writes the bytes of an undisturbed run. A fault that is not in the table was not tried.",
         others.interruption),
    ]),
    "performance": ("Performance", [
        ("Speed and memory", "`experiments/bench.py`, beside PNG and peers in the same run.", others.bench),
        ("Lossless coders", "`experiments/coders.py`", others.coders),
        ("Installations", "`experiments/installs.py`: bytes of the installed files, without pip. Each installation "
         "restores and verifies releases of 60 photographs; all but the first protect them, too.", installs.installs),
        ("A platform under load", "", load.load),
    ]),
}  # fmt: skip
ARCHIVED: list[Section] = [
    ("All schemes", "", accuracy.every),
    ("Each scheme in full", "", accuracy.full),
    ("A few clean images", "", attacks.limited_clean),
    ("Protect, restore, compare", "", others.chain),
]
INDEX = (
    ("Which scheme protects best?", "[leaderboard](leaderboard.md)"),
    (
        "What do models learn from clean, protected and restored images, beside Xue et al.?",
        "[victims](victims/README.md)",
    ),
    ("How do other published poisons do?", "[victims: peers](victims/README.md#peers)"),
    ("What can an attacker with clean images, or with the published method, recover?", "[attacks](attacks/README.md)"),
    ("Does every image come back, and how do protected images look?", "[exactness](exactness/README.md)"),
    ("What happens to a damaged file or an interrupted run?", "[robustness](robustness/README.md)"),
    ("How fast is it, and how much memory does it need?", "[performance](performance/README.md)"),
    ("Why are the defaults what they are?", "[ablations](ablations/README.md)"),
    ("What did older forms of the schemes reach?", "[archive](archive/README.md)"),
)


def pages(root: Path) -> dict[Path, str]:
    """Content of each generated page, and of each page of README and docs with its blocks filled.

    Raises:
        InputRefused: a block of a name that does not exist, or one that has no end.
    """
    results = root / "results"
    rows, old = read(results), read(results, archive=True)
    found = {
        results / "leaderboard.md": "\n".join(leaderboard(rows)).rstrip("\n") + "\n",
        results / "README.md": index(rows),
    }
    for folder, (title, sections) in PAGES.items():
        found[results / folder / "README.md"] = page(title, sections, rows)
    archive = (
        "Measurements of schemes that no options make any more (`form` in their records), and measurements that a "
        "newer one of the same replaced. No other page shows them."
    )
    found[results / "archive" / "README.md"] = page("Archive", ARCHIVED, old, archive)
    for path in [root / "README.md", *sorted((root / "docs").rglob("*.md"))]:
        if path.exists() and MARK.search(text := path.read_text("utf-8")):
            found[path] = filled(text, path, rows, os.path.relpath(results, path.parent) + "/")
    return found


def filled(text: str, path: Path, rows: Sequence[Measurement], prefix: str) -> str:
    """A page with its blocks made anew; ``prefix`` is the way from it to ``results/``."""
    for name, which in MARK.findall(text):
        if name not in BLOCKS:
            raise InputRefused(f"{path}: no block is called {name}", f"there are {', '.join(BLOCKS)}")
        if which == "start":
            pattern = re.compile(f"(<!-- {name}:start -->\n).*?(<!-- {name}:end -->)", re.S)
            found = pattern.search(text)
            if not found:
                raise InputRefused(f"{path}: the block {name} has no end")
            body = "".join(line + "\n" for line in BLOCKS[name](rows, prefix))
            text = text[: found.start()] + found[1] + body + found[2] + text[found.end() :]
    return text


def escaped(body: str) -> str:
    """For the replacement of a regular expression."""
    return body.replace("\\", r"\\")


def page(title: str, sections: Sequence[Section], rows: Sequence[Measurement], about: str = "") -> str:
    lines = [
        f"# {title}",
        "",
        "Generated by `make results` from the records beside it. [All results](../README.md).",
        "",
    ]
    lines += [about, ""] if about else []
    for heading, text, maker in sections:
        if body := maker(rows, "../"):
            lines += [f"## {heading}", "", *([text, ""] if text else []), *body, ""]
    return "\n".join(lines)


def index(rows: Sequence[Measurement]) -> str:
    """One page: which table answers which question, and what a record is."""
    counts = {folder: sum(FOLDERS[row.kind] == folder for row in rows) for folder in dict.fromkeys(FOLDERS.values())}
    lines = ["# Results", "", "| question | table |", "| --- | --- |"]
    lines += [f"| {question} | {link} |" for question, link in INDEX]
    lines += [
        "",
        "Every number on these pages is generated from a record by `make results`. A record is a file of measurements, "
        "one JSON line each:",
        "",
        "```json",
        '{"schema": 1, "kind": "victim", "dataset": "cifar10", "n_train": 50000, "protocol": "fast", "scheme": '
        '{"name": "mrit", "perturb": {"method": "marks"}, "hide": {"method": "mrit"}}, "training_set": "protected", '
        '"defence": "none", "model": "fastnet", "seed": 0, "metrics": {"test_acc": 10.04}, '
        '"run": "2026-11-22_cifar10-fast"}',
        "```",
        "",
        "A field that does not apply is left out; `setting` has whatever else tells a measurement from others. "
        "[runs.json](runs.json) has command, date, commit, hardware and versions of each run; a run that is `of` "
        "another shares what it does not state itself, and `formerly` has the names that it was recorded under before "
        "there was a schema. A command is that of its commit: defaults may be others today. "
        f"There are {len(rows):,} measurements: " + ", ".join(f"{n:,} in `{name}`" for name, n in counts.items()) + ".",
        "",
        "`python tools/make_figures.py RECORD` draws accuracies, training curves and confusion matrices of a record in "
        "`victims`.",
        "",
    ]
    return "\n".join(lines)
