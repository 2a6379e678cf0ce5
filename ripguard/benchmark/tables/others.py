"""Tables of exactness, ablations, robustness and performance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import (
    HARDWARE,
    Column,
    Group,
    commits,
    field,
    interval,
    metric,
    numbers,
    record_link,
    scheme,
    table,
)

TRAINED_ON = {"clean": "trained on clean images", "protected": "on protected ones", "restored": "on restored ones"}
HEADS = "new linear head, 500 images"


def of(rows: Sequence[Measurement], kind: str) -> list[Measurement]:
    return [row for row in rows if row.kind == kind]


def provenance(own: Sequence[Measurement], prefix: str) -> list[str]:
    """One line below a table: records, machines, commits; [] without rows."""
    return ["", f"Records: {record_link(prefix)[1](own)}; {HARDWARE[1](own)}, {commits(own)}."] if own else []


def timing(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """How long `make protect DATASET=photos` takes on the machine of its record."""
    own = of(rows, "first-run")
    if not own:
        return []
    minutes, installed = own[0].metrics["seconds"] / 60, own[0].metrics["install_seconds"]
    columns: list[Column] = [
        ("images", metric("images", "{:,}")),
        ("restored bit for bit", metric("restored_equal", "{:,}", bold=True)),
        ("PSNR to clean", metric("psnr_to_clean.median", "{:.1f} dB")),
        ("SSIM to clean", metric("ssim_to_clean.median", "{:.3f}")),
        ("record", record_link(prefix)[1]),
    ]
    return [
        f"For `photos` it takes {minutes:.1f} minutes on {HARDWARE[1](own)}, {installed:.0f} s of them for the "
        "installation:",
        "",
        *table(own, [("dataset", field("dataset"))], columns),
    ]


def demo(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """The figure of `experiments/demo.py`, and what it is of."""
    own = of(rows, "demo")
    if not own:
        return []
    one, made = own[-1:], own[-1].metrics
    accuracy = ", ".join(f"{word} {made[f'{name}_acc']:.1f}" for name, word in TRAINED_ON.items())
    chance = 100 / len(one[0].provenance["classes"])
    return [
        f"![images clean, protected and restored; accuracy of models trained on each]({prefix}victims/demo.jpg)",
        "",
        f"Accuracy in percent of `{one[0].model}`, which sees thumbnails, {accuracy}, by chance {chance:.0f}; n = 1 of "
        f"each. There are {one[0].n_train:,} training images and {made['test_images']:,} clean test images from other "
        f"parts of the same photographs. {made['restored_equal']:,} of {made['images']:,} images came back bit for bit "
        f"(scheme `{one[0].scheme_name}`). It took {made['processor_seconds'] / 60:.1f} minutes of processor time on "
        f"{HARDWARE[1](one)}, {commits(one)}. Record: {record_link(prefix)[1](one)}.",
    ]


def _restored(group: Group) -> str:
    return f"**{group[0].metrics['restored_equal']:,} / {group[0].metrics['images']:,}**"


def _between(name: str, other: str, form: str, unit: str = "") -> Column:
    left, right = metric(f"{name}.median", form), metric(other, form)
    return f"{name[:4].upper()} to clean / to carrier", lambda g: f"{left(g)} / {right(g)}{unit}"


def _residue(group: Group) -> str:
    found = group[0].metrics["residue_bytes_per_image"]
    return f"{found['median']:.0f} B ({found['p5']:.0f}–{found['p95']:.0f})"


def _keeps(group: Group) -> str:
    share = group[0].metrics["surrogate_keeps_label"]
    return "" if share is None else f"{100 * share:.1f} %"


def _took(group: Group) -> str:
    seconds = group[0].metrics["seconds"]
    return f"{seconds['protect']:.0f} s, {seconds['restore']:.0f} s"


ABOUT: list[Column] = [("dataset", field("dataset")), ("scheme", scheme)]
QUALITY = [
    _between("psnr_to_clean", "median_psnr_to_carrier", "{:.1f}", " dB"),
    _between("ssim_to_clean", "median_ssim_to_carrier", "{:.3f}"),
]


def chain(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """One line for each `experiments/chain.py` record."""
    own = of(rows, "chain")
    columns: list[Column] = [
        ("restored bit for bit", _restored), ("files byte for byte", metric("files_equal", "{:,}")),
        ("without residue", metric("without_residue", "{:,}")), *QUALITY,
        ("residue an image (5 %–95 %)", _residue), ("surrogate keeps the label", _keeps), ("protect, restore", _took),
        record_link(prefix), HARDWARE,
    ]  # fmt: skip
    run: Column = ("run", lambda g: g[0].run)
    return table(own, [*ABOUT, run], columns, lambda g: -(numbers(g, "psnr_to_clean.median")[0]))


def results_short(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """The chain on each dataset, schemes as they are now; six columns, and one line of provenance."""
    own = [row for row in of(rows, "chain") if row.scheme and row.scheme.get("hide")]
    columns = [("restored bit for bit", _restored), *QUALITY, ("residue an image (5 %–95 %)", _residue)]
    lines = table(own, ABOUT, columns, lambda g: -numbers(g, "psnr_to_clean.median")[0])
    return lines + provenance(own, prefix)


def tamper(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Attacks on a release and their outcomes."""
    columns: list[Column] = [
        ("tries", metric("tries", "{:,}")), ("refused", metric("refused", "{:,}")),
        ("restored exactly", metric("exact", "{:,}")), ("anything else", metric("third", "{:,}")),
        record_link(prefix), HARDWARE,
    ]  # fmt: skip
    index: list[Column] = [*ABOUT, ("attack", lambda g: _words(g[0].setting["attack"]))]
    return table(of(rows, "tamper"), index, columns)


def interruption(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Faults during protecting and restoring, and how many did not end as promised."""

    def where(group: Group) -> str:
        images, after = group[0].setting["images"], numbers(group, "after_first_write")
        if after:
            return f"{images:,} images; {after[0]} after the first write"
        return f"every file-system operation on {images:,} images"

    index: list[Column] = [("command", field("verb")), ("fault", field("fault")), ("where", where)]
    columns: list[Column] = [
        ("tries", metric("tries", "{:,}")), ("not as promised", metric("wrong", "{:,}")), record_link(prefix), HARDWARE,
    ]  # fmt: skip
    own = of(rows, "interruption")
    return [*table(own, index, columns), "", f"Measured at {commits(own)}."] if own else []


def _words(text: str) -> str:
    """Names of measurements that were recorded in older words."""
    return text.replace("pictures", "images").replace("image", "image")


def bench(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Rates and memory, beside PNG and peers in the same run."""

    def value(group: Group) -> str:
        rate, other = metric("rate", "{:,.0f} images/s")(group), metric("value", "{:,.2f}")(group)
        return rate or f"{other} {group[0].setting['unit']}"

    def what(group: Group) -> str:
        note = group[0].metrics.get("note")
        return _words(group[0].setting["what"] + (f" ({note})" if note else ""))

    index: list[Column] = [
        ("part", field("part")), ("what", what), ("processes", lambda g: str(g[0].setting.get("cores", 1))),
        ("images", field("images")),
    ]  # fmt: skip
    return table(of(rows, "bench"), index, [("measured", value), record_link(prefix), HARDWARE])


def coders(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Bits a sample of every lossless coder, the best first."""
    own = [row for row in of(rows, "coders") if "coder" in row.setting]
    columns: list[Column] = [
        ("bits a sample", metric("bits_a_sample", "{:.2f}", bold=True)),
        ("5 %–95 %", lambda g: "–".join(metric(one, "{:.2f}")(g) for one in ("p5", "p95"))),
        ("write", metric("ms_to_write", "{:.1f} ms")),
        ("read", metric("ms_to_read", "{:.1f} ms")),
        record_link(prefix),
        HARDWARE,
    ]
    lines = table(own, [*ABOUT[:1], ("coder", field("coder"))], columns, lambda g: numbers(g, "bits_a_sample")[0])
    model = [row for row in of(rows, "coders") if "model_bytes" in row.metrics]
    more = [f"{own[0].metrics['images']:,} test images; the model of the small-image coder takes another "
            f"{row.metrics['model_bytes']:,} bytes a release." for row in model if own]  # fmt: skip
    return [*lines, "", *more] if lines else []


def planes(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Carriers whose low planes carry random bits."""

    def pair(unit: str, form: str, *names: str) -> Column:
        cell_a, cell_b = (metric(name, form) for name in names)
        return unit, lambda g: f"{cell_a(g)} / {cell_b(g)}"

    columns: list[Column] = [
        ("PSNR to carrier", metric("psnr_to_carrier", "{:.1f} dB")),
        ("SSIM to carrier", metric("ssim_to_carrier", "{:.3f}")),
        ("PSNR to clean", metric("psnr_to_clean", "{:.1f} dB")), ("SSIM to clean", metric("ssim_to_clean", "{:.3f}")),
        pair("surrogate / other model keeps the label", "{:.1f} %", "surrogate_keeps", "other_keeps"),
        pair("surrogate / other model predicts the next class", "{:.1f} %",
             "surrogate_predicts_next", "other_predicts_next"),
        record_link(prefix), HARDWARE,
    ]  # fmt: skip
    index = [*ABOUT[:1], ("what", field("what")), ("bits a sample", field("bits_a_sample"))]
    return table(of(rows, "planes"), index, columns)


def large(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Large images through `seal`, one worker."""

    def memory(group: Group) -> str:
        return f"{metric('protect_mib', '{:,}')(group)} / {metric('restore_mib', '{:,}')(group)} MiB"

    def what(group: Group) -> str:
        size = group[0].setting.get("megapixels")
        return group[0].setting["what"] + (f", {size} megapixels" if size else "")

    columns: list[Column] = [
        ("files back byte for byte", lambda g: f"{g[0].metrics['byte_for_byte']} / {g[0].metrics['files']}"),
        ("protect", metric("protect_seconds", "{:.1f} s")), ("restore", metric("restore_seconds", "{:.1f} s")),
        ("peak memory, protect / restore", memory), record_link(prefix), HARDWARE,
    ]  # fmt: skip
    return table(of(rows, "large"), [("what", what)], columns)


def choices(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """What the paper leaves open, one choice at a time."""

    def keeps(name: str) -> Column:
        own, other = metric(f"{name}_surrogate_keeps", "{:.1f}"), metric(f"{name}_other_keeps", "{:.1f}")
        return f"{name}: surrogate / other model keeps", lambda g: f"{own(g)} / {other(g)} %" if other(g) else ""

    def psnr(group: Group) -> str:
        clean, carrier = (metric(f"psnr_to_{name}", "{:.1f}")(group) for name in ("clean", "carrier"))
        return f"{clean} / {carrier} dB" if clean else ""

    columns: list[Column] = [
        keeps("carrier"), keeps("published"),
        ("other model predicts the next class", metric("published_other_predicts_next", "{:.1f} %")),
        ("PSNR to clean / to carrier", psnr), ("bits a sample", metric("bits_a_sample")),
    ]  # fmt: skip
    index = [("choice", field("choice")), ("value", lambda g: str(g[0].setting["value"]))]
    own = of(rows, "choice")
    more = (
        [f"{own[0].dataset}, {own[0].metrics['images']} training images, held out from the other model.", ""]
        if own
        else []
    )
    return [*more, *table(own, index, columns), *provenance(own, prefix)]


def held_out(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Readings of the paper's protocol, on held-out training images, the best first."""
    own = of(rows, "held-out")

    def width(group: Group) -> str:
        low, high = interval(group[0].metrics["held_out_acc"], group[0].metrics["held_out"])
        return f"±{(high - low) / 2:.0f} points"

    columns: list[Column] = [
        ("training / held-out images", lambda g: f"{g[0].n_train:,} / {g[0].metrics['held_out']:,}"),
        ("train accuracy", metric("train_acc", "{:.1f}")),
        ("held-out accuracy", metric("held_out_acc", "{:.1f}", bold=True)),
        ("95 % interval, about", width), record_link(prefix), HARDWARE,
    ]  # fmt: skip
    index = [*ABOUT[:1], ("epochs", field("epochs")), ("reading", field("choice"))]
    return table(own, index, columns, lambda g: -1000 * g[0].setting["epochs"] - g[0].metrics["held_out_acc"])


def marks(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """What class marks are made of, on held-out images, what keeps a victim most from learning first."""
    own = of(rows, "marks")
    columns: list[Column] = [
        ("PSNR to clean", metric("psnr_to_clean", "{:.1f} dB")), ("victim", metric("test_acc", "{:.1f}", bold=True)),
        ("standardized", metric("standardized_acc", "{:.1f}")),
        ("best output permutation", metric("permuted_acc", "{:.1f}")),
        (HEADS, metric("head_acc", "{:.1f}")),
    ]  # fmt: skip
    index = [("marks", field("variant")), ("defence", field("defence"))]
    if not own:
        return []
    about = (
        f"{own[0].dataset}, {own[0].n_train:,} training images, {own[0].metrics['held_out']:,} held-out ones, protocol "
        f"`{own[0].protocol}`, one run each."
    )
    ranked = table(own, index, columns, lambda g: numbers(g, "test_acc")[0])
    return [about, "", *ranked, *provenance(own, prefix)]


def blending(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Marks with sharp and with blended cells on large images, mean ± sample SD over victims."""
    own = of(rows, "blending")

    def spread(name: str) -> Column:
        def cell(group: Group) -> str:
            found = numbers(group, name)
            sd = f" ± {np.std(found, ddof=1):.1f}" if len(found) > 1 else ""
            return f"{np.mean(found):.1f}{sd} (n = {len(found)})"

        return {"test_acc": "victim", "standardized_acc": "standardized", "head_acc": HEADS}[name], cell

    columns: list[Column] = [
        ("PSNR to clean", metric("psnr_to_clean", "{:.1f} dB")), ("SSIM to clean", metric("ssim_to_clean", "{:.3f}")),
        *map(spread, ("test_acc", "standardized_acc", "head_acc")),
    ]  # fmt: skip
    if not own:
        return []
    about = (
        f"{own[0].dataset}, {own[0].n_train:,} training images enlarged to {own[0].setting['side']} pixels, "
        f"{own[0].metrics['held_out']:,} held-out ones, protocol `{own[0].protocol}`."
    )
    return [about, "", *table(own, [("cells, hiding", field("variant"))], columns), *provenance(own, prefix)]


def ceiling(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """What the lowest DCT coefficients of clean images teach, mean ± sample SD over seeds; looks; what was attained."""
    own = of(rows, "ceiling")
    if not own:
        return []

    def spread(group: Group) -> str:
        found = numbers(group, "test_acc")
        sd = f" ± {np.std(found, ddof=1):.1f}" if len(found) > 1 else ""
        return f"{np.mean(found):.1f}{sd} (n = {len(found)})"

    index: list[Column] = [
        ("dataset, images, protocol", lambda g: f"{g[0].dataset}, {g[0].n_train:,}, `{g[0].protocol}`"),
        ("kept", lambda g: f"{g[0].setting['kept']}×{g[0].setting['kept']}"
         + (", gray" if g[0].setting.get("gray") else "")),
        ("model", lambda g: f"`{g[0].model}`"),
    ]  # fmt: skip
    columns: list[Column] = [
        ("trained and tested on it", spread),
        ("PSNR to clean", metric("psnr_to_clean", "{:.1f} dB")), ("SSIM to clean", metric("ssim_to_clean", "{:.3f}")),
    ]  # fmt: skip
    own.sort(key=lambda row: (row.dataset, -row.setting["kept"], bool(row.setting.get("gray")), row.model or ""))
    return [*table(own, index, columns), *provenance(own, prefix)]


def block_size(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Block side against survival of the attack, one line an image size, side and pairing."""
    columns: list[Column] = [
        ("label kept", lambda g: f"{100 * g[0].metrics['keeps']:.0f} %"),
        ("PSNR to carrier", metric("psnr_to_carrier", "{:.1f} dB")), ("bits a sample", metric("bpp")),
        record_link(prefix), HARDWARE,
    ]  # fmt: skip
    index: list[Column] = [
        ("dataset", lambda g: f"{g[0].setting['data']}, {g[0].setting['side']}²"),
        ("block side", lambda g: str(g[0].setting["size"] or "")), ("pairing", field("pairing")),
        ("images", metric("images", "{:,}")),
    ]  # fmt: skip
    return table(of(rows, "block-size"), index, columns)
