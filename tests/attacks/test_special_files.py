"""A pipe, a device, a link or a huge sparse file in the place of a release's file: refused at once, never read."""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
# a release of format v2 has one file, a golden one of v1 has several
TARGETS = ("release.ripguard", "model.bin", "residue/000003.bin", "manifest.jsonl", "release.json")
SPOILS = ("pipe", "/dev/zero", "/dev/null", "socket", "20 GiB", "folder")
MEMORY = 1 << 30

# every verb in one process, so that a start is paid for once; the process may use a gibibyte and a minute
VERBS = """
import sys, json
sys.path.insert(0, {here!r})
from helpers import call
release, out, key = sys.argv[1:]
keyed = ("--key-file", key, "--workers", "1")
found = {{}}
for name, words in (
    ("restore", ("restore", release, out, *keyed)), ("verify", ("verify", release, "--workers", "1")),
    ("verify with key", ("verify", release, *keyed)), ("inspect", ("inspect", release)),
    ("gc", ("gc", release, "--dry-run")),
):
    code, said, err = call(*words)
    assert "Traceback" not in err, err
    found[name] = code
print(json.dumps(found))
"""


def spoil(place: Path, how: str) -> contextlib.AbstractContextManager:
    import socket

    size = place.stat().st_size
    place.unlink()
    if how == "pipe":
        os.mkfifo(place)
    elif how == "socket":
        server = socket.socket(socket.AF_UNIX)
        folder = os.open(place.parent, os.O_RDONLY)
        here = os.getcwd()
        os.fchdir(folder)  # addresses of sockets are short
        server.bind(place.name)
        os.chdir(here)
        os.close(folder)
        return contextlib.closing(server)
    elif how == "20 GiB":
        place.touch()
        os.truncate(place, (20 << 30) + size)
    elif how == "folder":
        place.mkdir()
    else:
        place.symlink_to(how)
    return contextlib.nullcontext()


@pytest.mark.parametrize("how", SPOILS)
@pytest.mark.parametrize("target", TARGETS)
def test_in_the_place_of_a_file(target, how, field, copied, tmp_path):  # type: ignore[no-untyped-def]
    """Every verb ends soon, in little memory, with its own code."""
    old = target != "release.ripguard"
    release = field.old("v1-seal-model" if target == "model.bin" else "v1-ranked", tmp_path) if old else copied()
    with spoil(release / ".ripguard" / target if old else release / target, how):
        done = subprocess.run(
            [sys.executable, "-c", VERBS.format(here=str(HERE)), release, tmp_path / "out", field.key],
            capture_output=True, text=True, timeout=120,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY)),
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    codes = eval(done.stdout)
    if not old:
        assert set(codes.values()) <= {5, 6}, codes
        assert how == "folder" or set(codes.values()) == {5}, codes
    elif target in ("release.json", "manifest.jsonl"):
        expected = (5, 6) if how == "folder" else (5,)  # a folder is no release.json
        assert all(code in expected for code in codes.values()), codes
    else:
        assert codes["verify"] == codes["verify with key"] == 10, codes
        assert codes["inspect"] == 0
        assert codes["restore"] == 5, codes
        assert codes["gc"] == (0 if target == "model.bin" else 5), codes
