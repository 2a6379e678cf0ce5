"""The poison that shows that a defence works: the one that it recovers most of, nothing where none was tried."""

from __future__ import annotations

from measurements import peer

from ripguard.benchmark.controls import controls
from ripguard.benchmark.defences import DEFENCES


def test_the_poison_that_a_defence_recovers_most_of():
    lines = controls([
        peer("clean", "none", 86), peer("clean", "blur", 60, defended=80),
        peer("weak", "none", 70), peer("weak", "blur", 82),
        peer("strong", "none", 10), peer("strong", "none", 20), peer("strong", "blur", 40, defended=50),
        peer("alone", "blur", 85),  # not known undefended
    ])  # fmt: skip
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if line.startswith("|")][2:]
    found = {defence: others for defence, *others in cells}
    assert found["blur"] == ["`strong`", "15.00", "50.00", "80.00"]
    assert found["median"] == ["", "", "", ""]
    assert list(found) == [name for name in DEFENCES if name != "none"]


def test_nothing_measured():
    assert controls([]) == []
