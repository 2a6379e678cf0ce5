"""Tables of `privdl`: published figures stand alone until there are records; then beside the measured ones."""

from __future__ import annotations

from dataclasses import replace

from ripguard.benchmark.records import Measurement
from ripguard.benchmark.tables.privdl import known_pairs, networks, others, recorded_networks, recorded_pairs

WHERE = {"hardware": {"cpu": "c", "cores": 2}, "commit": "0" * 40, "versions": {"torch": "2"}}


def row(kind: str, setting: dict[str, object], **metrics: float) -> Measurement:
    return Measurement(
        kind, "cifar10", metrics, "r", 100, "standard", None, None, None, None, "vgg16-bn", 0, setting,
        provenance=WHERE, place=f"victims/{kind}.jsonl",
    )  # fmt: skip


def test_without_records():
    """Nothing is claimed to be measured, and results/ has no such section."""
    assert recorded_networks([], "") == recorded_pairs([], "") == []
    assert "Not measured here yet" in " ".join(networks([], ""))
    assert "Not measured here yet" in " ".join(known_pairs([], ""))
    assert any("| PrivDL | PreResNet-110 | 1.70 | 95.06 |" in line for line in others([], ""))


def test_with_records():
    """Rows in the order of the paper, seeds together."""
    rows = [
        row("privdl", {"row": name}, test_acc=value, test_images=100)
        for name, value in (("with key", 90.0), ("plain", 90.0), ("fine-tuned", 50.0))
    ]
    rows.append(replace(rows[1], seed=1, metrics={"test_acc": 92.0, "test_images": 100}))
    lines = [line for line in networks(rows, "") if line.startswith("| ")][2:]
    assert [line.split("|")[1].strip() for line in lines] == ["plain", "fine-tuned", "with key"]
    assert "| 94.1 | 91.0 ± 1.4 (n = 2) |" in lines[0]
    found = row("known-pair", {"order": "shared", "pairs": 1}, trials=5, positions_sure=0.925, whole_order=0.0,
                psnr_of_others=33.0, pairs_needed=2.0, most_needed=3.0)  # fmt: skip
    text = "\n".join(known_pairs([found], ""))
    assert "| cifar10 | shared | 1 | 92.5 % | 0.0 % | 33.0 dB |" in text
    assert "needs 2 pairs (median of 5 draws), at most 3" in text
