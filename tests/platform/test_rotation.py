"""Rotation: complete, continued after a crash at every step, and invisible to those who read and store meanwhile."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import func, select, update

from ripguard.errors import Damaged, KeyFileError
from ripguard.platform import rotation
from ripguard.platform.audit.verifying import export, verify
from ripguard.platform.core import Platform
from ripguard.platform.custody import Place
from ripguard.platform.database.tables import generations, wrapped_keys
from ripguard.platform.rotation import prepare, rotate

KEYS = 5
STEPS = ["file", "generation", "inside a batch", "batch", "inside a batch", "batch", "inside a batch", "batch"]
STEPS += ["retired"]


class Crash(Exception):
    """What stops a rotation."""


def place(number: int) -> Place:
    return Place(f"ds_{number}", 1, "release")


@pytest.fixture
def stored(platform):  # type: ignore[no-untyped-def]
    """A platform with keys, that of the audit log included."""
    with platform.database.write() as connection:
        for number in range(KEYS):
            platform.custody.store(connection, place(number), b"key %d" % number)
    return platform


def all_open(platform: Platform, count: int = KEYS) -> bool:
    for number in range(count):
        with platform.custody.opened(place(number)) as found:
            assert found == b"key %d" % number
    return bool(platform.audit.public)


def generations_in_use(platform: Platform) -> list[int]:
    with platform.database.read() as connection:
        return sorted(connection.execute(select(wrapped_keys.c.generation).distinct()).scalars())


def run(platform: Platform, step=lambda name: None):  # type: ignore[no-untyped-def]
    return rotate(platform.custody, platform.audit, "admin", batch=2, step=step)


def test_rotation(stored, settings, clock):  # type: ignore[no-untyped-def]
    steps = list[str]()
    result = run(stored, steps.append)
    assert steps == STEPS
    assert (result.generation, result.rewrapped, result.retired) == (2, KEYS + 1, [1])
    assert all_open(stored)
    assert generations_in_use(stored) == [2]
    stored.custody.masters.forget(1)
    again = Platform.start(settings, clock)
    assert all_open(again)
    assert run(again).generation == 3
    assert all_open(again)
    assert verify(again.audit).ok
    notes = [json.loads(line)["note"] for line in export(again.database)]
    assert notes == ["generation 2 in use", "retired 1", "generation 3 in use", "retired 2"]
    again.close()


@pytest.mark.parametrize("at", range(len(STEPS)))
def test_a_crash_at_each_step(stored, settings, clock, at):  # type: ignore[no-untyped-def]
    seen = list[str]()

    def step(name: str) -> None:
        seen.append(name)
        if len(seen) == at + 1:
            raise Crash

    with pytest.raises(Crash):
        run(stored, step)
    assert seen == STEPS[: at + 1]
    again = Platform.start(settings, clock)  # another process, after the crash
    assert all_open(again)
    if STEPS[at] != "retired":
        assert run(again).generation == 2
    assert all_open(again)
    assert generations_in_use(again) == [2]
    assert verify(again.audit).ok
    again.close()


def test_readers_and_depositors_meanwhile(stored, settings, clock):  # type: ignore[no-untyped-def]
    """At every step between transactions, another process opens every key and stores a new one."""
    other, count = Platform.start(settings, clock), KEYS

    def step(name: str) -> None:
        nonlocal count
        if name == "inside a batch":
            return
        assert all_open(other, count)
        with other.database.write() as connection:
            other.custody.store(connection, place(count), b"key %d" % count)
        count += 1

    run(stored, step)
    assert all_open(stored, count)
    assert all_open(other, count)
    assert generations_in_use(stored) == [2]
    other.close()


def test_a_key_stored_under_the_old_generation_at_the_last_moment(stored, monkeypatch):  # type: ignore[no-untyped-def]
    """A transaction that began before the new generation commits after the last batch: its key is moved, too."""
    custody, move, calls = stored.custody, rotation._rewrap, list[int]()

    def then_another(*about):  # type: ignore[no-untyped-def]
        moved = move(*about)
        if not calls:
            wrapped = custody.masters.get(1).wrap(place(KEYS).bound, b"key %d" % KEYS)
            with stored.database.write() as connection:
                row = {"id": "late", "dataset": f"ds_{KEYS}", "version": 1, "purpose": "release"}
                connection.execute(wrapped_keys.insert().values(**row, generation=1, wrapped=wrapped))
        calls.append(moved)
        return moved

    monkeypatch.setattr(rotation, "_rewrap", then_another)
    assert run(stored).rewrapped == KEYS + 2
    assert calls == [KEYS + 1, 1]
    assert all_open(stored, KEYS + 1)
    assert generations_in_use(stored) == [2]


def test_a_removed_file_between_reading_the_row_and_the_key(stored, monkeypatch):  # type: ignore[no-untyped-def]
    """A reader that has the old row when rotation ends, and the old file goes, reads the row again."""
    get, missed = stored.custody.masters.get, list[int]()

    def late(generation: int):  # type: ignore[no-untyped-def]
        if not missed:
            missed.append(generation)
            monkeypatch.setattr(stored.custody.masters, "get", get)
            run(stored)
            stored.custody.masters.forget(1)
        return get(generation)

    monkeypatch.setattr(stored.custody.masters, "get", late)
    assert all_open(stored)
    assert missed == [1]


def test_a_moved_row_stops_it(stored):  # type: ignore[no-untyped-def]
    with stored.database.write() as connection:
        one = select(wrapped_keys.c.wrapped).where(wrapped_keys.c.dataset == "ds_1").scalar_subquery()
        connection.execute(update(wrapped_keys).where(wrapped_keys.c.dataset == "ds_0").values(wrapped=one))
    with pytest.raises(Damaged, match="changed, or moved"):
        run(stored)
    with stored.database.read() as connection:
        retired = select(func.count()).select_from(generations).where(generations.c.retired_at.is_not(None))
        assert connection.execute(retired).scalar_one() == 0


def test_a_host_with_a_file_of_its_own(stored):  # type: ignore[no-untyped-def]
    """Two hosts that rotate at once make two files of one generation; the wrong one wraps nothing."""

    def step(name: str) -> None:
        if name == "generation":
            raise Crash

    with pytest.raises(Crash):
        run(stored, step)
    masters = stored.custody.masters
    masters.place(2).rename(masters.file.with_name("kept"))
    masters._read.clear()
    masters.make(2)
    with pytest.raises(KeyFileError, match="is not the one of the database"):
        run(stored)
    assert generations_in_use(stored) == [1]
    masters.file.with_name("kept").replace(masters.place(2))
    masters._read.clear()
    assert run(stored).generation == 2
    assert all_open(stored)


def test_prepared_for_other_hosts(stored):  # type: ignore[no-untyped-def]
    assert prepare(stored.custody) == 2
    file = stored.custody.masters.place(2)
    kept = file.read_bytes()
    assert all_open(stored)
    assert run(stored).generation == 2
    assert file.read_bytes() == kept


def test_a_host_without_the_new_file(stored):  # type: ignore[no-untyped-def]
    """Its keys stay closed, with a sentence, until the file is there."""
    run(stored)
    stored.custody.masters.place(2).rename(stored.custody.masters.file.with_name("elsewhere"))
    stored.custody.masters._read.clear()
    with pytest.raises(KeyFileError, match=r"master\.key\.2"):
        all_open(stored)
