"""The index of one batch: what a worker process gets, and nothing else."""

from __future__ import annotations

import pickle

import pytest
from releases import KEY

from ripguard.errors import Damaged
from ripguard.platform.deposits.indexes import PartialIndex
from ripguard.release.restorer import Restorer


@pytest.fixture
def partial(world):  # type: ignore[no-untyped-def]
    world.grant()
    admission = world.session("user").restoring(world.dataset.id)
    batch = admission.admit(list(world.golden.files())[:2])
    made = admission.index(1)
    admission.fill(made, 1, batch)
    return made


def test_travels_to_another_process(world, partial):  # type: ignore[no-untyped-def]
    there = pickle.loads(pickle.dumps(partial))
    files = list(world.golden.files().values())
    results = Restorer(KEY.dataset(there.dataset_id), there).restore([("", data) for data in files])
    assert [one.error is None for one in results[:3]] == [True, True, False]


def test_has_no_other_image(world, partial):  # type: ignore[no-untyped-def]
    rows = list(world.golden.release.rows)
    files = list(world.golden.files())
    known = {row["path"] for row in rows if bytes.fromhex(row["file"]) in files[:2]}
    for row in rows:
        there = row["path"] in known
        assert (partial.by_path(row["path"]) == row) == there
        assert (partial.numbered(row["index"]) == row) == there
        assert bool(partial.by_digest(row["pixels"])) == there
        assert bool(partial.residue(row["residue"])) == (there and row["residue"] is not None)


def test_the_next_batch_replaces_it(partial):  # type: ignore[no-untyped-def]
    partial.hold([], {})
    assert partial.by_path("anything") is None
    assert len(pickle.dumps(partial)) < 100_000


@pytest.mark.parametrize("line", ["", "{}", "null", '{"path":"/etc/passwd"}'])
def test_rows_that_were_changed(partial, line):  # type: ignore[no-untyped-def]
    with pytest.raises(Damaged, match="cannot be read"):
        partial.hold([line], {})


def test_another_info(world):  # type: ignore[no-untyped-def]
    with pytest.raises(Damaged):
        PartialIndex(b"{}", {}, "photos")
    raw = world.platform.deposits.index(world.dataset.id, 1).raw
    changed = PartialIndex(raw.replace(b'"limited":', b'"limited":true,"was":', 1), {}, "photos")
    with pytest.raises(Damaged, match="changed after publishing"):
        changed.opened_by(KEY)
