"""Whole commands at four image sizes, beside PNG decode + encode of the same files, and start-up: parts of bench.py."""

from __future__ import annotations

import argparse
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench_rates import Row
from PIL import Image

from ripguard.data.photos import photograph_files

SIDES = {"32×32": (32, 32), "64×64": (64, 64), "0.8 megapixels": (1024, 768), "12 megapixels": (4000, 3000)}
SECONDS_EACH = {"32×32": 0.001, "64×64": 0.002, "0.8 megapixels": 0.1, "12 megapixels": 6.0}  # guessed, for the count
PLAIN = """
import sys
from pathlib import Path
from PIL import Image
source, target = map(Path, sys.argv[1:])
for path in sorted(source.rglob("*.*")):
    if path.suffix in (".png", ".webp"):
        place = target / path.relative_to(source).with_suffix(".png")
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).save(place, compress_level=6)
"""
RUN = "import sys; from ripguard.cli import main; sys.exit(main(sys.argv[1:]))"
STARTS = (("--version",), ("--help",), ("protect", "--help"), ("restore", "--help"))


def costs(code: str, *arguments: str | Path) -> tuple[float, float, float]:
    """Processor seconds (user and system), elapsed seconds and peak MiB of a Python program in a process of its own."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    peak = "\nprint(next(l for l in open('/proc/self/status') if l.startswith('VmHWM')).split()[1], file=sys.stderr)"
    program = f"import atexit, sys\natexit.register(lambda: exec({peak!r}))\n{code}"
    done = subprocess.run([sys.executable, "-c", program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    elapsed, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return used, elapsed, int(done.stderr.split()[-1]) / 1024


def make(place: Path, width: int, height: int, count: int) -> None:
    """JPEG files of two classes: crops of photographs, of half their size or more, resized."""
    draw = np.random.default_rng(0)
    photographs = [np.asarray(Image.open(path)) for path in photograph_files(place.with_name("photographs"))]
    for number in range(count):
        whole = photographs[number % len(photographs)]
        high, wide = (draw.integers(side // 2, side + 1) for side in whole.shape[:2])
        top, left = draw.integers(whole.shape[0] - high + 1), draw.integers(whole.shape[1] - wide + 1)
        crop = Image.fromarray(whole[top : top + high, left : left + wide]).convert("RGB")
        target = place / "ab"[number % 2] / f"{number:05d}.jpg"
        target.parent.mkdir(parents=True, exist_ok=True)
        crop.resize((width, height), Image.Resampling.LANCZOS).save(target, quality=90)


def sizes(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    """Protect and restore without a perturbation, one worker, at each size, for both hiding methods and formats.

    Rates are images per second of processor time, start included: waiting for the disk is in ``elapsed``.
    """
    rows: list[Row] = []
    for size, (width, height) in SIDES.items():
        count = max(2, round(options.seconds / SECONDS_EACH[size]))
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            make(place / "s", width, height, count)
            costs(RUN, "keygen", "--out", place / "k", "-q")
            for hide, form in (("mrit", "png"), ("seal", "png"), ("seal", "webp")):
                rows += passage(place, f"{size}, {hide}, {form}", hide, form, count)
    return rows


def passage(place: Path, what: str, hide: str, form: str, count: int) -> list[Row]:
    """Rows of one size, hiding method and format."""
    out, back, copy = (place / name for name in ("out", "back", "copy"))
    for folder in (out, back, copy):
        shutil.rmtree(folder, ignore_errors=True)
    key = ("--key-file", place / "k", "--workers", "1", "-q")
    how = ("--perturb", "none", "--hide", hide, "--image-format", form)
    protect, restore = costs(RUN, "protect", place / "s", out, *how, *key), costs(RUN, "restore", out, back, *key)
    plain = costs(PLAIN, out, copy)
    files = sum(path.stat().st_size for path in out.rglob(f"*.{form}"))
    own = sum(path.stat().st_size for path in (place / "s").rglob("*.jpg"))
    rows: list[Row] = [{"what": f"{what}: published bytes / source bytes", "value": round(files / own, 2), "unit": "×"}]
    for verb, (used, elapsed, peak) in (("protect", protect), ("restore", restore), ("decode + PNG encode", plain)):
        rate = {"rate": round(count / used, 2), "elapsed": round(elapsed, 2), "images": count}
        rows.append({"what": f"{what}: {verb}, processor time", "cores": 1} | rate)
        rows.append({"what": f"{what}: {verb}, peak memory", "value": round(peak, 1), "unit": "MiB", "images": count})
    for verb, (used, _, _) in (("protect", protect), ("restore", restore)):
        title = f"{what}: {verb} takes, times decode + encode"
        rows.append({"what": title, "value": round(used / plain[0], 2), "unit": "×"})
    return rows


def starts(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    """Start-up: medians of five, processor time and elapsed time."""
    rows: list[Row] = []
    for words in STARTS:
        found: list[Any] = [costs(RUN, *words) for _ in range(5)]
        for name, index in (("processor time", 0), ("elapsed", 1)):
            value = statistics.median(one[index] for one in found)
            rows.append({"what": f"ripguard {' '.join(words)}, {name}", "value": round(value, 3), "unit": "s"})
    return rows
