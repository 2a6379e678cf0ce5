"""Records are durable before anything leaves, in one chain, whoever writes."""

from __future__ import annotations

import multiprocessing
import threading
from dataclasses import replace

import pytest
from sqlalchemy import delete, func, select, text

from ripguard.platform.audit.checkpoints import Checkpoints
from ripguard.platform.audit.log import Audit
from ripguard.platform.audit.verifying import verify
from ripguard.platform.core import Platform
from ripguard.platform.database.tables import audit, audit_head, datasets, pulse
from ripguard.platform.errors import AuditUnavailable
from ripguard.platform.settings import Settings


def write_records(settings: Settings) -> None:
    """What another server process does."""
    platform = Platform.start(settings)
    for number in range(20):
        with platform.audit.transaction() as journal:
            journal.record("test", settings.host, note=str(number))
    platform.close()


def records(platform: Platform) -> int:
    with platform.database.read() as connection:
        return connection.execute(select(func.count()).select_from(audit)).scalar_one()


def test_recorded_before_the_block_runs(platform, settings, clock):  # type: ignore[no-untyped-def]
    other = Platform.start(settings, clock)
    with platform.audit.before("restore", "pr_1", count=1, digests=["00"]):
        assert records(other) == 1  # committed: another connection sees it
        assert verify(other.audit).checkpoints == 1
    other.close()


def test_a_block_that_fails_is_recorded(platform):  # type: ignore[no-untyped-def]
    with pytest.raises(ZeroDivisionError), platform.audit.before("restore", "pr_1", result="allowed"):
        raise ZeroDivisionError
    with platform.database.read() as connection:
        assert connection.execute(select(audit.c.result).order_by(audit.c.seq)).scalars().all() == ["allowed", "broken"]


def test_change_and_record_together_or_neither(world):  # type: ignore[no-untyped-def]
    platform, before = world.platform, records(world.platform)

    def change() -> None:
        with platform.audit.transaction() as journal:
            journal.connection.execute(pulse.update().values(counter=99))
            journal.record("test", "pr_1")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert records(platform) == before
    with platform.database.read() as connection:
        assert connection.execute(select(pulse.c.counter)).scalar_one() != 99


def fail_to_write(platform: Platform) -> None:
    """Make every record fail, in the database itself."""
    with platform.database.write() as connection:
        if platform.database.sqlite:
            connection.execute(
                text("CREATE TRIGGER full BEFORE INSERT ON audit BEGIN SELECT RAISE(ROLLBACK, 'disk full'); END")
            )
        else:
            connection.execute(text("ALTER TABLE audit ADD CONSTRAINT full_ CHECK (seq < 0) NOT VALID"))


def mend(platform: Platform) -> None:
    with platform.database.write() as connection:
        connection.execute(
            text("DROP TRIGGER full" if platform.database.sqlite else "ALTER TABLE audit DROP CONSTRAINT full_")
        )


def test_no_record_nothing_leaves(world):  # type: ignore[no-untyped-def]
    world.grant()
    admission = world.session("user").restoring(world.dataset.id)
    files, ran = list(world.golden.files()), list[int]()
    fail_to_write(world.platform)
    try:
        with pytest.raises(AuditUnavailable), world.platform.audit.before("restore", "pr_1"):
            ran.append(1)
        assert not ran
        with pytest.raises(AuditUnavailable):
            admission.admit(files[:1])
        with pytest.raises(AuditUnavailable):
            world.session("owner").create_dataset("another")
    finally:
        mend(world.platform)
    with world.platform.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(datasets)).scalar_one() == 1
    assert admission.admit(files[:1])[0].found


def test_no_checkpoint_nothing_leaves(platform, settings):  # type: ignore[no-untyped-def]
    with platform.audit.before("test", "pr_1"):
        pass
    kept = settings.checkpoints.read_bytes()
    settings.checkpoints.unlink()
    settings.checkpoints.mkdir()
    ran = list[int]()
    with pytest.raises(AuditUnavailable), platform.audit.before("restore", "pr_1"):
        ran.append(1)
    assert not ran
    settings.checkpoints.rmdir()
    settings.checkpoints.write_bytes(kept)


def test_a_lost_head(platform):  # type: ignore[no-untyped-def]
    with platform.database.write() as connection:
        connection.execute(delete(audit_head))
    with pytest.raises(AuditUnavailable, match="lost its head"), platform.audit.before("restore", "pr_1"):
        pass


def test_threads_do_not_fork_the_chain(platform):  # type: ignore[no-untyped-def]
    def write(name: str) -> None:
        for number in range(10):
            with platform.audit.transaction() as journal:
                journal.record("test", name, note=str(number))
                journal.record("test", name, note=f"{number} again")

    threads = [threading.Thread(target=write, args=(f"thread {one}",)) for one in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    found = verify(platform.audit)
    assert found.problems == []
    assert found.head.seq == 60


def test_processes_do_not_fork_the_chain(platform, settings):  # type: ignore[no-untyped-def]
    """Two server processes on one database, each with its own file of checkpoints."""
    platform.close()
    fork = multiprocessing.get_context("fork")  # no module is imported again
    hosts = [replace(settings, host=host) for host in ("one", "two")]
    running = [fork.Process(target=write_records, args=(one,)) for one in hosts]
    for one in running:
        one.start()
    for one in running:
        one.join()
    assert [one.exitcode for one in running] == [0, 0]
    files = [Checkpoints(settings.folder / f"audit-{host}.jsonl") for host in ("one", "two")]
    with platform.audit.transaction() as journal:
        journal.record("test", "here")
    found = verify(platform.audit, files=files)
    assert found.problems == []
    assert (found.head.seq, found.checkpoints) == (41, 41)


def test_the_signing_key_is_made_once(platform, settings, clock):  # type: ignore[no-untyped-def]
    other = Platform.start(settings, clock)
    assert other.audit.public == platform.audit.public
    assert isinstance(other.audit, Audit)
    other.close()
