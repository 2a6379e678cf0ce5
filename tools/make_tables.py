"""Make every table again that shows results: the pages of results/, and the marked blocks of README.md and docs/.

    python tools/make_tables.py            # write
    python tools/make_tables.py --check    # only check: exit code 1 where a page is older than the records

No number is typed by hand: a figure that stands in no record stands on no page.
"""

from __future__ import annotations

import sys

# `numbers.py` beside this program stands in for the standard library's, which others import
sys.path[:] = [place for place in sys.path if place != __file__.rpartition("/")[0]]

import argparse  # noqa: E402
from pathlib import Path  # noqa: E402

from ripguard.benchmark.tables.pages import pages  # noqa: E402
from ripguard.errors import refusals_printed  # noqa: E402
from ripguard.store.atomic import write_file  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where a page is out of date")
    parser.add_argument("--root", type=Path, default=ROOT, metavar="DIR", help="repository, by default this one")
    options = parser.parse_args()
    made = pages(options.root)
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    names = [path.relative_to(options.root).as_posix() for path in stale]
    if options.check:
        sys.exit(f"out of date, run make results: {', '.join(names)}" if stale else 0)
    for path, name in zip(stale, names):
        write_file(path, made[path].encode())
        print(f"wrote {name}")


if __name__ == "__main__":
    with refusals_printed():
        main()
