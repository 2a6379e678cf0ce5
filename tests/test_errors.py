"""Refusals of scripts: one sentence, a hint, the code of the refusal; a defect keeps its traceback."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys

import pytest

from ripguard.errors import Damaged, KeyFileError, refusals_told


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Damaged("a.png was changed", "fetch it again"), 5, "error: a.png was changed\nhint: fetch it again\n"),
        (KeyFileError("no key"), 7, "error: no key\n"),
        (OSError(28, "No space left on device"), 9, "error: No space left on device\n"),
        (PermissionError(13, "Permission denied", "/x"), 9, "error: Permission denied: /x\n"),
        (KeyboardInterrupt(), 130, "interrupted; what is recorded stays\n"),
    ],
)
def test_refusals_are_told(error, code, said, capsys):  # type: ignore[no-untyped-def]
    with pytest.raises(SystemExit) as end, refusals_told():
        raise error
    assert end.value.code == code
    assert capsys.readouterr() == ("", said)


@pytest.mark.parametrize("error", [ZeroDivisionError(), OSError("not of the system")])
def test_a_defect_is_not_hidden(error):  # type: ignore[no-untyped-def]
    with pytest.raises(type(error)), refusals_told():
        raise error


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("import sys; from ripguard.cli import main; sys.exit(main(['data', 'list']))", 141, b""),
        ("import sys; from ripguard.cli import main; sys.exit(main(['data', 'list', '--json']))", 141, b""),
        ("from ripguard.errors import refusals_told\nwith refusals_told(): print('a' * 100_000)", 141, b""),
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
    with pytest.raises(BrokenPipeError), refusals_told():
        raise BrokenPipeError(32, "Broken pipe")


def test_output_may_be_closed_or_full():  # type: ignore[no-untyped-def]
    command = f"{shlex.quote(sys.executable)} -m ripguard data list"
    for to, code, said in ((">&-", 0, ""), ("> /dev/full", 9, "ripguard: error: No space left on device\n")):
        done = subprocess.run(["sh", "-c", f"{command} {to}"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (code, said)
