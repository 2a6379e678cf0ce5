"""Measure how long `make protect DATASET=photos` takes on a fresh clone.

    python experiments/first_run.py --record first-run

The environment and the cache are empty. The time includes the installation from the package index, so it depends on the
network too. Expected: under five minutes.

Hardware: two CPU cores.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _run import ROOT, begin, parser, scheme_named

from ripguard.benchmark.records import read
from ripguard.errors import refusals_printed


def main() -> None:
    arguments = parser(__doc__, source=False)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "ripguard"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        env = {k: v for k, v in os.environ.items() if not k.startswith(("RIPGUARD_", "PYTHON", "VIRTUAL_ENV"))}
        env |= {"RIPGUARD_CACHE": str(Path(folder) / "cache")}
        start = time.time()
        subprocess.run(["make", "venv"], cwd=clone, env=env, check=True, stdout=sys.stderr)
        installed = time.time()
        subprocess.run(["make", "protect", "DATASET=photos"], cwd=clone, env=env, check=True)
        end = time.time()
        (chain,) = read(clone / "build" / "photos" / "records")
        row = dict(chain.metrics)
    row |= {"install_seconds": round(installed - start, 1), "chain_seconds": row["seconds"]}
    row["seconds"] = round(end - start, 1)
    run = begin(options, "first-run", dataset="photos", scheme=scheme_named("mrit"))
    print(row)
    run.add(row)


if __name__ == "__main__":
    with refusals_printed():
        main()
