"""Tables of reversible data hiding: bits against image quality, and what of a method's records fits."""

from __future__ import annotations

from collections.abc import Sequence

from ripguard.benchmark.records import Measurement
from ripguard.benchmark.table import Column, Group, field, metric, table
from ripguard.benchmark.tables.others import of, provenance

# An estimate from before there was a codec: thresholds −T..T − 1, no sorting, overflow counted at its entropy; mean
# bits a sample and PSNR of 1,000 images of CIFAR-10, and of 14 images of 300×300 that Yin et al. published
ESTIMATED = {
    1: ("0.08, 48.9 dB", "0.28, 49.1 dB"),
    2: ("0.18, 43.5 dB", "0.45, 44.4 dB"),
    4: ("0.31, 38.3 dB", "0.59, 40.2 dB"),
    8: ("0.47, 33.8 dB", "0.71, 36.5 dB"),
    16: ("0.61, 30.3 dB", "0.79, 33.7 dB"),
    32: ("0.68, 28.4 dB", "0.82, 32.1 dB"),
}
WORDS = {"stegano": "histogram shifting (Ni et al. 2006), by the package `stegano`"}


def thresholds(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """The most bits under fixed thresholds, beside the estimate and the peer."""
    own = [row for row in of(rows, "capacity") if row.setting["what"] in ("thresholds", "stegano")]
    own.sort(key=lambda row: (row.dataset, row.setting["what"] == "stegano", row.setting.get("threshold", 0)))
    columns: list[Column] = [
        ("bits a sample, mean", metric("net_bpp", "{:.2f}")),
        ("5 %", metric("net_bpp_p5", "{:.2f}")),
        ("PSNR", metric("psnr", "{:.1f} dB")),
        ("images that hold bits", _share("hold_bits")),
        ("back bit for bit", _share("exact")),
        ("estimate", _estimate),
    ]
    return [*table(own, [("images", field("dataset")), ("embedding", _embedding)], columns), *provenance(own, prefix)]


def amounts(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Given numbers of bits in one layer and in two."""
    own = [row for row in of(rows, "capacity") if row.setting["what"] in ("one layer", "two layers")]
    own.sort(key=lambda row: (row.dataset, row.setting["what"], row.setting["bits_a_sample"]))
    index: list[Column] = [
        ("images", field("dataset")),
        ("layers", field("what")),
        ("bits a sample", lambda g: f"{g[0].setting['bits_a_sample']:g}"),
    ]
    columns: list[Column] = [
        ("images that hold them", _share("hold_bits")),
        ("PSNR of these", metric("psnr", "{:.1f} dB")),
        ("back bit for bit", _share("exact")),
    ]
    return [*table(own, index, columns), *provenance(own, prefix)]


def methods(rows: Sequence[Measurement], prefix: str) -> list[str]:
    """Records of both methods: their size, where they are, and what the images look like."""
    own = [row for row in of(rows, "capacity") if row.setting["what"] == "method"]
    own.sort(key=lambda row: (row.dataset, row.setting["poison"], row.setting["hiding"]))
    index: list[Column] = [
        ("images", field("dataset")), ("perturbation", field("poison")), ("method", field("hiding")),
    ]  # fmt: skip
    columns: list[Column] = [
        ("without residue", _share("without_residue")),
        ("record, bits a sample", metric("record_bpp", "{:.2f}")),
        ("PSNR to carrier", metric("psnr_to_carrier", "{:.1f} dB")),
        ("PSNR to clean", metric("psnr_to_clean", "{:.1f} dB")),
        ("back bit for bit", _share("exact")),
    ]
    return [*table(own, index, columns), *provenance(own, prefix)]


def _share(name: str):  # type: ignore[no-untyped-def]
    return lambda group: f"{group[0].metrics[name]:,} / {group[0].metrics['images']:,}"


def _embedding(group: Group) -> str:
    known = group[0].setting
    return WORDS.get(known["what"]) or f"expansion, −{known['threshold']}..{known['threshold'] - 1}"


def _estimate(group: Group) -> str:
    known = ESTIMATED.get(group[0].setting.get("threshold", 0))
    return known[group[0].dataset != "cifar10"] if known else ""
