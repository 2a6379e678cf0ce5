"""Tables of scheme ``privdl``: what networks reach on scrambled images, beside the published figures; known pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import Column, Group, field, interval, metric, numbers, sd, table
from ripguard.benchmark.tables.others import of, provenance

PEREZ = "[Perez et al.](https://github.com/Factral/PrivDL)"
COMMAND = "python experiments/privdl.py cifar10 --record privdl-cifar10"
# accuracy in percent on CIFAR-10, VGG-16, all 50,000 images, one run each; and what each row is
PUBLISHED = {
    "plain": ("94.1", "trained and tested on clean images"),
    "pre-trained": ("11.7", "the plain network on scrambled images"),
    "fine-tuned": ("57.6", "the plain network, trained further on scrambled images without a key"),
    "with key": ("94.1", "the plain network, converted with the key, on scrambled images"),
    "without key": ("11.8", "converted with another key"),
}
# their comparison on CIFAR-10: method, model, million parameters, accuracy in percent
OTHERS = (
    ("ELE", "Shakedrop", "29.31", "83.06"),
    ("EtC", "Shakedrop", "5.35", "89.09"),
    ("PrivConv", "ConvMixer-512/16", "5.35", "92.65"),
    ("PrivDL", "PreResNet-110", "1.70", "95.06"),
)


def networks(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """The five rows: published, and measured as mean ± sample SD over seeds, where there are records."""
    own = of(rows, "privdl")
    if not own:
        lines = ["| row | what it is | published |", "| --- | --- | --- |"]
        lines += [f"| {row} | {about} | {value} |" for row, (value, about) in PUBLISHED.items()]
        return [*lines, "", f"Published: {PEREZ}, VGG-16. Not measured here yet; this measures it:", *_command()]
    groups = dict.fromkeys((row.dataset, row.protocol, row.model, row.n_train) for row in own)
    lines = []
    for dataset, protocol, model, count in groups:
        some = [
            row
            for row in own
            if (row.dataset, row.protocol, row.model, row.n_train) == (dataset, protocol, model, count)
        ]
        some.sort(key=lambda row: list(PUBLISHED).index(row.setting["row"]))
        lines += [f"{dataset}, `{model}`, {count:,} images, protocol `{protocol}`:", ""]
        index: list[Column] = [
            ("row", lambda g: str(g[0].setting["row"])), ("what it is", lambda g: PUBLISHED[g[0].setting["row"]][1]),
        ]  # fmt: skip
        columns: list[Column] = [
            (f"{PEREZ}, VGG-16", lambda g: PUBLISHED[g[0].setting["row"]][0]),
            ("measured", _spread), ("95 % interval", _interval),
        ]  # fmt: skip
        lines += [*table(some, index, columns), *provenance(some, prefix), ""]
    return lines[:-1]


def recorded_networks(rows: Sequence[Measurement], prefix: str) -> list[str]:
    return networks(rows, prefix) if of(rows, "privdl") else []


def others(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """The published comparison with other methods. Nothing of it is measured here."""
    lines = ["| method | model | million parameters | accuracy |", "| --- | --- | --- | --- |"]
    lines += [f"| {' | '.join(one)} |" for one in OTHERS]
    return [*lines, "", f"All figures are published ones, by {PEREZ}."]


def known_pairs(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """What known pairs tell of the order, and of other images."""
    own = of(rows, "known-pair")
    if not own:
        return ["Not measured here yet; this measures it:", *_command(" --part pairs")]
    index: list[Column] = [
        ("dataset", field("dataset")), ("order", field("order")), ("known pairs", field("pairs")),
    ]  # fmt: skip
    columns: list[Column] = [
        ("positions that are sure", _percent("positions_sure")),
        ("draws that decide the whole order", _percent("whole_order")),
        ("PSNR of other images, put back", metric("psnr_of_others", "{:.1f} dB")),
    ]
    needed = [
        f"{row.dataset}: the whole order needs {row.metrics['pairs_needed']:.0f} pairs (median of "
        f"{row.metrics['trials']:,} draws), at most {row.metrics['most_needed']:.0f}."
        for row in own
        if "pairs_needed" in row.metrics
    ]
    return [*table(own, index, columns), "", *needed, *provenance(own, prefix)]


def recorded_pairs(rows: Sequence[Measurement], prefix: str) -> list[str]:
    return known_pairs(rows, prefix) if of(rows, "known-pair") else []


def _command(more: str = "") -> list[str]:
    return ["", "```sh", COMMAND + more, "```"]


def _spread(group: Group) -> str:
    found = numbers(group, "test_acc")
    deviation = sd(found)
    return f"{np.mean(found):.1f}" + ("" if deviation is None else f" ± {deviation:.1f}") + f" (n = {len(found)})"


def _interval(group: Group) -> str:
    low, high = interval(float(np.mean(numbers(group, "test_acc"))), group[0].metrics["test_images"])
    return f"{low:.1f}–{high:.1f}"


def _percent(name: str):  # type: ignore[no-untyped-def]
    def cell(group: Group) -> str:
        found = numbers(group, name)
        return f"{100 * float(np.mean(found)):.1f} %" if found else ""

    return cell
