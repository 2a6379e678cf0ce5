"""Images are admitted, counted and recorded before they are restored; revocation is seen before the next image."""

from __future__ import annotations

import json

import pytest
from platforms import Golden
from sqlalchemy import event

from ripguard.errors import UsageError, WrongKey
from ripguard.platform.access.grants import Terms
from ripguard.platform.audit.verifying import export
from ripguard.platform.callers import Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.errors import Absent, LimitReached, SignInFailed
from ripguard.release.restorer import Restorer


def records(world, action="restore"):  # type: ignore[no-untyped-def]
    lines = map(json.loads, export(world.platform.database))
    return [(one["result"], one["count"], one["digests"]) for one in lines if one["action"] == action]


def found(batch):  # type: ignore[no-untyped-def]
    return [one.found is not None for one in batch]


@pytest.fixture
def admission(world):  # type: ignore[no-untyped-def]
    world.grant()
    return world.session("user").restoring(world.dataset.id)


def test_recorded_by_the_digests_of_samples(world, admission):  # type: ignore[no-untyped-def]
    files = list(world.golden.files())
    batch = admission.admit(files[:2])
    assert found(batch) == [True, True]
    assert records(world) == [("allowed", 2, [one.found.samples.hex() for one in batch])]


def test_by_samples(world, admission):  # type: ignore[no-untyped-def]
    """A file that was written again is found by what it shows."""
    rows = list(world.golden.release.rows)
    batch = admission.admit(samples=[bytes.fromhex(row["pixels"]) for row in rows])
    assert found(batch) == [True] * len(rows)


def test_others_are_refused_and_recorded(world, admission):  # type: ignore[no-untyped-def]
    files = list(world.golden.files())
    batch = admission.admit([bytes(32), files[0], bytes([1] * 32)])
    assert found(batch) == [False, True, False]
    assert [(result, count) for result, count, _ in records(world)] == [("allowed", 1), ("refused", 2)]
    assert records(world)[1][2] == [bytes(32).hex(), bytes([1] * 32).hex()]


def test_more_than_a_record_holds(world, admission):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError, match="at most 64"):
        admission.admit([bytes([one] * 32) for one in range(65)])
    assert records(world) == []
    assert admission.admit([]) == []


def test_only_the_granted_class(world):  # type: ignore[no-untyped-def]
    """Refused by the decision, and closed by the keys even if the decision were wrong."""
    units = world.golden.release.info["units"]
    split, label = units[0]["split"], units[0]["label"]
    world.grant(split=split, label=label)
    admission = world.session("user").restoring(world.dataset.id)
    mine = world.golden.files(split, label)
    others = {one: data for one, data in world.golden.files().items() if one not in mine}
    assert mine and others  # noqa: PT018
    assert found(admission.admit([*mine, *others])) == [True] * len(mine) + [False] * len(others)
    assert admission.units(1) == {0}
    with admission.keys(1) as keys:
        results = Restorer(keys, world.golden.release).restore([("", data) for data in others.values()])
    assert all(isinstance(one.error, WrongKey) for one in results)


def test_a_token_for_one_class(world):  # type: ignore[no-untyped-def]
    units = world.golden.release.info["units"]
    split, label = units[1]["split"], units[1]["label"]
    world.grant()
    wanted = Wanted(dataset=world.dataset.id, split=split, label=label)
    caller = world.platform.tokens.authenticate(world.session("user").issue_token(wanted).text)
    admission = world.platform.admission(caller, world.dataset.id)
    mine, files = world.golden.files(split, label), world.golden.files()
    assert found(admission.admit(list(files))) == [one in mine for one in files]
    assert admission.units(1) == {1}


def revoke_token(world, grant):  # type: ignore[no-untyped-def]
    world.platform.tokens.revoke(world.callers["user"].accessor, "pr_1")


def revoke_grant(world, grant):  # type: ignore[no-untyped-def]
    world.platform.grants.revoke(grant, "pr_1")


def disable(world, grant):  # type: ignore[no-untyped-def]
    world.platform.principals.disable(world.accounts["user"].id, "pr_1")


def close(world, grant):  # type: ignore[no-untyped-def]
    world.platform.datasets.close(world.dataset.id, "pr_1")


def end(world, grant):  # type: ignore[no-untyped-def]
    world.clock.now += DAY


@pytest.mark.parametrize("ends", [revoke_token, revoke_grant, disable, close, end])
def test_seen_before_the_next_image(world, ends):  # type: ignore[no-untyped-def]
    grant = world.grant()
    admission = world.session("user").restoring(world.dataset.id)
    files = list(world.golden.files())
    admission.admit(files[:2])
    admission.check()
    ends(world, grant)
    for call in (admission.check, admission.check, lambda: admission.admit(files[2:3])):
        with pytest.raises((Absent, SignInFailed)):
            call()
    assert len(records(world)) == 1
    with pytest.raises((Absent, SignInFailed)):
        world.platform.admission(world.callers["user"], world.dataset.id)


def test_revocations_of_others_change_nothing(world, admission):  # type: ignore[no-untyped-def]
    admission.admit(list(world.golden.files())[:1])
    world.platform.grants.revoke(world.grant("stranger"), "pr_1")
    world.platform.tokens.revoke(world.callers["other"].accessor, "pr_1")
    admission.check()
    assert found(admission.admit(list(world.golden.files())[:1])) == [True]


def test_another_grant_does_not_save_a_running_batch(world):  # type: ignore[no-untyped-def]
    """The batch runs under the grant that it was counted for; the next one may use another."""
    first = world.grant(ends_at=world.clock.now + 10)
    world.grant()
    admission = world.session("user").restoring(world.dataset.id)
    files = list(world.golden.files())
    admission.admit(files[:1])
    revoke_grant(world, first)
    with pytest.raises(Absent):
        admission.check()
    assert found(admission.admit(files[:1])) == [True]
    admission.check()


def test_a_check_is_one_query(world, admission):  # type: ignore[no-untyped-def]
    admission.admit(list(world.golden.files())[:1])
    made = list[str]()
    event.listen(
        world.platform.database.engine, "before_cursor_execute", lambda c, r, statement, *_: made.append(statement)
    )
    admission.check()
    assert len([one for one in made if one.startswith("SELECT")]) == 1


def test_a_used_up_grant_finishes_its_batch(world):  # type: ignore[no-untyped-def]
    world.grant(images=2)
    admission = world.session("user").restoring(world.dataset.id)
    files = list(world.golden.files())
    batch = admission.admit(files[:3])
    assert [(one.found is not None, one.limited) for one in batch] == [(True, False), (True, False), (False, True)]
    admission.check()
    with pytest.raises(Absent):
        admission.admit(files[:1])


def test_batches_without_an_image_slow_down(world, admission):  # type: ignore[no-untyped-def]
    """Who tries digests waits longer and longer; another token of the account does not."""
    for one in range(world.platform.settings.limits.failures + 1):
        admission.admit([bytes([one] * 32)])
    with pytest.raises(LimitReached) as refused:
        admission.admit(list(world.golden.files())[:1])
    assert refused.value.retry_after > 0
    world.clock.now += refused.value.retry_after
    assert found(admission.admit(list(world.golden.files())[:1])) == [True]


def test_the_owner_needs_no_grant(world):  # type: ignore[no-untyped-def]
    admission = world.session("owner").restoring(world.dataset.id)
    assert all(found(admission.admit(list(world.golden.files()))))
    admission.check()


def test_the_newest_version_counts(world):  # type: ignore[no-untyped-def]
    other = Golden("v2-seal")
    world.platform.deposits.deposit(world.dataset.id, other.container(), other.secret, world.dataset.owner)
    world.grant()
    admission = world.session("user").restoring(world.dataset.id)
    batch = admission.admit([*list(world.golden.files())[:1], *list(other.files())[:1]])
    assert [one.found.version for one in batch] == [1, 2]
    for version, golden in ((1, world.golden), (2, other)):
        index = admission.index(version)
        admission.fill(index, version, batch)
        with admission.keys(version) as keys:
            (result,) = Restorer(keys, index).restore([("", next(iter(golden.files().values())))])
        assert result.error is None


def test_unit_keys(world):  # type: ignore[no-untyped-def]
    """Delivered for the granted units, recorded before; they restore offline."""
    units = world.golden.release.info["units"]
    world.grant()
    with pytest.raises(Absent):
        world.session("user").unit_keys(world.dataset.id, 1)
    world.grant(split=units[0]["split"], label=units[0]["label"], delivery="keys")
    version, ring = world.session("user").unit_keys(world.dataset.id)
    assert (version, list(ring.units)) == (1, [0])
    assert records(world, "deliver keys") == [("allowed", 0, [])]
    mine = world.golden.files(units[0]["split"], units[0]["label"])
    results = Restorer(ring, world.golden.release).restore([("", data) for data in mine.values()])
    assert [one.error for one in results] == [None] * len(mine)
    with pytest.raises(Absent):
        world.session("user").unit_keys(world.dataset.id, 2)


def test_unit_keys_do_not_pass_a_limit_of_images(world):  # type: ignore[no-untyped-def]
    world.platform.grants.create(
        world.dataset.id,
        world.accounts["user"].id,
        Terms(ends_at=world.clock.now + DAY, delivery="keys"),
        world.dataset.owner,
    )
    few = world.session("user").issue_token(Wanted(images=5))
    with pytest.raises(LimitReached):
        world.platform.session(few.text).unit_keys(world.dataset.id, 1)
