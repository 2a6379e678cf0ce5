"""Measure bits a sample of every lossless coder.

    python experiments/coders.py cifar10 --record coders-cifar10
    python experiments/coders.py tinyimagenet --count 500 --record coders-tinyimagenet

The small-image coder is fitted to training images, as `ripguard protect --scheme seal` fits it. It is measured on
images of the test split, which are not used for the fit. Each stream is decoded again and compared. All images of a
release share the coder's model: its size is recorded beside the figures and is not part of them. Expected: at most 3.9
bits a sample on CIFAR-10.

Hardware: two CPU cores, one process.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from _run import begin, parser, scheme_named

from ripguard.codecs.coders import CODERS
from ripguard.data.registry import open_source
from ripguard.errors import refusals_printed
from ripguard.hide.seal.model import obtain
from ripguard.images.decoding import read_image
from ripguard.images.encoding import png_bytes
from ripguard.numbers import positive
from ripguard.release.plan import make_plan
from ripguard.schemes import SCHEMES


def main() -> None:
    arguments = parser(__doc__)
    arguments.add_argument("--count", type=positive, default=2000, help="test images (default 2000)")
    arguments.add_argument("--coder-steps", type=positive, help="of the fit (default: as protect)")
    options = arguments.parse_args()

    # 1. the model, as protect makes it
    source = open_source(options.source)
    plan = make_plan(source, SCHEMES["seal"], workers=2)
    began = time.time()
    model = obtain(list(plan.training), plan.seed, options.coder_steps)
    print(f"model: {len(model):,} bytes, {time.time() - began:.0f} s (0: from the cache)", file=sys.stderr)

    # 2. images it was not fitted to, every k-th of the test split
    items = [item for item in source.items if item.split == "test"]
    items = items[:: max(1, len(items) // options.count)][: options.count]
    clean = np.stack([read_image(item.read()) for item in items])
    files = [item.read() for item in items]

    # 3. every coder, one image at a time but for the small-image coder, which takes batches
    rows = [measured(name, clean, files, model) for name in ("file", "webp", "jxl", "interlaced") if ready(name, model)]
    rows.append(summary("png", [len(png_bytes(one)) for one in clean], clean, {}))
    run = begin(options, "coders", dataset=options.source, scheme=scheme_named("seal"))
    run.add({"model_bytes": len(model)})
    for row in rows:
        print(row)
        run.add(row)


def ready(name: str, model: bytes) -> bool:
    if name == "jxl" and not CODERS["jxl"].ready():  # type: ignore[attr-defined]
        print('left out: pip install "ripguard[jxl]"', file=sys.stderr)
        return False
    return name != "interlaced" or bool(model)


def measured(name: str, clean: np.ndarray, files: list[bytes], model: bytes) -> dict[str, Any]:
    """Size of every stream, time to write and to read; exact or no result."""
    start = time.perf_counter()
    streams = [one for one in CODERS[name].encode(clean, files, model) if one is not None]
    middle = time.perf_counter()
    back = CODERS[name].decode(streams, clean.shape[1:], model)
    end = time.perf_counter()
    if not np.array_equal(back, clean):
        sys.exit(f"error: {name} did not decode its own streams exactly: a defect")
    took = {"ms_to_write": 1000 * (middle - start) / len(clean), "ms_to_read": 1000 * (end - middle) / len(clean)}
    return summary(name, [len(one) for one in streams], clean, took)


def summary(name: str, sizes: list[int], clean: np.ndarray, took: dict[str, float]) -> dict[str, Any]:
    bits = 8 * np.array(sizes) / clean[0].size
    low, middle, high = np.percentile(bits, [5, 50, 95])
    row = {"bits_a_sample": bits.mean(), "median": middle, "p5": low, "p95": high} | took
    return {"coder": name, "images": len(clean)} | {key: round(float(value), 3) for key, value in row.items()}


if __name__ == "__main__":
    with refusals_printed():
        main()
