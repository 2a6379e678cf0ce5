"""Keys of granted units restore these units with every check, and nothing else."""

from __future__ import annotations

import pickle

import pytest
from platforms import Golden
from releases import KEY

from ripguard.crypto.granted import GrantedKeys
from ripguard.crypto.keys import NamesRing, ReleaseProver, release_prover
from ripguard.errors import WrongKey
from ripguard.release.restorer import Restorer

RELEASE = bytes(range(8))


@pytest.fixture
def keys() -> GrantedKeys:
    return GrantedKeys.of(KEY.dataset(RELEASE), [1, 3])


def test_equal_to_those_of_the_owner(keys):  # type: ignore[no-untyped-def]
    whole = KEY.dataset(RELEASE)
    assert isinstance(keys, ReleaseProver)
    assert isinstance(keys, NamesRing)
    assert release_prover(keys, RELEASE) is keys
    assert keys.key_id == whole.key_id
    assert keys.image_keys(RELEASE, 3, 5) == whole.image_keys(RELEASE, 3, 5)
    assert keys.names_key(RELEASE, 1) == whole.names_key(RELEASE, 1)
    assert keys.model == whole.model
    for purpose in (b"release", b"clean"):
        assert keys.proof(purpose, b"data") == whole.proof(purpose, b"data")


def test_others_stay_closed(keys):  # type: ignore[no-untyped-def]
    for call in (
        lambda: keys.image_keys(RELEASE, 2, 0),
        lambda: keys.image_keys(bytes(8), 1, 0),
        lambda: keys.names_key(RELEASE, 0),
        lambda: keys.part(b"private"),
        lambda: keys.proof(b"other", b""),
    ):
        with pytest.raises(WrongKey):
            call()


def test_hold_no_key_of_the_release(keys):  # type: ignore[no-untyped-def]
    travelled = pickle.dumps(keys)
    assert pickle.loads(travelled) == keys
    whole = KEY.dataset(RELEASE)
    assert KEY.secret not in travelled
    assert whole.secret not in travelled
    assert whole.unit(2).secret not in travelled
    assert "secret" not in repr(keys)


def test_restores_granted_units_only():  # type: ignore[no-untyped-def]
    golden = Golden("v2-ranked")
    rows = list(golden.release.rows)
    granted = rows[0]["unit"]
    some = GrantedKeys.of(KEY.dataset(golden.release.dataset_id), [granted])
    batch = [("", (golden.root / row["path"]).read_bytes()) for row in rows]
    results = Restorer(some, golden.release).restore(batch)
    for row, result in zip(rows, results):
        assert (result.error is None) == (row["unit"] == granted)
    assert {type(result.error) for result in results} == {type(None), WrongKey}
