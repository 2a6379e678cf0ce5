"""Draw the figures of many records: results/leaderboard.png, and docs/explanation/carve.png. `make_tables.py` makes the
tables beside them.

python tools/make_leaderboard.py
"""

from __future__ import annotations

import sys

# `numbers.py` beside this program stands in for the standard library's, which others import
sys.path[:] = [place for place in sys.path if place != __file__.rpartition("/")[0]]

import argparse  # noqa: E402
from pathlib import Path  # noqa: E402

from ripguard.benchmark import kept_band  # noqa: E402
from ripguard.benchmark.figures import save  # noqa: E402
from ripguard.benchmark.leaderboard import entries, plot  # noqa: E402
from ripguard.benchmark.records import read  # noqa: E402
from ripguard.errors import refusals_printed  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR", help="repository, by default this one")
    root = parser.parse_args().root
    rows = read(root / "results")
    print(f"wrote {save(plot(entries(rows)), root / 'results' / 'leaderboard.png')}")
    if figure := kept_band.plot(rows):
        print(f"wrote {save(figure, root / 'docs' / 'explanation' / 'carve.png')}")


if __name__ == "__main__":
    with refusals_printed():
        main()
