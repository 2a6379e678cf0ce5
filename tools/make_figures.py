"""Draw the figures of recorded victims: accuracies, training curves, confusion matrices.

python tools/make_figures.py tinyimagenet-paper                    # into build/figures/tinyimagenet-paper/
python tools/make_figures.py tinyimagenet-paper cifar10-fast --out DIR
"""

from __future__ import annotations

import sys

# `numbers.py` beside this program stands in for the standard library's, which others import
sys.path[:] = [place for place in sys.path if place != __file__.rpartition("/")[0]]

import argparse  # noqa: E402
from pathlib import Path  # noqa: E402

from ripguard.benchmark import figures  # noqa: E402
from ripguard.benchmark.records import read  # noqa: E402
from ripguard.benchmark.training_logs import read_logs  # noqa: E402
from ripguard.errors import UsageError, refusals_printed  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
FIGURES = ROOT / "build" / "figures"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("records", nargs="+", metavar="RECORD", help="name of a file in results/victims/")
    parser.add_argument("--results", type=Path, default=ROOT / "results", metavar="DIR", help="default: results/")
    parser.add_argument("--out", type=Path, default=FIGURES, metavar="DIR", help="default: build/figures/")
    options = parser.parse_args()
    rows = read(options.results) + read(options.results, archive=True)
    for name in options.records:
        own = [row for row in rows if row.place.rpartition("/")[2] == f"{name}.jsonl"]
        if not own:
            raise UsageError(
                f"{options.results / 'victims'} has no record {name}", "name a file of that folder, without .jsonl"
            )
        out = options.out / name
        drawn = (
            figures.bars(own, out / "accuracy.png"),
            figures.curves(own, read_logs(options.results, name), out / "curves.png"),
            figures.confusion(own, out / "confusion.png"),
        )
        print("\n".join(str(path) for path in drawn if path))


if __name__ == "__main__":
    with refusals_printed():
        main()
