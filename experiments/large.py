"""Measure scheme `seal` on large images: equality, time and peak memory.

    python experiments/large.py --record large

Part 1: scikit-image's full-size color photographs, as the files that it ships, and 20 JPEGs of 1 to 12 megapixels made
from them at quality 75 to 95, as one dataset. The command line protects it with `--byte-exact` and restores it.
Part 2: one JPEG at a time, of 1, 4, 16 and 48 megapixels. Each command is a process of its own, whose peak memory and
time are measured. There is no perturbation: hiding alone is measured. Expected: files are restored byte for byte, and
time and memory grow linearly with the pixels.

Hardware: two CPU cores, one worker.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from _run import begin, parser, scheme_named
from bench import PEAK
from PIL import Image

from ripguard.errors import refusals_printed
from ripguard.numbers import above_zero

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "retina", "ihc", "hubble_deep_field", "motorcycle_left")
QUALITIES = (75, 80, 85, 90, 95)
JPEGS = (1, 2, 5, 12, 3)  # megapixels
LADDER = (1, 4, 16, 48)  # megapixels


def main() -> None:
    arguments = parser(__doc__, source=False)
    arguments.add_argument(
        "--jpegs", type=above_zero, nargs="*", default=list(JPEGS), help="megapixels, one for each quality"
    )
    arguments.add_argument(
        "--ladder", type=above_zero, nargs="*", default=list(LADDER), help="megapixels, one at a time"
    )
    options = arguments.parse_args()
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        files = collect(place / "all", options.jpegs)
        took = passage(place / "all", place / "1")
        back = place / "1" / "back"
        same = sum((back / f.relative_to(place / "all")).read_bytes() == f.read_bytes() for f in files)
        rows.append({"what": "photographs and JPEGs", "files": len(files), "byte_for_byte": same} | took)
        print(rows[-1], flush=True)
        for megapixels in options.ladder:
            source = place / f"single-{megapixels}"
            (source / "one").mkdir(parents=True)
            save(source / "one" / "x.jpg", skimage.data.astronaut(), megapixels, 90)
            took = passage(source, place / f"out-{megapixels}")
            back = place / f"out-{megapixels}" / "back" / "one" / "x.jpg"
            same = int(back.read_bytes() == (source / "one" / "x.jpg").read_bytes())
            rows.append({"what": "one JPEG", "megapixels": megapixels, "files": 1, "byte_for_byte": same} | took)
            print(rows[-1], flush=True)
    run = begin(options, "large", dataset="scikit-image photographs", scheme=scheme_named("seal"))
    for row in rows:
        run.add(row)
    if any(row["byte_for_byte"] != row["files"] for row in rows):
        sys.exit("error: some restored files differ from the source, see byte_for_byte above: a defect")


def collect(place: Path, jpegs: Sequence[float]) -> list[Path]:
    """The photographs' own files where the library has them here, and the JPEGs."""
    (place / "photographs").mkdir(parents=True)
    (place / "jpeg").mkdir()
    for name in PHOTOGRAPHS:
        for path in Path(skimage.data.__file__).parent.glob(f"{name}.*"):
            (place / "photographs" / path.name).write_bytes(path.read_bytes())
    images = [skimage.data.astronaut(), skimage.data.chelsea(), skimage.data.coffee(), skimage.data.rocket()]
    for number, image in enumerate(images):
        for quality, megapixels in zip(QUALITIES, jpegs):
            save(place / "jpeg" / f"{number}-{quality}.jpg", image, megapixels, quality)
    return sorted(path for path in place.rglob("*.*"))


def save(path: Path, image: np.ndarray, megapixels: float, quality: int) -> None:
    height, width = image.shape[:2]
    scale = (megapixels * 1e6 / (height * width)) ** 0.5
    Image.fromarray(image).resize((round(width * scale), round(height * scale))).save(path, quality=quality)


def passage(source: Path, place: Path) -> dict[str, Any]:
    """Protect and restore; seconds and peak memory of each."""
    place.mkdir()
    key = place / "k"
    ripguard("keygen", "--out", key)
    how = ("--scheme", "seal", "--byte-exact", "--perturb", "none")
    found: dict[str, Any] = {}
    for verb, paths in (("protect", (source, place / "out", *how)), ("restore", (place / "out", place / "back"))):
        seconds, peak = ripguard(verb, *paths, "--key-file", key, "--workers", "1")
        found |= {f"{verb}_seconds": round(seconds, 2), f"{verb}_mib": peak}
    return found


def ripguard(*arguments: str | Path) -> tuple[float, int]:
    """Seconds, and peak resident memory in MiB, of one command in a process of its own."""
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", PEAK, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return time.perf_counter() - start, int(done.stderr.split()[-1]) // 1024  # KiB on Linux


if __name__ == "__main__":
    with refusals_printed():
        main()
