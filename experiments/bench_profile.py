"""Where the processor time of protecting and restoring goes, by stage: a part of bench.py.

`cProfile` counts each call, so that stages of much Python weigh more than without it: shares are compared with each
other, not with the rates of other parts.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bench_rates import Row

import ripguard
from ripguard.data.registry import open_source

# function, by the end of its file's path → stage; no stage calls another
RESTORE = {
    ("release/locate.py", "select"): "open the release and list its files",
    ("images/reencoded.py", "file_bytes"): "read files",
    ("release/identify.py", "decoded"): "decode",
    ("release/identify.py", "identify"): "identify by digest and header",
    ("hide/methods.py", "reveal"): "reveal",
    ("images/encoding.py", "png_bytes"): "PNG encode",
    ("release/restore.py", "_source_name"): "names of the source",
    ("store/atomic.py", "write_unsynced"): "write files",
    ("release/original_names.py", "give_names"): "give names",
    ("store/together.py", "sync_tree"): "sync",
}
PROTECT = {
    ("release/facts.py", "facts_or_refusal"): "read, decode and check the source",
    ("release/names.py", "published_names"): "names in the release",
    ("release/plan.py", "read"): "read the source again",
    ("release/shard.py", "_decoded"): "decode, the source",
    ("schemes/two_axis.py", "protect"): "perturb and hide",
    ("images/encoding.py", "png_bytes"): "PNG encode",
    ("release/shard.py", "_read_back"): "read back and decode",
    ("hide/methods.py", "reveal"): "reveal",
    ("store/together.py", "write"): "write files",
    ("store/together.py", "sync"): "sync",
    ("images/summary.py", "likenesses"): "PSNR and SSIM",
    ("release/complete.py", "complete"): "hash again, write the manifest",
}


def profile(clean: np.ndarray, options: argparse.Namespace) -> list[Row]:
    """Shares of the stages, in percent of the processor time of the call; one worker, mRIT, no perturbation."""
    with tempfile.TemporaryDirectory() as folder:
        place, source = Path(folder), open_source(options.source)
        key = str(place / "k")
        ripguard.keygen(key)

        def protect(out: str, count: int) -> None:
            ripguard.protect(source, place / out, key, perturb="none", limit=count, workers=1)

        def restore(out: str) -> None:
            ripguard.restore(place / "release", place / out, key, workers=1)

        protect("warm", 10)  # imports and tables
        rows = shares("protect", lambda: protect("release", options.files), PROTECT, options.files)
        restore("first")
        return rows + shares("restore", lambda: restore("second"), RESTORE, options.files)


def shares(verb: str, call: Callable[[], object], stages: dict[tuple[str, str], str], images: int) -> list[Row]:
    """Rows of one call: the share of each stage, and of what is left."""
    profiler = cProfile.Profile(time.process_time)
    profiler.runcall(call)
    found = pstats.Stats(profiler)
    spent = dict.fromkeys(stages.values(), 0.0)
    for (file, _, name), (_, _, _, cumulative, _) in found.stats.items():  # type: ignore[attr-defined]
        for (end, function), stage in stages.items():
            if name == function and file.endswith(f"ripguard/{end}"):
                spent[stage] += cumulative
    spent["everything else"] = max(0.0, found.total_tt - sum(spent.values()))  # type: ignore[attr-defined]
    return [
        {"what": f"{verb}: {stage}", "value": round(100 * one / found.total_tt, 1), "unit": "%", "images": images}  # type: ignore[attr-defined]
        for stage, one in spent.items()
    ]
