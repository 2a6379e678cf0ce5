"""Deposits: checked before anything is recorded, idempotent, versioned, found by digest."""

from __future__ import annotations

import threading

import pytest
from platforms import Golden
from releases import KEY, OTHER
from sqlalchemy import func, select

from ripguard.errors import Damaged, InputRefused, NotProtected, UsageError, WrongKey
from ripguard.platform.clock import DAY
from ripguard.platform.database.tables import images, versions, wrapped_keys
from ripguard.platform.deposits import deposits as module
from ripguard.platform.deposits.lookup import find
from ripguard.platform.errors import Absent


@pytest.fixture
def empty(world):  # type: ignore[no-untyped-def]
    """A dataset without versions."""
    return world.platform.datasets.create(world.accounts["owner"].id, "empty")


def deposit(world, dataset, golden=None, container=None, secret=None):  # type: ignore[no-untyped-def]
    golden = golden or world.golden
    return world.platform.deposits.deposit(
        dataset.id,
        golden.container() if container is None else container,
        secret or golden.secret,
        dataset.owner,
    )


def nothing_recorded(world) -> bool:  # type: ignore[no-untyped-def]
    with world.platform.database.read() as connection:
        counts = [
            connection.execute(select(func.count()).select_from(table)).scalar_one() for table in (versions, images)
        ]
        keys = select(func.count()).select_from(wrapped_keys).where(wrapped_keys.c.dataset != "")
        counts.append(connection.execute(keys).scalar_one())
    return counts == [0, 0, 0] and list(world.platform.deposits.blobs.names()) == []


def test_deposit_twice_and_versions(world, empty):  # type: ignore[no-untyped-def]
    first = deposit(world, empty)
    assert (first.version, first.images, first.new) == (1, len(world.golden.release.rows), True)
    again = deposit(world, empty)
    assert (again.version, again.new) == (1, False)
    second = deposit(world, empty, Golden("v2-seal"))
    assert (second.version, second.new) == (2, True)
    assert world.platform.datasets.get(empty.id).versions == 2
    assert len(list(world.platform.deposits.blobs.names())) == 2


def test_the_same_release_at_the_same_time(world, empty):  # type: ignore[no-untyped-def]
    made = list[bool]()
    threads = [threading.Thread(target=lambda: made.append(deposit(world, empty).new)) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(made) == [False, False, True]
    assert world.platform.deposits.index(empty.id, 1).info


@pytest.mark.parametrize("secret", [KEY.secret, bytes(32), OTHER.dataset(bytes(8)).secret])
def test_a_key_that_does_not_open_it(world, empty, secret):  # type: ignore[no-untyped-def]
    """The owner's key itself is none: only the subkey of the release is wanted."""
    with pytest.raises(WrongKey):
        deposit(world, empty, secret=secret)
    assert nothing_recorded(world)


def test_no_key(world, empty):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="expected 32 bytes"):
        deposit(world, empty, secret=b"short")


@pytest.mark.parametrize("kind", ["junk", "nothing", "cut", "longer", "flipped", "another's manifest"])
def test_no_release(world, empty, kind):  # type: ignore[no-untyped-def]
    data = b"".join(world.golden.container())
    changed = {
        "junk": b"\x89PNG and nothing else",
        "nothing": b"",
        "cut": data[:-1],
        "longer": data + b"x",
        "flipped": data[:-7] + bytes([data[-7] ^ 1]) + data[-6:],
        "another's manifest": data.replace(b'"unit":0', b'"unit":1', 1),
    }[kind]
    with pytest.raises((Damaged, NotProtected)):
        deposit(world, empty, container=[changed])
    assert nothing_recorded(world)


def test_all_changed_parts_are_listed(world, empty):  # type: ignore[no-untyped-def]
    index = world.golden.release
    data = bytearray(b"".join(world.golden.container()))
    sections = index.files.known
    residue = [name for name in sections if name.startswith("residue/") and sections[name].length]
    parts = [residue[0], "private"]
    for name in parts:
        data[sections[name].start] ^= 1
    with pytest.raises(Damaged) as refused:
        deposit(world, empty, container=[bytes(data)])
    assert all(name in refused.value.message for name in parts)
    assert nothing_recorded(world)


def test_too_large(world, empty, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(module, "MOST_BYTES", 100)
    with pytest.raises(InputRefused, match="more than 100 bytes"):
        deposit(world, empty)
    assert nothing_recorded(world)
    assert [one for one in world.platform.settings.blobs.rglob("*") if one.is_file()] == []


def test_a_sender_who_stops(world, empty):  # type: ignore[no-untyped-def]
    def pieces():  # type: ignore[no-untyped-def]
        yield b"ripguard/v2\n"
        raise EOFError

    with pytest.raises(EOFError):
        deposit(world, empty, container=pieces())
    assert nothing_recorded(world)
    assert [one for one in world.platform.settings.blobs.rglob("*") if one.is_file()] == []


def test_nowhere(world, empty):  # type: ignore[no-untyped-def]
    with pytest.raises(Absent):
        world.platform.deposits.deposit("ds_none", world.golden.container(), world.golden.secret, "pr_1")
    world.platform.datasets.close(empty.id, empty.owner)
    with pytest.raises(Absent):
        deposit(world, empty)
    assert nothing_recorded(world)


def test_an_error_at_the_end_leaves_nothing(world, empty, monkeypatch):  # type: ignore[no-untyped-def]
    def failing(*_):  # type: ignore[no-untyped-def]
        raise ZeroDivisionError

    monkeypatch.setattr(world.platform.custody, "store", failing)
    with pytest.raises(ZeroDivisionError):
        deposit(world, empty)
    assert nothing_recorded(world)


def test_found_by_file_and_samples(world):  # type: ignore[no-untyped-def]
    rows = list(world.golden.release.rows)
    with world.platform.database.read() as connection:
        for row in rows:
            file, samples = bytes.fromhex(row["file"]), bytes.fromhex(row["pixels"])
            for about in ({"files": [file]}, {"samples": [samples]}, {"files": [file], "samples": [samples]}):
                found = find(connection, world.dataset.id, **about)
                assert {one.samples for one in found.values()} == {samples}
                assert all(row["unit"] in one.units for one in found.values())
        assert find(connection, world.dataset.id, [bytes(32)]) == {}
        assert find(connection, world.dataset.id) == {}
        assert find(connection, "ds_other", [bytes.fromhex(rows[0]["file"])]) == {}


def test_lost_containers_are_swept(world):  # type: ignore[no-untyped-def]
    deposits = world.platform.deposits
    assert world.dataset.versions == 1
    with deposits.blobs.incoming([b"of a deposit that was killed before its commit"], 1000) as incoming:
        deposits.blobs.publish(incoming)
    lost = deposits.blobs.path(incoming.digest)
    half = incoming.path.with_name("half")
    half.write_bytes(b"of one that was killed before")
    world.clock.now = 1_000_000_000  # files are newer than the clock says
    assert deposits.sweep() == 0
    world.clock.now = int(lost.stat().st_mtime) + 2 * DAY
    assert deposits.sweep() == 2
    assert not lost.exists()
    assert not half.exists()
    assert deposits.index(world.dataset.id, 1).info


def test_a_wrong_key_takes_no_container_from_others(world, empty):  # type: ignore[no-untyped-def]
    """Somebody deposits the public metadata of another's release, with a key of their own, again and again."""
    taken = world.platform.datasets.create(world.accounts["other"].id, "taken")

    def pieces():  # type: ignore[no-untyped-def]
        yield from world.golden.container()
        with pytest.raises(WrongKey):  # while this one arrives
            deposit(world, taken, secret=bytes(32))

    assert deposit(world, empty, container=pieces()).new
    with pytest.raises(WrongKey):
        deposit(world, taken, secret=bytes(32))
    assert world.platform.deposits.index(empty.id, 1).info
