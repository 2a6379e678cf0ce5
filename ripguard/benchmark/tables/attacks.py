"""Tables of attackers: with a few clean images, and those who undo a protection."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ripguard.benchmark.other_images import defence_called
from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import (
    HARDWARE,
    Column,
    Group,
    field,
    metric,
    numbers,
    record_link,
    sd,
    spread,
    table,
)


def limited_clean(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Accuracy of attackers with a few clean images, mean over victims; the most successful first in each table."""
    lines: list[str] = []
    own = [row for row in rows if row.kind == "limited-clean"]
    for about in dict.fromkeys((row.dataset, row.protocol, row.scheme_name, row.n_train) for row in own):
        group = [row for row in own if (row.dataset, row.protocol, row.scheme_name, row.n_train) == about]
        columns: list[Column] = [
            ("victims", lambda g: str(len(g))), ("test accuracy", _mean), record_link(prefix), HARDWARE,
        ]  # fmt: skip
        index: list[Column] = [
            ("trained on", lambda g: "clean images alone" if g[0].setting.get("alone") else "protected images"),
            ("defence", _defence),
            ("clean images", lambda g: str(g[0].setting["clean_images"])),
            ("attack", lambda g: str(g[0].attack)),
        ]
        images = f", {about[3]:,} images" if about[3] else ""
        lines += [f"**{about[0]}{images}, protocol `{about[1]}`, scheme `{about[2]}`**", ""]
        lines += [*table(group, index, columns, lambda g: -float(np.mean(numbers(g, "test_acc")))), ""]
    return lines[:-1]


def _mean(group: Group) -> str:
    values = numbers(group, "test_acc")
    return f"**{spread(float(np.mean(values)), sd(values))}**"


def _defence(group: Group) -> str:
    name = defence_called(group[0])
    return ("" if name == "none" else name) + (", inputs too" if group[0].setting.get("inputs_defended") else "")


ATTACKS: dict[str, str] = {
    "none": "no attack",
    "sink-out": "images of the sink class left out",
    "synthetic-pairs": "U-Net, pairs made by protecting the images once more",
    "synthetic-pairs-labels": "the same, and the U-Net gets the labels",
    "synthetic-pairs-twice": "the same, then a U-Net for the perturbation below the marks",
    "class-means": "the mean color of each class moved to that of all",
    "class-cells": "the same in each of 4×4 cells",
    "averaged": "mean of {} releases with other seeds",
    "two-sizes": "two releases whose marks differ in size alone",
    "oracle": "perfect {} of mRIT's blocks (a bound)",
    "restorer": "U-Net, {} leaked pairs",
    "clean": "{} % clean images among the protected ones",
    "alone": "those {} % clean images alone",
}


def attack_in_words(name: str) -> str:
    base, _, under = name.partition("+")
    labels = base.startswith("restorer") and base.endswith("-labels")
    key, _, number = base.removesuffix("-labels" if labels else "").partition("-")
    text = ATTACKS.get(base) or ATTACKS.get(key, name).format(number)
    return text + (", and it gets the labels" if labels else "") + (f", then {under}" if under else "")


def undo(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """What victims learn from images that an attacker worked on, for each scheme the most successful attack first."""
    lines: list[str] = []
    own = [row for row in rows if row.kind == "undo"]
    for about in dict.fromkeys((row.dataset, row.protocol, row.scheme_name) for row in own):
        group = [row for row in own if (row.dataset, row.protocol, row.scheme_name) == about]
        index: list[Column] = [("attack", _attack), ("training images", field("n_train"))]
        columns: list[Column] = [
            ("test accuracy", metric("test_acc", bold=True)),
            ("standardized", metric("standardized_acc")),
            ("relabelled", metric("renamed_acc")),
            ("permuted, 100 clean", metric("permuted_acc")),
            ("head, 100 clean", metric("head_acc")),
            ("PSNR to clean", metric("psnr_to_clean", "{:.1f} dB")),
            record_link(prefix),
            HARDWARE,
        ]
        lines += [
            f"**{about[0]}, protocol `{about[1]}`, scheme `{about[2]}`**",
            "",
            *table(group, index, columns, _most),
            "",
        ]
    return lines[:-1]


def _attack(group: Group) -> str:
    defended = ", inputs defended too" if group[0].setting.get("inputs_defended") else ""
    return attack_in_words(group[0].attack or "") + defended


def _most(group: Group) -> float:
    return -max(numbers(group, "test_acc") + numbers(group, "standardized_acc"))
