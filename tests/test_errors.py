"""Refusals of scripts: one sentence, a hint, the code of the refusal; a defect keeps its traceback."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import numpy as np
import pytest
from helpers import make_source, tree_digest

from ripguard import cli
from ripguard.cli import data
from ripguard.crypto.keys import Key
from ripguard.errors import Damaged, KeyFileError, StorageError, as_refusal, refusals_printed
from ripguard.executor import Local


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Damaged("a.png was changed", "fetch it again"), 5, "error: a.png was changed\nhint: fetch it again\n"),
        (KeyFileError("no key"), 7, "error: no key\n"),
        (OSError(28, "No space left on device"), 9, "error: No space left on device\n"),
        (PermissionError(13, "Permission denied", "/x"), 9, "error: Permission denied: /x\n"),
        (KeyboardInterrupt(), 130, "interrupted; finished records are kept\n"),
    ],
)
def test_refusals_are_told(error, code, said, capsys):  # type: ignore[no-untyped-def]
    with pytest.raises(SystemExit) as end, refusals_printed():
        raise error
    assert end.value.code == code
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError("not of the system")])
def test_a_defect_is_not_hidden(error):  # type: ignore[no-untyped-def]
    with pytest.raises(type(error)), refusals_printed():
        raise error


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("import sys; from ripguard.cli import main; sys.exit(main(['data', 'list']))", 141, b""),
        ("import sys; from ripguard.cli import main; sys.exit(main(['data', 'list', '--json']))", 141, b""),
        ("from ripguard.errors import refusals_printed\nwith refusals_printed(): print('a' * 100_000)", 141, b""),
        (
            "import sys; from ripguard.cli import main; sys.exit(main(['inspect', 'nowhere', '--json']))",
            6,
            b"ripguard: error: there is no file or folder nowhere",
        ),
    ],
)
def test_a_reader_who_has_read_enough_is_no_defect(script, code, said):  # type: ignore[no-untyped-def]
    nobody, writer = os.pipe()
    os.close(nobody)
    try:
        done = subprocess.run([sys.executable, "-c", script], stdout=writer, stderr=subprocess.PIPE, check=False)
    finally:
        os.close(writer)
    assert done.returncode == code
    assert done.stderr.strip() == said


def test_another_broken_pipe_is_told():  # type: ignore[no-untyped-def]
    with pytest.raises(BrokenPipeError), refusals_printed():
        raise BrokenPipeError(32, "Broken pipe")


def test_output_may_be_closed_or_full():  # type: ignore[no-untyped-def]
    command = f"{shlex.quote(sys.executable)} -m ripguard data list"
    for to, code, said in ((">&-", 0, ""), ("> /dev/full", 9, "ripguard: error: No space left on device\n")):
        done = subprocess.run(["sh", "-c", f"{command} {to}"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (code, said)


OUT_OF_MEMORY = "error: out of memory"


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (MemoryError(), 9, OUT_OF_MEMORY),
        (
            np._core._exceptions._ArrayMemoryError((9, 9 << 20), np.dtype("u1")),
            9,
            f"{OUT_OF_MEMORY}: cannot allocate 81.0 MiB",
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 800 bytes."),
            9,
            OUT_OF_MEMORY,
        ),
        (
            RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
            9,
            f"{OUT_OF_MEMORY}: cannot allocate 2.00 GiB",
        ),
        (RuntimeError("can't start new thread"), 9, OUT_OF_MEMORY),
        (ImportError("libx.so: failed to map segment from shared object"), 9, OUT_OF_MEMORY),
        (OSError(12, "Cannot allocate memory"), 9, OUT_OF_MEMORY),
        (ValueError("embedded null byte"), 2, "error: a file name cannot contain a NUL character"),
    ],
)
def test_errors_that_are_no_defects(error, code, said, capsys, monkeypatch):  # type: ignore[no-untyped-def]
    """Memory that ran out, whoever says so, and names that no file can have; in scripts and in the program."""
    with pytest.raises(SystemExit) as end, refusals_printed():
        raise error
    assert end.value.code == code
    assert said in capsys.readouterr().err

    def run(options: object) -> int:
        raise error

    monkeypatch.setattr(data, "run_list", run)
    assert cli.main(["data", "list"]) == code
    assert said in (told := capsys.readouterr().err)
    assert "Traceback" not in told


@pytest.mark.parametrize("error", [RuntimeError("shapes differ"), ValueError("no"), ImportError("no module x")])
def test_other_errors_stay_defects(error):  # type: ignore[no-untyped-def]
    with pytest.raises(type(error)), refusals_printed():
        raise error


@pytest.mark.parametrize("workers", [1, 2])
def test_memory_of_a_worker(workers):  # type: ignore[no-untyped-def]
    """It comes back as a refusal, however large what it was about; one process alone leaves it to the caller."""
    with pytest.raises((StorageError, MemoryError)) as caught:
        list(Local(workers).map(_too_much, range(4)))
    assert isinstance(as_refusal(caught.value), StorageError)


def _too_much(context: None, number: int) -> None:
    np.empty((1 << 50, 1 << number), np.uint8)


@pytest.mark.parametrize("closed", ["2>&-", "2>&- >&- <&-"])
def test_streams_may_be_closed(closed, tmp_path):  # type: ignore[no-untyped-def]
    """Protect and restore work, with workers; nothing that a library says can come into a file."""
    make_source(tmp_path / "s")
    Key.generate().write(tmp_path / "k")
    program = f"{shlex.quote(sys.executable)} -m ripguard"
    more = "--key-file k --workers 2"
    script = f"{program} protect s r {more} --perturb none {closed} && {program} restore r back {more} {closed}"
    done = subprocess.run(["sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert tree_digest(tmp_path / "back").keys() == tree_digest(tmp_path / "s").keys()


@pytest.mark.parametrize("to", ["2>&-", "2>/dev/full"])
def test_refusals_without_standard_error(to):  # type: ignore[no-untyped-def]
    """The exit code says it, and the result goes nowhere but to standard output."""
    command = f"{shlex.quote(sys.executable)} -m ripguard inspect nowhere --json {to}"
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 6
    assert json.loads(done.stdout)["error"] == "not-protected"


def test_a_closed_number_is_not_given_to_a_file(tmp_path):  # type: ignore[no-untyped-def]
    """Else a library that writes to number 2 would write into the file that was opened first."""
    script = (
        "import os; from ripguard.errors import keep_streams; keep_streams();"
        f"handle = os.open({str(tmp_path / 'x')!r}, os.O_WRONLY | os.O_CREAT); os.write(2, b'a warning')"
    )
    subprocess.run(["sh", "-c", f"{shlex.quote(sys.executable)} -c {shlex.quote(script)} 2>&-"], check=True)
    assert (tmp_path / "x").read_bytes() == b""
