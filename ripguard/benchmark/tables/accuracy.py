"""Tables of victims' accuracy: in full, one line a scheme, and beside the project's targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ripguard.benchmark.entry import better, poison_of
from ripguard.benchmark.leaderboard import is_setting
from ripguard.benchmark.other_images import defence_called
from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import (
    HARDWARE,
    PAPER,
    PUBLISHED,
    Column,
    Group,
    cells,
    commits,
    field,
    markdown,
    metric,
    numbers,
    record_link,
    scheme,
    sd,
    spread,
    table,
    where_and_when,
)
from ripguard.perturb.marks import ALL_CELLS, EPS
from ripguard.schemes.stored import read as read_scheme
from ripguard.train.protocols import PROTOCOLS

Block = tuple[str, list[Measurement]]  # dataset, protocol and scheme; image quality and victims
SHORT = ("mrit", "paper")  # the default scheme, and the paper's own chain
DATA: list[Column] = [("dataset", field("dataset")), ("protocol", lambda g: f"`{g[0].protocol}`"), ("scheme", scheme)]


def blocks(rows: Sequence[Measurement]) -> list[list[Measurement]]:
    """Victims and image quality of each dataset, protocol, number of images and scheme; the paper's protocol first."""
    groups: dict[tuple[object, ...], list[Measurement]] = {}
    for row in rows:
        if row.kind in ("victim", "image-quality"):
            groups.setdefault((row.dataset, row.protocol, row.n_train, row.scheme_name), []).append(row)
    order = list(PROTOCOLS)
    whole = [group for group in groups.values() if {one.kind for one in group} == {"victim", "image-quality"}]
    return sorted(whole, key=lambda g: (order.index((g[0].protocol or "").split(" ")[0]), g[0].dataset))


def of_the_paper(rows: Sequence[Measurement]) -> list[Measurement]:
    """Those that stand beside the paper's table; the leaderboard's victims are trained under `small`."""
    return [row for row in rows if (row.protocol or "").split(" ")[0] != "small"]


def full(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """A table for each dataset, protocol and scheme, beside the paper's."""
    lines: list[str] = []
    for group in blocks(rows):
        first = group[0]
        quality = [one for one in group if one.kind == "image-quality"][-1]
        recipe = quality.provenance["recipe"]
        victims = [one for one in group if one.kind == "victim"]
        link = record_link(prefix)[1](group)
        ssim = quality.metrics["ssim_to_clean"]["median"]
        lines += [
            f"**{first.dataset}, protocol `{first.protocol}`, scheme `{first.scheme_name}`** ({link})",
            "",
            *markdown(victims),
            "",
            f"Protected to clean: median {quality.metrics['psnr_to_clean']['median']:.1f} dB, SSIM {ssim:.3f}; "
            f"{quality.metrics['restored_equal']:,} of {quality.metrics['images']:,} images restored bit for bit. "
            f"{recipe['epochs']} epochs, {recipe['optimiser']} {recipe['lr']}, {where_and_when(victims)}. "
            f"Protection: {described(first.scheme or {})}.",
            "",
        ]
    return lines[:-1]


def current(rows: Sequence[Measurement], prefix: str) -> list[str]:
    return full([row for row in of_the_paper(rows) if not is_setting(row)], prefix)


def settings(rows: Sequence[Measurement], prefix: str) -> list[str]:
    return full([row for row in of_the_paper(rows) if is_setting(row)], prefix)


def summary(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """One line a scheme, all schemes, ranked within a dataset and protocol by the accuracy on protected images."""
    return every(of_the_paper(rows), prefix)


def every(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """The same, of the protocol `small` too."""
    return _ranked(rows, DATA, [*TESTS, QUALITY, PAPERS, record_link(prefix), HARDWARE])


def short(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """The main schemes under each protocol but `smoke`: six columns, and one line of provenance."""
    known = blocks([row for row in of_the_paper(rows) if row.scheme_name in SHORT and row.protocol != "smoke"])
    chosen = [row for group in known for row in group]
    about: list[Column] = [("dataset, protocol, scheme",
                            lambda g: f"{g[0].dataset}, `{g[0].protocol}`, `{g[0].scheme_name}`")]  # fmt: skip
    lines = _ranked(chosen, about, [*TESTS, QUALITY, PAPERS])
    victims = [row for row in chosen if row.kind == "victim"]
    links = record_link(prefix)[1](chosen)
    return [*lines, "", f"Records: {links}; {HARDWARE[1](victims)}, {commits(victims)}."] if lines else []


def protected(group: Group) -> float:
    """Mean test accuracy of victims of protected images without a defence."""
    found = [one for one in group if one.kind == "victim" and one.training_set == "protected"]
    values = numbers([one for one in found if one.defence == "none"], "test_acc")
    return float(np.mean(values)) if values else float("inf")


def _test(training_set: str, bold: bool = False) -> Column:
    def cell(group: Group) -> str:
        for one in cells(group):
            if (one.training_set, one.defence) == (training_set, "none"):
                text = spread(one.test, one.test_sd)
                return (f"**{text}**" if bold else text) + f" (n = {len(one.seeds)})"
        return ""

    return training_set, cell


def _quality(group: Group) -> str:
    found = [one.metrics for one in group if one.kind == "image-quality"]
    return f"{found[-1]['psnr_to_clean']['median']:.1f} dB, {found[-1]['ssim_to_clean']['median']:.3f}" if found else ""


def _paper(group: Group) -> str:
    known = PUBLISHED.get(group[0].dataset.split(":")[0], {})
    sets = {one.training_set for one in group if one.kind == "victim"}
    return " / ".join(f"{figures[1]:.2f}" for name, figures in known.items() if name in sets)


TESTS: list[Column] = [_test("clean"), _test("protected", True), _test("restored")]
QUALITY: Column = ("PSNR, SSIM of the protected", _quality)
PAPERS: Column = (f"[Xue et al.]({PAPER})", _paper)


def _ranked(rows: Sequence[Measurement], index: list[Column], columns: list[Column]) -> list[str]:
    ordered = blocks(rows)
    places = list(dict.fromkeys((group[0].dataset, group[0].protocol) for group in ordered))

    def rank(group: Group) -> float:
        return 1000 * places.index((group[0].dataset, group[0].protocol)) + min(protected(group), 999)

    return table([row for group in ordered for row in group], index, columns, rank)


AT_LEAST, AT_MOST = "≥", "≤"
TARGETS = (  # dataset, protocol, scheme, training set, bound, percent
    ("tinyimagenet", "paper", "mrit", "clean", AT_LEAST, 74.00),
    ("tinyimagenet:second", "paper", "mrit", "clean", AT_LEAST, 74.00),
    ("tinyimagenet", "paper", "mrit", "protected", AT_MOST, 16.20),
    ("tinyimagenet:second", "paper", "mrit", "protected", AT_MOST, 16.20),
    ("tinyimagenet", "paper", "mrit-tap", "protected", AT_MOST, 16.20),
    ("tinyimagenet:second", "paper", "mrit-tap", "protected", AT_MOST, 16.20),
    ("tinyimagenet", "paper", "paper", "protected", AT_MOST, 16.20),
    ("tinyimagenet:second", "paper", "paper", "protected", AT_MOST, 16.20),
    ("cifar10", "paper", "mrit", "clean", AT_LEAST, 86.21),
    ("cifar10", "paper", "mrit", "protected", AT_MOST, 38.23),
    ("cifar10", "paper", "paper", "protected", AT_MOST, 38.23),
    ("cifar10", "standard", "mrit", "clean", AT_LEAST, 94.00),
    ("cifar10", "fast", "mrit", "clean", AT_LEAST, 88.00),
    ("cifar10", "fast", "mrit", "protected", AT_MOST, 38.23),
)


def targets(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """The project's targets, and what was measured of the schemes as they are now."""
    lines = ["| dataset, protocol, scheme | images | target | measured | |", "| --- | --- | --- | --- | --- |"]
    for data, protocol, name, training_set, bound, wanted in TARGETS:
        about = {"kind": "victim", "dataset": data, "protocol": protocol, "training_set": training_set}
        found = [row for row in rows if row.about(**about, scheme_name=name, defence="none")]
        measured, verdict = "", "not measured"
        if found:
            values = numbers(found, "test_acc")
            mean, seeds = float(np.mean(values)), f"n = {len(values)}"
            measured = f"{spread(mean, sd(values))} ({seeds}, {record_link(prefix)[1](found)})"
            reached = mean >= wanted if bound == AT_LEAST else mean <= wanted
            verdict = "reached" if reached else "**missed**"
        lines.append(
            f"| {data}, `{protocol}`, `{name}` | {training_set} | {bound} {wanted:.2f} | {measured} | {verdict} |"
        )
    return lines


AIMS = {"tap": "cross-entropy{}", "layered": "marks over cross-entropy", "fsp": "feature-space on {layer}"}
# None: the release was made before the choice was written down; the surrogate's trunks followed the image size
TRUNKS = {True: "surrogate with a coarse trunk", None: "surrogate's trunks by image size"}


def described(made: dict[str, object]) -> str:
    """The options that a release was made with, in one line."""
    stored = read_scheme(made)
    own, hide = stored.perturb, stored.hide
    options = {**own.to_json()} if "target" in own.options() else {}
    aim = AIMS.get(own.method, "").format(
        " through hiding" if stored.hiding_class.simulates else "", layer=getattr(own, "layer", "")
    )
    views = getattr(own, "through", None) or getattr(own, "eot", None) or ()
    patches = getattr(own, "cells", ALL_CELLS)
    words = [f"`{own.method}`" + (f" ({aim})" if aim else "")]
    words += [f"{options['target']} target"] if "target" in options else []
    words += [f"ε {options['eps'] or EPS}"] if "eps" in options else []
    words += (
        [f"{options['steps']} steps" + (f" through {', '.join(views)}" if views else "")] if "steps" in options else []
    )
    words += [f"up to {hide.planes} planes" if hasattr(hide, "planes") else f"pairing {getattr(hide, 'pairing', '')}"]
    words += [TRUNKS[trunk]] if (trunk := getattr(own, "coarse", False)) in TRUNKS else []
    words += ["gray images among colored ones in color"] if stored.tint else []
    words += ["the rarest class a sink"] if getattr(own, "sink", False) else []
    words += [f"patches on {patches} of 16 cells"] if patches not in (ALL_CELLS, None) else []
    return ", ".join(words)


# --- other victims --------------------------------------------------------------------------------------------------


def transfer(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Other models, trained on protected and on as many restored images."""
    own = [row for row in rows if row.kind == "transfer"]
    index = [DATA[0], ("scheme", scheme), ("images", field("n_train")), ("model", field("model"))]
    columns = [
        _accuracy("protected", True),
        _accuracy("restored"),
        ("epochs", field("epochs")),
        record_link(prefix),
        HARDWARE,
    ]
    return table(own, index, columns)


def _accuracy(training_set: str, bold: bool = False) -> Column:
    cell = metric("test_acc", bold=bold)
    return training_set, lambda group: cell([one for one in group if one.training_set == training_set])


def peers(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Published poisons without hiding, beside their published figures, the weakest under its defences last."""
    own = [row for row in rows if row.kind == "peer"]
    clean = {(defence_called(row), row.attack): _both("test_acc")([row]) for row in own if poison_of(row) == "clean"}
    columns: list[Column] = [
        ("PSNR to clean", metric("psnr_to_clean", "{:.1f} dB")),
        ("test accuracy (inputs defended too)", lambda g: f"**{_both('test_acc')(g)}**"),
        ("clean, treated alike", lambda g: clean.get((defence_called(g[0]), g[0].attack), "")),
        ("published, undefended", lambda g: metric("published")(g) if _untouched(g) else ""),
        ("standardized", _both("standardized_acc")),
        ("relabelled", _both("renamed_acc")),
        ("permuted, 100 clean", _both("permuted_acc")),
        ("head, 100 clean", _both("head_acc")),
        record_link(prefix),
        HARDWARE,
    ]
    index: list[Column] = [
        ("poison", lambda g: f"`{poison_of(g[0])}`"),
        ("removal", field("attack")),
        ("defence", lambda g: "" if g[0].defence in (None, "none") else defence_called(g[0])),
    ]
    poisons = sorted({poison_of(row) for row in own} - {"clean"})
    most = {name: max(better(row) for row in own if poison_of(row) == name) for name in poisons}
    ordered = sorted((row for row in own if poison_of(row) != "clean"), key=lambda row: most[poison_of(row)])
    return table(ordered, index, columns)


def _untouched(group: Group) -> bool:
    return group[0].defence == "none" and group[0].attack is None


def _both(name: str) -> Callable[[Group], str]:
    """A cell: a metric, and in parentheses that on test images that went through the defence as well."""

    def cell(group: Group) -> str:
        defended = metric(f"{name}_defended")(group)
        return metric(name)(group) + (f" ({defended})" if defended else "")

    return cell
