"""Tables of measurements: one function makes all of them; and the statistics that stand in accuracy tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ripguard.benchmark.other_images import defence_called
from ripguard.benchmark.records import Measurement

Group = Sequence[Measurement]
Column = tuple[str, Callable[[Group], str]]  # a title, and the cell for measurements of one line

PAPER = "https://arxiv.org/abs/2109.07921"
# Xue et al., Table 1: one run each, (train, test) accuracy in percent
PUBLISHED = {
    "cifar10": {"clean": (96.44, 86.21), "protected": (100.00, 38.23), "restored": (95.21, 85.86)},
    "tinyimagenet": {"clean": (99.98, 74.00), "protected": (100.00, 16.20), "restored": (99.96, 73.20)},
}
ORDER = ("clean", "protected", "restored")


def table(
    rows: Sequence[Measurement],
    index: Sequence[Column],
    columns: Sequence[Column],
    rank: Callable[[Group], float] | None = None,
) -> list[str]:
    """Lines of a Markdown table; [] without rows. A column that is empty in every line is left out.

    Args:
        index: columns that distinguish lines: measurements with equal cells in all of them are one line.
        columns: cells for all measurements of a line.
        rank: lines are in this order, the least first; None: in the order of the measurements.
    """
    groups: dict[tuple[str, ...], list[Measurement]] = {}
    for row in rows:
        groups.setdefault(tuple(cell([row]) for _, cell in index), []).append(row)
    ordered = sorted(groups.items(), key=lambda one: rank(one[1])) if rank else list(groups.items())
    body = [[*own, *(cell(group) for _, cell in columns)] for own, group in ordered]
    titles = [title for title, _ in (*index, *columns)]
    shown = [i for i in range(len(titles)) if any(line[i] for line in body)]
    lines = [[titles[i] for i in shown], ["---"] * len(shown), *([line[i] for i in shown] for line in body)]
    return [f"| {' | '.join(line)} |" for line in lines] if body else []


def field(name: str) -> Callable[[Group], str]:
    """A cell: a field or setting of the measurements."""

    def cell(group: Group) -> str:
        one = group[0]
        value = getattr(one, name) if hasattr(one, name) else one.setting.get(name)
        return "" if value in (None, "none") else f"{value:,}" if isinstance(value, int) else str(value)

    return cell


def metric(name: str, form: str = "{:.2f}", bold: bool = False) -> Callable[[Group], str]:
    """A cell: the mean of a metric; ``psnr_to_clean.median`` is inside another; nothing where it was not measured."""

    def cell(group: Group) -> str:
        values = numbers(group, name)
        text = form.format(int(values[0]) if ":," in form and len(values) == 1 and values[0] == int(values[0])
                           else float(np.mean(values))) if values else ""  # fmt: skip
        return f"**{text}**" if bold and text else text

    return cell


def numbers(group: Group, name: str) -> list[float]:
    """Values of a metric in the measurements that have it."""
    first, _, inner = name.partition(".")
    found = [one.metrics.get(first) for one in group]
    if inner:
        found = [value.get(inner) if isinstance(value, dict) else None for value in found]
    return [value for value in found if value is not None]


def scheme(group: Group) -> str:
    """A cell: the scheme."""
    name = group[0].scheme_name
    return f"`{name}`" if name else ""


def record_link(prefix: str) -> Column:
    """The files of the measurements; ``prefix`` is the way from the page to ``results/``."""

    def cell(group: Group) -> str:
        places = dict.fromkeys(one.place for one in group if one.place)
        return ", ".join(f"[{place.rpartition('/')[2].removesuffix('.jsonl')}]({prefix}{place})" for place in places)

    return "record", cell


def hardware(group: Group) -> str:
    """A cell: machines that measured it, and their devices for training."""
    found = {}
    for one in group:
        own, threads = one.provenance["hardware"], one.provenance.get("threads")
        found[f"{own['cores']} cores {own['cpu']}"
              + (f", {own['gpu']}" if own.get("gpu") else "")
              + (f", {threads} thread" + "s" * (threads != 1) if threads else "")] = True  # fmt: skip
    return "; ".join(found)


HARDWARE: Column = ("hardware", hardware)


def commits(group: Group) -> str:
    """``commit 0123456789ab``, or several."""
    found = sorted({one.provenance["commit"][:12] for one in group})
    return f"{'commit' if len(found) == 1 else 'commits'} {', '.join(found)}"


def where_and_when(group: Group) -> str:
    """Machines, versions and commits of measurements, in one phrase."""
    torch = sorted({one.provenance["versions"]["torch"] for one in group})
    return f"{hardware(group)}, torch {', '.join(torch)}, {commits(group)}"


# --- statistics -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """Victims that differ in the seed alone.

    Attributes:
        train, test: mean accuracies in percent; ``train_sd``, ``test_sd``: sample SD over seeds, None for one seed.
        low, high: 95 % interval of a test set of this size at the mean test accuracy (Wilson), percent.
        n_train, test_images: numbers of training and test images.
        defended: mean accuracy on test images that went through the defence as well; None where none can.
        published: (train, test) accuracy of Xue et al.
    """

    training_set: str
    model: str
    defence: str
    seeds: list[int]
    train: float
    train_sd: float | None
    test: float
    test_sd: float | None
    low: float
    high: float
    n_train: int
    test_images: int
    published: tuple[float, float] | None
    defended: float | None = None


def cells(rows: Sequence[Measurement]) -> list[Cell]:
    """Victims of one dataset, protocol and scheme: seeds of one training set, model and defence together."""
    groups: dict[tuple[str, str, int], list[Measurement]] = {}
    for row in rows:
        if row.kind in ("victim", "transfer"):
            key = (row.model or "", defence_called(row), ORDER.index(row.training_set or "clean"))
            groups.setdefault(key, []).append(row)
    return [_cell(group) for _, group in sorted(groups.items())]


def _cell(group: Group) -> Cell:
    first = group[0]
    train, test, defended = (numbers(group, name) for name in ("train_acc", "test_acc", "test_acc_defended"))
    low, high = interval(float(np.mean(test)), first.metrics["test_images"])
    known = PUBLISHED.get(first.dataset.split(":")[0], {}).get(first.training_set or "")
    return Cell(
        first.training_set or "", first.model or "", defence_called(first), sorted(one.seed or 0 for one in group),
        float(np.mean(train)), sd(train), float(np.mean(test)), sd(test), low, high, first.n_train or 0,
        first.metrics["test_images"], known if first.defence == "none" else None,
        float(np.mean(defended)) if len(defended) == len(group) else None,
    )  # fmt: skip


def interval(percent: float, count: int) -> tuple[float, float]:
    """95 % interval (Wilson 1927, by SciPy) in percent for a share of ``count`` images."""
    from scipy.stats import binomtest

    found = binomtest(round(percent * count / 100), count).proportion_ci(method="wilson")
    return 100 * float(found.low), 100 * float(found.high)


def spread(mean: float, sd: float | None) -> str:
    """``86.2 ± 0.3``, or the mean alone for one seed."""
    return f"{mean:.2f}" if sd is None else f"{mean:.2f} ± {sd:.2f}"


def markdown(rows: Sequence[Measurement]) -> list[str]:
    """The accuracy table of one dataset, protocol and scheme beside the published one, as lines of Markdown."""
    victims = sorted(
        (row for row in rows if row.kind in ("victim", "transfer")),
        key=lambda row: (row.model or "", row.defence or "", ORDER.index(row.training_set or "clean")),
    )

    def paper(group: Group) -> str:
        known = _cell(group).published
        return f"{known[0]:.2f} / {known[1]:.2f}" if known else ""

    def test(group: Group) -> str:
        return f"**{spread(_cell(group).test, _cell(group).test_sd)}**"

    def interval_of(group: Group) -> str:
        return f"{_cell(group).low:.1f}–{_cell(group).high:.1f}"

    index: list[Column] = [
        ("training images", lambda g: f"{g[0].training_set} ({g[0].n_train:,})"),
        ("defence", lambda g: "" if g[0].defence in (None, "none") else defence_called(g[0])),
        ("model", field("model")),
    ]
    columns: list[Column] = [
        ("seeds", lambda g: ", ".join(map(str, _cell(g).seeds))),
        ("train accuracy", lambda g: spread(_cell(g).train, _cell(g).train_sd)),
        ("test accuracy", test),
        ("inputs defended too", metric("test_acc_defended")),
        ("95 % interval", interval_of),
        (f"[Xue et al.]({PAPER}): train / test", paper),
        HARDWARE,
    ]
    return table(victims, index, columns)


def sd(values: list[float]) -> float | None:
    """Sample SD, None of a single value."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
