"""Wrapped keys cannot be moved, changed, or opened with another master key."""

from __future__ import annotations

import itertools

import pytest
from sqlalchemy import select, update

from ripguard.crypto.backend import Forged
from ripguard.errors import Damaged, KeyFileError
from ripguard.platform.custody import RELEASE_KEYS, Custody, Place
from ripguard.platform.database.tables import generations, wrapped_keys
from ripguard.platform.errors import Absent
from ripguard.platform.master import MasterFiles

PLACES = [Place("ds_1", 1, "release"), Place("ds_1", 2, "release"), Place("ds_2", 1, "release"), Place("", 0, "audit")]


def secret(place: Place) -> bytes:
    return repr(place).encode()


@pytest.fixture
def custody(database, tmp_path):  # type: ignore[no-untyped-def]
    made = Custody(database, MasterFiles(tmp_path / "master.key"))
    made.start()
    with database.write() as connection:
        for place in PLACES:
            made.store(connection, place, secret(place))
    return made


def opened(custody: Custody, place: Place) -> bytes:
    with custody.opened(place) as found:
        return found


def row(connection, place):  # type: ignore[no-untyped-def]
    own = (wrapped_keys.c.dataset == place.dataset, wrapped_keys.c.version == place.version)
    return connection.execute(select(wrapped_keys).where(*own)).one()


def test_each_opens_at_its_place(custody):  # type: ignore[no-untyped-def]
    assert [opened(custody, place) for place in PLACES] == list(map(secret, PLACES))
    with pytest.raises(Absent):
        opened(custody, Place("ds_1", 3, "release"))


def test_no_secret_in_the_database(custody):  # type: ignore[no-untyped-def]
    with custody.database.read() as connection:
        for one in connection.execute(select(wrapped_keys)):
            assert not any(secret(place) in one.wrapped for place in PLACES)
        (made,) = connection.execute(select(generations)).all()
    assert custody.masters.get(1).secret not in made.check_value


def test_swapped_rows_are_refused(custody):  # type: ignore[no-untyped-def]
    """All pairs: another dataset, another version, another purpose."""
    for one, other in itertools.combinations(PLACES, 2):
        with custody.database.write() as connection:
            first, second = row(connection, one), row(connection, other)
            for target, wrapped in ((first, second.wrapped), (second, first.wrapped)):
                connection.execute(update(wrapped_keys).where(wrapped_keys.c.id == target.id).values(wrapped=wrapped))
        for place in (one, other):
            with pytest.raises(Damaged, match="changed, or moved"):
                opened(custody, place)
        with custody.database.write() as connection:
            for target in (first, second):
                connection.execute(
                    update(wrapped_keys).where(wrapped_keys.c.id == target.id).values(wrapped=target.wrapped)
                )


def test_every_flipped_byte_is_refused(custody):  # type: ignore[no-untyped-def]
    with custody.database.read() as connection:
        found = row(connection, PLACES[0])
    key = custody.masters.get(1)
    for at in range(len(found.wrapped)):
        changed = bytearray(found.wrapped)
        changed[at] ^= 1
        with pytest.raises(Forged):
            key.unwrap(PLACES[0].bound, bytes(changed))


def test_another_master_key(custody, database, tmp_path):  # type: ignore[no-untyped-def]
    other = Custody(database, MasterFiles(tmp_path / "other.key"))
    other.masters.make(1)
    with pytest.raises(KeyFileError, match="is not the one of the database"):
        other.start()
    with pytest.raises(Damaged):
        opened(other, PLACES[0])
    with pytest.raises(KeyFileError), database.write() as connection:
        other.store(connection, Place("ds_9", 1, "release"), b"key")


def test_keys_of_a_release(world):  # type: ignore[no-untyped-def]
    with world.platform.custody.release_keys(world.dataset.id, 1) as keys:
        assert keys.secret == world.golden.secret
        assert keys.dataset_id == world.golden.release.dataset_id
    with pytest.raises(Absent), world.platform.custody.release_keys(world.dataset.id, 2):
        pass
    assert Place(world.dataset.id, 1, RELEASE_KEYS).bound != Place(world.dataset.id, 1, "audit").bound
