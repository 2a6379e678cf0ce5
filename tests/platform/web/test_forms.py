"""Fields of forms."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import FormData

from ripguard.errors import UsageError
from ripguard.platform.access.grants import Terms
from ripguard.platform.web.forms import Form


def form(**fields: str) -> Form:
    return Form(FormData(fields))


@given(st.dates(date(1970, 1, 2), date(2999, 12, 31)))
def test_a_day_ends_at_its_end(day):  # type: ignore[no-untyped-def]
    end = form(ends=day.isoformat()).day("ends")
    assert datetime.fromtimestamp(end - 1, UTC).date() == day
    assert datetime.fromtimestamp(end, UTC).date() > day


@pytest.mark.parametrize("text", ["", "tomorrow", "2031-02-30", "31.12.2031"])
def test_no_day(text):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="ends: expected a day"):
        form(ends=text).day("ends")


@given(st.integers(1, 10**12 - 1))
def test_counts(number):  # type: ignore[no-untyped-def]
    assert form(images=f" {number} ").count("images") == number


@pytest.mark.parametrize("text", ["0", "-1", "1.5", "two", "٣", "9" * 13])
def test_no_count(text):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="images: expected a number"):
        form(images=text).count("images")


def test_empty_means_everything():
    terms = form(ends="2031-01-01", split="", label="", images="").terms()
    assert terms == Terms(ends_at=1_925_078_400, split=None, label=None, images=None, delivery="pixels")


def test_line_ends():
    assert form(text=" a\r\nb ").text("text") == "a\nb"
    assert form().text("text") == ""


def test_control_characters():
    with pytest.raises(UsageError, match="control characters"):
        form(account="a\0b")
