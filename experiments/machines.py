"""Run the numeric tests as on other machines: does a result depend on one machine's floating point?

    make test-machines
    python experiments/machines.py --only float32 "seed 1" -- tests/perturb -k blur

The tests marked `numeric` run with and without bfloat16, with older vector instructions, with kernels of other
libraries, with two threads, and with other seeds, which change a trained model at least as much as another machine's
rounding does. Output: the tests that fail in any variant, and every assertion `a < b` of numbers whose least distance
over all variants is less than three times the spread of that distance; such an assertion may fail on another machine.
For a chain `a < b < c` pytest reports the last link only: write two assertions.

Hardware: any x86-64; half an hour on two cores for each five variants.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import subprocess
import sys
import tempfile
from collections import defaultdict
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
VARIANTS: dict[str, dict[str, str]] = {
    "as it is": {},
    "float32": {"RIPGUARD_BF16": "0"},
    "bfloat16": {"RIPGUARD_BF16": "1"},
    "no vectors in torch": {"ATEN_CPU_CAPABILITY": "default"},
    "AVX2 in oneDNN": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "AVX2 in oneDNN, bfloat16": {"ONEDNN_MAX_CPU_ISA": "AVX2", "RIPGUARD_BF16": "1"},
    "AVX-512 in oneDNN": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "other matrix products": {"OPENBLAS_CORETYPE": "Haswell", "MKL_CBWR": "COMPATIBLE"},
    "two threads": {"RIPGUARD_TEST_THREADS": "2"},
    "seed 1": {"RIPGUARD_TEST_SEED": "1"},
    "seed 2, float32": {"RIPGUARD_TEST_SEED": "2", "RIPGUARD_BF16": "0"},
    "seed 3, no vectors": {"RIPGUARD_TEST_SEED": "3", "RIPGUARD_BF16": "0", "ATEN_CPU_CAPABILITY": "default"},
}
ENOUGH = 3.0  # times the spread that a distance should be
RECORD = "RIPGUARD_TEST_RECORD"  # file that the hooks below append to
WRAPPED = re.compile(r"(?:(?:np\.|numpy\.)?(?:float|int|uint)\d+|tensor)\(([^()]*)\)")
NUMBERS = (ast.Expression, ast.BinOp, ast.UnaryOp, ast.Constant, ast.operator, ast.unaryop)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), metavar="VARIANT")
    parser.add_argument("more", nargs="*", help="for pytest, after --")
    options = parser.parse_args()
    distances: dict[str, dict[str, float]] = defaultdict(dict)  # assertion → variant → distance
    failed = False
    with tempfile.TemporaryDirectory() as place:
        for name in options.only:
            record = Path(place) / "record"
            record.write_text("")
            own = {
                RECORD: str(record),
                "PYTHONPYCACHEPREFIX": place,
                "PYTHONPATH": os.pathsep.join([str(ROOT / "experiments"), str(ROOT)]),
            }
            # the hook is written into compiled tests: theirs must not be mixed up with others
            command = [
                sys.executable,
                "-m",
                "pytest",
                "-p",
                "machines",
                "-o",
                "enable_assertion_pass_hook=true",
                "-n",
                "2",
            ]
            command += ["-m", "numeric and not slow", "--tb=line", *options.more]
            done = subprocess.run(
                command, cwd=ROOT, env=os.environ | own | VARIANTS[name], capture_output=True, text=True
            )
            failed |= done.returncode != 0
            print(f"{name}: {done.stdout.strip().splitlines()[-1] if done.stdout else done.stderr.strip()}", flush=True)
            for line in record.read_text().splitlines():
                entry = json.loads(line)
                if "failed" in entry:
                    print(f"    FAILED {entry['failed']}", flush=True)
                else:
                    known = distances[entry["where"]]
                    known[name] = min(entry["distance"], known.get(name, float("inf")))
    print("\n".join(table(distances)))
    sys.exit(failed)


def table(distances: dict[str, dict[str, float]]) -> list[str]:
    """One line for each assertion that is near its limit, the nearest first."""
    rows = []
    for where, by_variant in distances.items():
        least, spread = min(by_variant.values()), max(by_variant.values()) - min(by_variant.values())
        if spread and least < ENOUGH * spread:
            rows.append((least / spread, f"| {least / spread:.1f} | {least:.4g} | {spread:.4g} | {where} |"))
    head = ["", "| distance / spread | least distance | spread | assertion |", "|---|---|---|---|"]
    return head + [line for _, line in sorted(rows)]


def distance(explanation: str) -> float | None:
    """How far the two sides of an order between numbers are apart; None for all else."""
    first = explanation.split("\n")[0]
    while (bare := WRAPPED.sub(r"\1", first)) != first:
        first = bare
    try:
        body = ast.parse(first, mode="eval").body
        if not isinstance(body, ast.Compare) or not all(isinstance(op, ast.Lt | ast.Gt) for op in body.ops):
            return None  # <= is used where a bound is kept by construction
        values = [value(side) for side in (body.left, *body.comparators)]
    except (SyntaxError, ValueError, ZeroDivisionError):
        return None
    return min(abs(a - b) for a, b in pairwise(values))


def value(side: ast.expr) -> float:
    """Of a sum or product of numbers; raises ValueError for anything else."""
    whole = ast.Expression(side)
    if not all(isinstance(node, NUMBERS) for node in ast.walk(whole)):
        raise ValueError
    found = eval(compile(whole, "assertion", "eval"), {"__builtins__": {}})
    if not isinstance(found, int | float):
        raise ValueError
    return float(found)


def note(**what: Any) -> None:
    if RECORD in os.environ:
        with open(os.environ[RECORD], "a") as file:  # by several processes, a line at a time
            file.write(json.dumps(what) + "\n")


def pytest_assertion_pass(item: Any, lineno: int, orig: str, expl: str) -> None:
    """Hook of pytest: an assertion held, with these values."""
    found = distance(expl)
    if found is not None:
        note(where=f"{item.nodeid}:{lineno} `{orig}`", distance=found)


def pytest_runtest_logreport(report: Any) -> None:
    """Hook of pytest, where results come together."""
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        note(failed=f"{report.nodeid}: {str(report.longrepr).strip().splitlines()[-1]}")


if __name__ == "__main__":
    main()
