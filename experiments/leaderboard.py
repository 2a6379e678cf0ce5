"""All schemes side by side, from the records.  Claim: none; what `results/` does not hold stays empty.

    make leaderboard            # writes results/leaderboard.md and results/leaderboard.png
    python experiments/leaderboard.py --check

One line for each scheme, dataset and protocol: looks, accuracy of a plain victim, under the best defence of those
tried (`experiments/table1.py --defences`), with outputs standardised, after the best output permutation and a new
linear head from a few clean images (`experiments/adaptive.py`, of victims without and with defences), and after the
best undoing (`experiments/undo.py`). Empty: not measured. Earlier forms of a scheme stand below the others.
"""

from __future__ import annotations

import sys
from pathlib import Path

from ripguard.benchmark.leaderboard import entries, page, plot
from ripguard.benchmark.record import read_records
from ripguard.errors import refusals_printed

ROOT = Path(__file__).resolve().parents[1]
PAGE, PLOT = ROOT / "results" / "leaderboard.md", ROOT / "results" / "leaderboard.png"


def main() -> None:
    records = [record for _, record in read_records(ROOT / "results")]
    board = entries(records)
    text = "\n".join(page(board, records))
    if "--check" in sys.argv:
        stale = not PAGE.exists() or PAGE.read_text() != text
        sys.exit("out of date, run make leaderboard: leaderboard.md" if stale else 0)
    PAGE.write_text(text)
    plot(board).savefig(PLOT, dpi=110, metadata={"Software": None})
    print(f"wrote {PAGE.relative_to(ROOT)}, {PLOT.relative_to(ROOT)}")


if __name__ == "__main__":
    with refusals_printed():
        main()
