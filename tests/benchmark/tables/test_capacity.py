"""Tables of reversible data hiding: every kind of row has its line."""

from __future__ import annotations

from ripguard.benchmark.records import Measurement
from ripguard.benchmark.tables import capacity

RUN = {
    "hardware": {"cores": 2, "cpu": "a processor"},
    "commit": "0" * 40,
    "command": "python experiments/capacity.py",
    "date": "2026-11-30",
}
BITS = {"images": 1000, "hold_bits": 990, "exact": 1000, "net_bpp": 0.1462, "net_bpp_p5": 0.05, "psnr": 49.52}


def row(dataset: str, metrics: dict, **setting) -> Measurement:  # type: ignore[no-untyped-def]
    return Measurement(
        "capacity", dataset, metrics, "r", setting=setting, provenance=RUN, place="ablations/capacity.jsonl"
    )


def test_thresholds():
    rows = [
        row("photographs", BITS | {"psnr": None}, what="stegano"),
        row("cifar10", BITS, what="thresholds", threshold=1),
    ]
    text = "\n".join(capacity.thresholds(rows, ""))
    assert (
        "| cifar10 | expansion, −1..0 | 0.15 | 0.05 | 49.5 dB | 990 / 1,000 | 1,000 / 1,000 | 0.08, 48.9 dB |" in text
    )
    assert "by the package `stegano` | 0.15 | 0.05 |  | 990 / 1,000 | 1,000 / 1,000 |  |" in text
    assert "capacity" in text.splitlines()[-1]


def test_amounts_and_methods():
    given = row("cifar10", BITS, what="two layers", bits_a_sample=0.5)
    made = {
        "images": 10,
        "exact": 10,
        "without_residue": 9,
        "record_bpp": 0.5,
        "psnr_to_carrier": 30,
        "psnr_to_clean": 26,
    }
    method = row("cifar10", made, what="method", hiding="rdh", poison="lsp")
    assert "| cifar10 | two layers | 0.5 | 990 / 1,000 | 49.5 dB | 1,000 / 1,000 |" in capacity.amounts([given], "")
    (line,) = [one for one in capacity.methods([given, method], "") if "rdh" in one and one.startswith("|")]
    assert line == "| cifar10 | lsp | rdh | 9 / 10 | 0.50 | 30.0 dB | 26.0 dB | 10 / 10 |"
    assert not [one for one in capacity.methods([given], "") if one.startswith("| cifar10")]
