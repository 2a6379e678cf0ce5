"""Jobs end with the right results, once, whatever interrupts them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import threading
from collections.abc import Iterator

import pytest
from uploads import tar_of

from ripguard.errors import Damaged
from ripguard.platform.audit.verifying import export
from ripguard.platform.callers import Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.errors import Absent, Conflict, LimitReached
from ripguard.platform.restoring.limits import UploadLimits
from ripguard.platform.restoring.reasons import Restored, UploadRefused
from ripguard.platform.roles import Scope
from ripguard.platform.service.jobs import Jobs
from ripguard.platform.service.leases import LEASE
from ripguard.platform.service.parts import JobFiles
from ripguard.platform.service.pools import Pools
from ripguard.platform.service.results import results
from ripguard.platform.service.runner import Runner
from ripguard.platform.service.sweeping import sweep


@pytest.fixture
def runner(world) -> Iterator[Runner]:  # type: ignore[no-untyped-def]
    pools = Pools()
    yield Runner(world.platform, pools, UploadLimits(), threading.Event())
    pools.close()


def create(world, runner, name: str = "user", key: str = "k", times: int = 16):  # type: ignore[no-untyped-def]
    files = list(world.golden.files().values())
    body = tar_of((f"{again}/{number}.png", data) for again in range(times) for number, data in enumerate(files))
    digest = hashlib.sha256(body).hexdigest()
    return runner.jobs.create(world.callers[name], world.dataset.id, key, io.BytesIO(body), digest)


def recorded(world) -> int:  # type: ignore[no-untyped-def]
    lines = map(json.loads, export(world.platform.database))
    return sum(one["count"] for one in lines if (one["action"], one["result"]) == ("restore", "allowed"))


def test_create_run_result(world, runner):  # type: ignore[no-untyped-def]
    world.grant(images=96)
    job, new = create(world, runner)
    assert (new, job.state) == (True, "queued")
    again, new = create(world, runner)
    assert (new, again.id) == (False, job.id)
    with pytest.raises(Conflict):
        create(world, runner, times=2)
    with pytest.raises(Conflict):
        results(world.platform, runner.jobs, world.callers["user"], job.id)
    runner.run(job.id)
    done = runner.jobs.get(world.callers["user"], job.id)
    count = 16 * len(world.golden.files())
    assert (done.state, done.images, done.error) == ("done", count, "")
    found = list(results(world.platform, runner.jobs, world.callers["user"], job.id))
    assert recorded(world) == count == 96  # the grant is used up, and what was restored under it can be taken
    assert all(isinstance(one, Restored) for one in found)
    for name in ("owner", "stranger", "admin"):
        with pytest.raises(Absent):
            runner.jobs.get(world.callers[name], job.id)
    assert not any(b"PNG" in one.read_bytes() for one in runner.jobs.upload(job.id).parent.glob("part*"))


def test_interrupted_and_continued(world, runner, monkeypatch):  # type: ignore[no-untyped-def]
    """The server dies after a part: only images without a result are restored again, and all are recorded."""
    world.grant()
    job, _ = create(world, runner, times=30)
    parts = []

    def dying(*arguments: object) -> bool:
        parts.append(arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runner.jobs, "count", dying)
        with pytest.raises(KeyboardInterrupt):
            runner.run(job.id)
    with runner.jobs.files(job.id) as files:
        assert files.done == 64
    before = recorded(world)
    assert runner.jobs.waiting() == [job.id]
    runner.run(job.id)
    total = 30 * len(world.golden.files())
    found = list(results(world.platform, runner.jobs, world.callers["user"], job.id))
    assert len(found) == len({one.name for one in found}) == total
    assert recorded(world) == before + total - 64


def test_revoked(world, runner):  # type: ignore[no-untyped-def]
    """A job without a right fails; what it restored cannot be taken any more; it can go on under another grant."""
    grant = world.grant()
    job, _ = create(world, runner)
    runner.run(job.id)
    world.platform.grants.revoke(grant, world.dataset.owner)
    with pytest.raises(UploadRefused, match="the right to restore ended"):
        list(results(world.platform, runner.jobs, world.callers["user"], job.id))
    second = world.grant()
    other, _ = create(world, runner, key="other")
    world.platform.grants.revoke(second, world.dataset.owner)
    runner.run(other.id)
    assert runner.jobs.find(other.id).error == "the right to restore ended"
    with pytest.raises(Absent):
        runner.jobs.resume(world.callers["user"], other.id)
    world.grant()
    runner.jobs.resume(world.callers["user"], other.id)
    runner.run(other.id)
    assert runner.jobs.find(other.id).state == "done"


def test_cancelled_and_old_jobs_lose_their_files(world, runner):  # type: ignore[no-untyped-def]
    world.grant()
    job, _ = create(world, runner)
    assert runner.jobs.cancel(world.callers["user"], job.id).state == "cancelled"
    assert not runner.jobs.upload(job.id).exists()
    runner.run(job.id)
    assert runner.jobs.find(job.id).state == "cancelled"
    other, _ = create(world, runner, key="other")
    runner.run(other.id)
    runner.jobs.sweep()
    assert runner.jobs.upload(other.id).exists()
    world.clock.now += 8 * DAY
    runner.jobs.sweep()
    assert not runner.jobs.upload(other.id).exists()
    with pytest.raises(Absent):
        results(world.platform, runner.jobs, world.callers["user"], other.id)


def test_a_token_with_less_than_a_dataset_opens_no_job_of_another(world, runner):  # type: ignore[no-untyped-def]
    """A child for one class, or for some images, gets nothing of what its parent restored, and ends nothing."""
    world.grant()
    job, _ = create(world, runner, times=1)
    runner.run(job.id)
    tokens, own = world.platform.tokens, world.callers["user"]

    def child(**about: object):  # type: ignore[no-untyped-def]
        with world.platform.audit.transaction() as journal:
            made = tokens.issue_in(journal, own.principal, Wanted(**about), own.principal, own)
        return tokens.authenticate(made.text)

    for about in ({"dataset": world.dataset.id, "label": "cat"}, {"images": 1}):
        narrow = child(**about)
        assert runner.jobs.all(narrow) == []
        for call in (runner.jobs.get, runner.jobs.cancel, runner.jobs.resume):
            with pytest.raises(Absent):
                call(narrow, job.id)
        with pytest.raises(Absent):
            results(world.platform, runner.jobs, narrow, job.id)
    same = child(dataset=world.dataset.id)
    assert [one.id for one in runner.jobs.all(same)] == [job.id]
    with pytest.raises(Absent):
        runner.jobs.cancel(child(scopes=[Scope.SEE]), job.id)
    assert runner.jobs.cancel(same, job.id).state == "cancelled"


def test_too_many(world, runner):  # type: ignore[no-untyped-def]
    for number in range(world.platform.settings.limits.open_jobs):
        create(world, runner, "owner", f"k{number}", 1)
    with pytest.raises(LimitReached):
        create(world, runner, "owner", "another", 1)


def test_one_server_runs_a_job_and_another_takes_it_over(world, runner):  # type: ignore[no-untyped-def]
    """Two servers in one place: a lease keeps the second out, until the first has been silent for too long."""
    world.grant()
    other = Runner(world.platform, runner._pools, UploadLimits(), threading.Event())
    job, _ = create(world, runner)
    assert runner.jobs.claim(job.id)
    assert not other.jobs.claim(job.id)
    assert (runner.jobs.waiting(), other.jobs.waiting()) == ([job.id], [])
    other.run(job.id)
    assert other.jobs.find(job.id).images == 0
    world.clock.now += LEASE - 1
    assert runner.jobs.renew(job.id)
    world.clock.now += 1
    assert other.jobs.waiting() == []
    world.clock.now += LEASE
    assert other.jobs.waiting() == [job.id]
    other.run(job.id)
    assert other.jobs.find(job.id).state == "done"
    assert not any((runner.jobs.renew(job.id), runner.jobs.count(job.id, 1), runner.jobs.end(job.id, "failed")))
    assert runner.jobs.find(job.id).state == "done"
    assert recorded(world) == 16 * len(world.golden.files())
    second, _ = create(world, runner, key="second")
    assert runner.jobs.claim(second.id)
    runner.jobs.leave(second.id)  # as a server that stops
    assert other.jobs.waiting() == [second.id]


def test_a_server_that_lost_a_job_writes_no_part(world, runner, monkeypatch):  # type: ignore[no-untyped-def]
    """It slept for longer than its lease, and another one ended the job: what it restored late is dropped."""
    world.grant()
    other = Runner(world.platform, runner._pools, UploadLimits(), threading.Event())
    job, _ = create(world, runner)
    pieces = runner._pieces

    def sleeping(name: str):  # type: ignore[no-untyped-def]
        world.clock.now += LEASE
        other.run(name)
        return pieces(name)

    monkeypatch.setattr(runner, "_pieces", sleeping)
    folder = runner.jobs.upload(job.id).parent
    written = []
    monkeypatch.setattr(JobFiles, "add", lambda *about, add=JobFiles.add: (written.append(about[1]), add(*about)))
    runner.run(job.id)
    assert runner.jobs.find(job.id).state == "done"
    assert len(written) == len(list(folder.glob("part*"))) == 2


def test_folders_of_no_job_are_removed(world, runner):  # type: ignore[no-untyped-def]
    world.grant()
    job, _ = create(world, runner)
    folder = runner.jobs.upload(job.id).parent
    for name, age in (("jb_old", 7200), ("jb_new", 60), (job.id, 7200)):
        (folder.with_name(name)).mkdir(exist_ok=True)
        os.utime(folder.with_name(name), (world.clock.now - age,) * 2)
    sweep(world.platform, runner.jobs)
    assert {one.name for one in folder.parent.iterdir()} == {"jb_new", job.id}
    runner.run(job.id)
    assert runner.jobs.find(job.id).state == "done"


def test_files_of_a_job_that_was_cancelled_at_another_host_are_removed(world, runner, tmp_path):  # type: ignore[no-untyped-def]
    """That host has a folder of its own: it takes the key, and the sweep of this one the rest."""
    world.grant()
    job, _ = create(world, runner)
    kept, _ = create(world, runner, key="kept")
    runner.jobs.move(kept.id, ("queued",), "failed")
    other = Jobs(world.platform)
    other._host, other._folder = "b", tmp_path / "none"
    assert other.cancel(world.callers["user"], job.id).state == "cancelled"
    assert runner.jobs.upload(job.id).exists()
    for name in (job.id, kept.id):
        os.utime(runner.jobs.upload(name).parent, (world.clock.now - 7200,) * 2)
    runner.jobs.sweep()
    assert not runner.jobs.upload(job.id).parent.exists()
    assert runner.jobs.resume(world.callers["user"], kept.id).state == "queued"
    runner.run(kept.id)
    assert runner.jobs.find(kept.id).state == "done"


def test_a_download_of_results_ends_when_the_server_stops(world, runner):  # type: ignore[no-untyped-def]
    world.grant()
    job, _ = create(world, runner)
    runner.run(job.id)
    stopping = threading.Event()
    found = results(world.platform, runner.jobs, world.callers["user"], job.id, stopping)
    assert isinstance(next(found), Restored)
    stopping.set()
    with pytest.raises(UploadRefused, match="the server stops"):
        next(found)


def test_a_defect_ends_one_job_alone(world, runner, monkeypatch):  # type: ignore[no-untyped-def]
    world.grant()
    job, _ = create(world, runner)
    with monkeypatch.context() as patch:
        patch.setattr(runner, "_pieces", lambda name: 1 / 0)
        runner.run(job.id)
    assert (runner.jobs.find(job.id).state, runner.jobs.find(job.id).error) == ("failed", "the server failed (error)")
    resumed = runner.jobs.resume(world.callers["user"], job.id)
    assert (resumed.state, resumed.ended_at) == ("queued", None)
    runner.run(job.id)
    assert runner.jobs.find(job.id).state == "done"
    failed, _ = create(world, runner, key="gone")
    runner.jobs.move(failed.id, ("queued",), "failed")
    runner.jobs.upload(failed.id).unlink()
    with pytest.raises(Conflict, match="its upload is gone"):
        runner.jobs.resume(world.callers["user"], failed.id)


def test_a_part_that_was_changed_is_refused(world, runner):  # type: ignore[no-untyped-def]
    job, _ = create(world, runner, "owner")
    runner.run(job.id)
    part = min(runner.jobs.upload(job.id).parent.glob("part*"))
    part.write_bytes(part.read_bytes()[:-1] + b"x")
    with pytest.raises(Damaged):
        list(results(world.platform, runner.jobs, world.callers["owner"], job.id))
