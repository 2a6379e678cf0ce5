"""The index: what was packed comes back; names that lead out, and other bytes, are refused."""

from __future__ import annotations

import itertools
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ripguard.store.schema import path
from ripguard.vault.index import Files, Table, Unit
from ripguard.vault.places import HEAD, LEAST, runs

NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40).filter(path)
ROWS = st.dictionaries(
    NAMES, st.tuples(*[st.integers(0, 2**32 - 1)] * 2, st.integers(HEAD, 2**40), st.integers(0, 2**60)), max_size=20
)


@given(ROWS)
def test_round_trip(rows):  # type: ignore[no-untyped-def]
    ordered = sorted(rows.items(), key=lambda one: os.fsencode(one[0]))
    found = Files.parse(Files.of([(*about, name) for name, about in ordered]).pack())
    assert list(found.names()) == [name for name, _ in ordered]
    for row, (name, (number, shard, offset, size)) in enumerate(ordered):
        assert (found.number[row], found.shard[row]) == (number, shard)
        assert (found.offset[row], found.size[row]) == (offset, size)
        assert found.find(name) == row
    assert found.find("no such name/at all") is None


@given(ROWS, st.integers(0, 400), st.integers(0, 255))
def test_changed_bytes_give_rows_or_a_refusal(rows, place, value):  # type: ignore[no-untyped-def]
    """Whatever they are: they are authenticated, but their writer may be anybody who has the key."""
    data = bytearray(
        Files.of([(*about, name) for name, about in sorted(rows.items(), key=lambda one: os.fsencode(one[0]))]).pack()
    )
    data[place % len(data)] = value
    try:
        found = Files.parse(bytes(data))
    except ValueError:
        return
    assert all(map(path, found.names()))


@pytest.mark.parametrize("name", ["../out", "/etc/passwd", "a/../../b", "a//b", ".", "a\0b"])
def test_names_that_lead_out(name):  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="leads out"):
        Files.parse(Files.of([(0, 0, HEAD, 0, name)]).pack())


def test_two_files_of_one_name():
    with pytest.raises(ValueError, match="names"):
        Files.parse(Files.of([(0, 0, HEAD, 0, "a"), (1, 0, HEAD, 0, "a")]).pack())


def test_table():
    table = Table("cats", "", 3, 500, [Unit("train", "a/b\udcff", 64, 100, 2), Unit("", "", 164, 30, 1)])
    assert Table.parse(table.pack() + b"   ") == table
    for data in (b"", b"[]", b'{"name":"x"}', table.pack().replace(b"64", b"-4")):
        with pytest.raises(ValueError, match=r"."):
            Table.parse(data)


@given(
    st.integers(0, 9), st.integers(HEAD, 2**40), st.one_of(st.integers(0, 2**64 - 1), st.integers(0, 600_000)),
    st.integers(LEAST, 2**20),
)  # fmt: skip
def test_places_that_pass_are_places(shard, offset, size, capacity):  # type: ignore[no-untyped-def]
    files = Files.of([(0, shard, offset, size, "a")])
    try:
        files.check_places(capacity, 5)
    except ValueError:
        return
    assert shard < 5
    for run in itertools.islice(runs(size, shard, offset, capacity), 20):
        assert run.count > 0
        assert run.first >= 0
        assert HEAD <= run.offset <= run.offset + run.length <= capacity


@pytest.mark.parametrize(("shard", "offset", "size"), [(5, HEAD, 1), (0, LEAST, 1), (0, LEAST - 99, 70_000),
                                                       (0, HEAD, 2**47), (0, 2**64 - 1, 0)])  # fmt: skip
def test_places_that_are_none(shard, offset, size):  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="leads out"):
        Files.of([(0, shard, offset, size, "a")]).check_places(LEAST, 5)
