"""The poison that shows that a defence works: the one with the most given back, nothing where none was tried."""

from __future__ import annotations

from measured import measured

from ripguard.benchmark.controls import controls
from ripguard.benchmark.defences import DEFENCES
from ripguard.benchmark.records import Measurement


def shown(rows: list[Measurement]) -> dict[str, list[str]]:
    lines = controls(rows)
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")][2:]
    return {defence: others for defence, *others in cells}


def row(poison: str, defence: str, accuracy: float, treated: float = 0.0) -> Measurement:
    metrics = {"test_acc": accuracy, "test_acc_defended": treated}
    return measured("peer", metrics, setting={"poison": poison}, defence=defence)


def test_the_poison_that_a_defence_gives_most_back_of():
    found = shown([
        row("clean", "none", 86), row("clean", "blur", 60, treated=80),
        row("weak", "none", 70), row("weak", "blur", 82),
        row("strong", "none", 10), row("strong", "none", 20), row("strong", "blur", 40, treated=50),
        row("alone", "blur", 85),  # not known undefended
    ])  # fmt: skip
    assert found["blur"] == ["`strong`", "15.00", "50.00", "80.00"]
    assert found["median"] == ["", "", "", ""]
    assert list(found) == [name for name in DEFENCES if name != "none"]


def test_nothing_measured():
    assert controls([]) == []
