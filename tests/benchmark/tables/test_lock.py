"""Tables of the lock: without records the command that measures; with them, published figures beside measured ones."""

from __future__ import annotations

from ripguard.benchmark.records import Measurement
from ripguard.benchmark.tables.lock import fit, pairs, recorded_fit, recorded_pairs, recorded_unlock, unlock

WHERE = {"hardware": {"cpu": "c", "cores": 2}, "commit": "0" * 40, "versions": {"torch": "2"}}


def row(kind: str, setting: dict[str, object], **metrics: float) -> Measurement:
    return Measurement(
        kind, "cifar10", metrics, "r", 100, None, None, None, None, None, "fastnet-narrow", 0,
        {"eps": 0.0627} | setting, provenance=WHERE, place=f"victims/{kind}.jsonl",
    )  # fmt: skip


def test_without_records():
    """Nothing is claimed to be measured, and results/ has no such section."""
    assert recorded_fit([], "") == recorded_unlock([], "") == recorded_pairs([], "") == []
    for made, part in ((fit, "fit"), (unlock, "unlock"), (pairs, "pairs")):
        assert f"experiments/lock.py cifar10 --record lock --part {part}" in "\n".join(made([], ""))


def test_with_records():
    found = "\n".join(
        fit([row("lock-fit", {"form": form}, rounds=5, locked_acc=99.0, test_acc=12.0, processor_seconds=600.0)
             for form in ("linear", "iresnet")], "")
    )  # fmt: skip
    assert "| cifar10 | 100 | `linear` | 16/255 | 5 | 99.0 |  | 12.0 |  | 10 min |" in found
    assert "| cifar10 | 100 | `iresnet` | 16/255 | 5 | 99.0 | 95.61 | 12.0 | 18.70 | 10 min |" in found
    shares = {"psnr_of_shown": 30.0, "psnr_to_clean": 60.0, "samples_exact": 99.5, "images_exact": 3.0}
    locked = row(
        "lock-unlock", {"form": "linear", "where": "locked"}, clean_bytes=1700.0, correction_bytes=80.0, **shares
    )
    assert "| locked | 30.0 dB | 60.0 dB | 99.5 % | 3.0 % | 1700 B | 80 B |" in "\n".join(unlock([locked], ""))
    known = row("lock-pairs", {"form": "linear", "where": "locked", "pairs": 2}, **shares)
    assert "| locked | 2 | 30.0 dB | 60.0 dB | 99.5 % | 3.0 % |" in "\n".join(pairs([known], ""))
