"""Identifiers and texts that callers choose."""

from __future__ import annotations

import pytest

from ripguard.errors import UsageError
from ripguard.platform.values import checked_label, checked_text, new_id


def test_identifiers_are_random():
    assert len({new_id("ds") for _ in range(100)}) == 100


@pytest.mark.parametrize("value", ["a", "two\nlines\tand é", "日本", "x" * 4000])
def test_texts(value):  # type: ignore[no-untyped-def]
    assert checked_text(value, "text") == value


@pytest.mark.parametrize("value", ["", "  ", "\x00", "\x1b[2J", "a\u202eb", "\ud800", "x" * 4001, None, 5, b"a"])
def test_refused_texts(value):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError):
        checked_text(value, "text")


def test_labels():
    assert checked_label("", "label") == ""
    for value in ("\0", "a\u202eb", "x" * 4001, None):
        with pytest.raises(UsageError):
            checked_label(value, "label")
