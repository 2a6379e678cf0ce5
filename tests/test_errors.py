"""Refusals of scripts: one sentence, a hint, the code of the refusal; a defect keeps its traceback."""

from __future__ import annotations

import pytest

from ripguard.errors import Damaged, KeyFileError, refusals_told


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (Damaged("a.png was changed", "fetch it again"), 5, "error: a.png was changed\nhint: fetch it again\n"),
        (KeyFileError("no key"), 7, "error: no key\n"),
        (KeyboardInterrupt(), 130, "interrupted; what is recorded stays\n"),
    ],
)
def test_refusals_are_told(error, code, said, capsys):  # type: ignore[no-untyped-def]
    with pytest.raises(SystemExit) as end, refusals_told():
        raise error
    assert end.value.code == code
    assert capsys.readouterr() == ("", said)


def test_a_defect_is_not_hidden():  # type: ignore[no-untyped-def]
    with pytest.raises(ZeroDivisionError), refusals_told():
        raise ZeroDivisionError
