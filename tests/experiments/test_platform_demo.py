"""`make platform`: started twice, used by the commands that it prints."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import good

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_twice(tmp_path):  # type: ignore[no-untyped-def]
    work = tmp_path / "platform"
    for number in range(2):
        command = [sys.executable, "experiments/platform_demo.py", "--work", str(work), "--port", "0", "--workers", "1"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        told = ""
        try:
            while "platform log" not in told:
                line = process.stdout.readline()  # type: ignore[union-attr]
                assert line, told
                told += line
            assert "http://127.0.0.1:" in told
            assert ("protecting" in told) == (number == 0)
            files = [work / name for name in ("owner.token", "auditor.token", "user.profile", "owner.key")]
            assert {one.stat().st_mode & 0o777 for one in files} == {0o600}
            assert all(str(one) in told for one in files)
            assert "rgd_" not in told
            out, profile = work / f"restored{number}", work / "user.profile"
            found = good("platform", "restore", work / "protected", out, "--profile", profile)
            assert (found["restored"], found["refused"]) == (300, [])
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
        assert process.returncode == 0
    good("restore", work / "protected", work / "back", "--key-file", work / "owner.key")
    back = {one.read_bytes() for one in (work / "back").rglob("*.png")}
    assert back == {one.read_bytes() for one in (work / "restored1").rglob("*.png")}
