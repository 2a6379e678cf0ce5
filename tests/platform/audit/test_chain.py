"""The chain of records, without a database: every edit, removal, insertion and exchange breaks it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.errors import UsageError
from ripguard.platform.audit.chain import MOST_IMAGES, START, Broken, Head, Record, following, line_of

TEXT = st.text(max_size=20)
RECORDS = st.builds(
    Record, TEXT, TEXT, result=TEXT, dataset=TEXT, version=st.integers(0, 9), count=st.integers(0, 99), note=TEXT
)


def chain(records: list[Record]) -> list[str]:
    head, lines = Head(), []
    for time, record in enumerate(records):
        line, head = line_of(record, head, time)
        lines.append(line)
    return lines


def follows(lines: list[str]) -> bool:
    head = Head()
    try:
        for line in lines:
            _, head = following(line, head)
    except Broken:
        return False
    return True


LINES = chain([Record("restore", f"pr_{number}", count=number) for number in range(6)])


@given(st.lists(RECORDS, min_size=1, max_size=5))
def test_what_is_written_is_read(records):  # type: ignore[no-untyped-def]
    lines, head = chain(records), Head()
    for number, line in enumerate(lines):
        about, head = following(line, head)
        assert about["note"] == records[number].note
        assert line.isascii()
        assert "\n" not in line
    assert head.seq == len(records)


def test_the_first_record():
    about = json.loads(LINES[0])
    assert (about["seq"], about["prev_hash"]) == (1, START)


@pytest.mark.parametrize("field", sorted(json.loads(LINES[2])))
def test_every_edited_field(field):  # type: ignore[no-untyped-def]
    about = json.loads(LINES[2])
    value = about[field]
    about[field] = value + 1 if isinstance(value, int) else [*value, "00"] if isinstance(value, list) else value + "0"
    edited = json.dumps(about, sort_keys=True, separators=(",", ":"))
    assert not follows([*LINES[:2], edited, *LINES[3:]])


def test_an_edited_record_with_a_new_hash():
    """The next record does not follow it."""
    line, _ = line_of(Record("restore", "pr_other"), Head(2, json.loads(LINES[1])["hash"]), 2)
    assert follows([*LINES[:2], line])
    assert not follows([*LINES[:2], line, *LINES[3:]])


@given(st.permutations(LINES))
def test_only_one_order(lines):  # type: ignore[no-untyped-def]
    assert follows(lines) == (lines == LINES)


@pytest.mark.parametrize("number", range(len(LINES) - 1))
def test_a_removed_and_a_doubled_record(number):  # type: ignore[no-untyped-def]
    assert not follows(LINES[:number] + LINES[number + 1 :])
    assert not follows(LINES[: number + 1] + LINES[number:])


@given(st.integers(0, len(LINES[2]) - 1), st.integers(1, 127))
def test_every_changed_byte(at, mask):  # type: ignore[no-untyped-def]
    data = bytearray(LINES[2].encode())
    data[at] ^= mask
    assert not follows([*LINES[:2], data.decode("latin-1")])


@pytest.mark.parametrize("line", ["", "null", "[]", "{}", '{"seq":1}', "[" * 9999, LINES[0] + " ", "\ud800"])
def test_other_lines(line):  # type: ignore[no-untyped-def]
    assert not follows([line])


def test_images_of_one_record_are_few():
    Record("restore", "pr", count=MOST_IMAGES, digests=["00"] * MOST_IMAGES)
    with pytest.raises(UsageError):
        Record("restore", "pr", count=MOST_IMAGES + 1, digests=["00"] * (MOST_IMAGES + 1))
    with pytest.raises(UsageError):
        Record("restore", "pr", count=2, digests=["00"])
