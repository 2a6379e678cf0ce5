"""Tables of `experiments/lock.py`: the training of the lock, what its inverse gives back, what known pairs open."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import Column, Group, field, metric, numbers, table
from ripguard.benchmark.tables.others import of, provenance

PENG = "[Peng and Chen](https://openreview.net/forum?id=6VpeS27viTq)"
# their notebook, i-ResNet form, ε = 16/255: the model on locked training images, and on clean test images, percent
PUBLISHED = {"iresnet": ("95.61", "18.70")}
COMMAND = "python experiments/lock.py cifar10 --record lock"
FORM: list[Column] = [
    ("dataset", field("dataset")), ("training images", field("n_train")), ("form", lambda g: f"`{_form(g)}`"),
    ("ε", lambda g: f"{255 * g[0].setting['eps']:.0f}/255"),
]  # fmt: skip


def fit(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """The model that each lock was trained with, beside the published one."""
    columns: list[Column] = [
        ("rounds", metric("rounds", "{:.0f}")),
        ("model on locked training images", metric("locked_acc", "{:.1f}")), (f"{PENG}, notebook", _published(0)),
        ("on clean test images", metric("test_acc", "{:.1f}")), (f"{PENG}, notebook, clean", _published(1)),
        ("processor time", lambda g: f"{np.mean(numbers(g, 'processor_seconds')) / 60:.0f} min"),
    ]  # fmt: skip
    return _or_command(of(rows, "lock-fit"), FORM, columns, prefix, "fit")


def unlock(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """What the inverse gives back without a key, and what a correction would take."""
    columns: list[Column] = [
        ("PSNR before", metric("psnr_of_shown", "{:.1f} dB")), ("PSNR unlocked", metric("psnr_to_clean", "{:.1f} dB")),
        ("samples exact", metric("samples_exact", "{:.1f} %")), ("images exact", metric("images_exact", "{:.1f} %")),
        ("clean image, compressed", metric("clean_bytes", "{:.0f} B")),
        ("correction, compressed", metric("correction_bytes", "{:.0f} B")),
    ]  # fmt: skip
    return _or_command(of(rows, "lock-unlock"), [*FORM, ("images", field("where"))], columns, prefix, "unlock")


def pairs(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """What known pairs of a class open of its other images."""
    columns: list[Column] = [
        ("PSNR before", metric("psnr_of_shown", "{:.1f} dB")), ("PSNR opened", metric("psnr_to_clean", "{:.1f} dB")),
        ("samples exact", metric("samples_exact", "{:.1f} %")), ("images exact", metric("images_exact", "{:.1f} %")),
    ]  # fmt: skip
    index: list[Column] = [*FORM, ("images", field("where")), ("known pairs of a class", field("pairs"))]
    return _or_command(of(rows, "lock-pairs"), index, columns, prefix, "pairs")


def recorded_fit(rows: Sequence[Measurement], prefix: str) -> list[str]:
    return fit(rows, prefix) if of(rows, "lock-fit") else []


def recorded_unlock(rows: Sequence[Measurement], prefix: str) -> list[str]:
    return unlock(rows, prefix) if of(rows, "lock-unlock") else []


def recorded_pairs(rows: Sequence[Measurement], prefix: str) -> list[str]:
    return pairs(rows, prefix) if of(rows, "lock-pairs") else []


def _or_command(
    own: Sequence[Measurement], index: Sequence[Column], columns: Sequence[Column], prefix: str, part: str
) -> list[str]:
    if not own:
        return ["Not measured here yet; this measures it:", "", "```sh", f"{COMMAND} --part {part}", "```"]
    return [*table(own, index, columns), *provenance(own, prefix)]


def _form(group: Group) -> str:
    return str(group[0].setting["form"])


def _published(number: int):  # type: ignore[no-untyped-def]
    return lambda group: PUBLISHED.get(_form(group), ("", ""))[number]
