"""The table of a platform under load."""

from __future__ import annotations

import json

from ripguard.benchmark.records import Measurement, read
from ripguard.benchmark.run import Run
from ripguard.benchmark.tables.load import load

ROWS = (
    {"part": "calls", "what": "as fast as they go", "connections": 64, "rate": 1234.5, "rate_of_processor_time": 1300.0,
     "p50_ms": 40.1, "p99_ms": 49.0},
    {"part": "images", "what": "restored", "images": 50_000, "rate": 512.0, "rate_of_processor_time": 640.0},
    {"part": "images", "what": "memory", "images": 50_000, "mebibytes": [218.7, 219.2, 220.4]},
)  # fmt: skip


def test_a_line_for_each_measurement(tmp_path):  # type: ignore[no-untyped-def]
    (tmp_path / "runs.json").write_text(json.dumps({"schema": 1, "runs": {}}))
    run = Run("platform-load", "platform-load", tmp_path, "python experiments/platform_load.py", dataset="cifar10")
    for row in ROWS:
        run.add(row)
    rows: list[Measurement] = read(tmp_path)
    text = "\n".join(load(rows, "results/"))
    assert "calls, as fast as they go" in text
    assert "**1,234**" in text
    assert "49.0 ms" in text
    assert "| cifar10 images, restored | 50,000 | **512** | 640 |" in text
    assert "219–220 MiB" in text
    assert load([], "results/") == []
