"""How long does a newcomer wait?  Claim: `make protect` takes under five minutes.

    python experiments/first_run.py --record first-run

On a fresh clone with an empty environment and an empty cache, two CPU cores. The time includes the installation from
the package index, so it depends on the network as well.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ripguard.benchmark.record import environment, write_record
from ripguard.errors import refusals_printed

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--record", metavar="NAME")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "ripguard"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        env = {k: v for k, v in os.environ.items() if not k.startswith(("RIPGUARD_", "PYTHON", "VIRTUAL_ENV"))}
        env |= {"RIPGUARD_CACHE": str(Path(folder) / "cache")}
        start = time.time()
        subprocess.run(["make", "venv"], cwd=clone, env=env, check=True, stdout=sys.stderr)
        installed = time.time()
        subprocess.run(["make", "protect"], cwd=clone, env=env, check=True)
        end = time.time()
        row = json.loads((clone / "build" / "photos" / "record.json").read_text())["rows"][0]
        grid = (clone / "build" / "photos" / "grid.png").read_bytes()
    row |= {"install_seconds": round(installed - start, 1), "chain_seconds": row["seconds"]}
    row["seconds"] = round(end - start, 1)
    record = {"name": "first run", "command": "python experiments/first_run.py"} | environment()
    record |= {"dataset": "photos", "protocol": "make protect", "scheme": "mrit", "rows": [row]}
    if options.record:
        place = ROOT / "build" / "records" / f"{record['date']}_{options.record}"
        write_record(place, record)
        (place / "grid.png").write_bytes(grid)


if __name__ == "__main__":
    with refusals_printed():
        main()
