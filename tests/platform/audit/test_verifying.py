"""What somebody with the database can do to the log is detected; export and usage."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, select, text, update

from ripguard.platform.audit.chain import Head, Record, line_of
from ripguard.platform.audit.verifying import export, usage, verify, verify_lines
from ripguard.platform.core import Platform
from ripguard.platform.database.tables import audit, audit_head


@pytest.fixture
def log(platform):  # type: ignore[no-untyped-def]
    """A platform with ten records."""
    for number in range(10):
        with platform.audit.transaction() as journal:
            journal.record("test", "pr_1", note=str(number))
    assert verify(platform.audit).ok
    return platform


def problem(platform: Platform, **about) -> str:  # type: ignore[no-untyped-def]
    found = verify(platform.audit, **about)
    assert not found.ok
    return found.problems[0]


def change(platform: Platform, *statements) -> None:  # type: ignore[no-untyped-def]
    with platform.database.write() as connection:
        for one in statements:
            connection.execute(one)


def test_whole(log):  # type: ignore[no-untyped-def]
    found = verify(log.audit, kept=[log.audit.checkpoint()])
    assert (found.head.seq, found.checkpoints, found.problems) == (10, 10, [])


def test_an_edited_line(log):  # type: ignore[no-untyped-def]
    with log.database.read() as connection:
        line = connection.execute(select(audit.c.line).where(audit.c.seq == 4)).scalar_one()
    change(log, update(audit).where(audit.c.seq == 4).values(line=line.replace('"note":"3"', '"note":"4"')))
    assert problem(log) == "record 4 was changed"


@pytest.mark.parametrize("column", ["actor", "action", "dataset", "result", "images", "time"])
def test_an_edited_column(log, column):  # type: ignore[no-untyped-def]
    value = 5 if column in ("images", "time") else "other"
    change(log, update(audit).where(audit.c.seq == 4).values({column: value}))
    assert problem(log) == "the columns of record 4 do not match it"


@pytest.mark.parametrize("seq", [1, 5])
def test_a_deleted_record(log, seq):  # type: ignore[no-untyped-def]
    change(log, delete(audit).where(audit.c.seq == seq))
    assert problem(log) == f"record {seq} is missing, or records were reordered"


def test_deleted_and_renumbered(log):  # type: ignore[no-untyped-def]
    change(log, delete(audit).where(audit.c.seq == 5))
    for seq in range(6, 11):
        change(log, update(audit).where(audit.c.seq == seq).values(seq=seq - 1))
    assert problem(log) == "record 5 is missing, or records were reordered"


def test_exchanged_records(log):  # type: ignore[no-untyped-def]
    change(log, *(update(audit).where(audit.c.seq == a).values(seq=b) for a, b in ((3, 99), (4, 3), (99, 4))))
    assert problem(log) == "record 3 is missing, or records were reordered"


def cut(platform: Platform, last: int) -> None:
    """Cut off the end, and let the head say so."""
    with platform.database.read() as connection:
        line = connection.execute(select(audit.c.line).where(audit.c.seq == last)).scalar_one()
    found = line.partition('"hash":"')[2][:64]
    change(platform, delete(audit).where(audit.c.seq > last), update(audit_head).values(seq=last, hash=found))


@pytest.mark.parametrize("last", [1, 9])
def test_the_end_cut_off(log, last):  # type: ignore[no-untyped-def]
    cut(log, last)
    assert problem(log) == f"the log ends at record {last}, but record 10 was signed: it was cut off"
    with log.audit.transaction() as journal:  # and still after more was written
        journal.record("test", "pr_1")
    assert "rewritten" in problem(log) or "cut off" in problem(log)


def test_everything_removed(log):  # type: ignore[no-untyped-def]
    change(log, delete(audit), update(audit_head).values(seq=0, hash=Head().hash))
    assert problem(log) == "the log ends at record 0, but record 10 was signed: it was cut off"


def test_only_records_removed(log, settings):  # type: ignore[no-untyped-def]
    kept = settings.checkpoints.read_bytes().splitlines(keepends=True)
    settings.checkpoints.write_bytes(b"".join(kept[:8]))
    change(log, delete(audit).where(audit.c.seq > 8))
    assert problem(log) == "the log ends at record 8, but record 10 was written"


def test_end_and_checkpoints_cut_off(log, settings):  # type: ignore[no-untyped-def]
    """Only a checkpoint that was kept elsewhere shows it."""
    elsewhere = log.audit.checkpoint()
    kept = settings.checkpoints.read_bytes().splitlines(keepends=True)
    settings.checkpoints.write_bytes(b"".join(kept[:8]))
    cut(log, 8)
    assert verify(log.audit).ok
    assert problem(log, kept=[elsewhere]) == "the log ends at record 8, but record 10 was signed: it was cut off"


def test_a_log_written_anew(log):  # type: ignore[no-untyped-def]
    head, rows = Head(), []
    for number in range(10):
        line, head = line_of(Record("test", "pr_2", note=str(number)), head, 7)
        about = {"actor": "pr_2", "action": "test", "dataset": "", "images": 0, "result": "done"}
        rows.append({"seq": number + 1, "time": 7, "line": line, **about})
    change(log, delete(audit), update(audit_head).values(seq=head.seq, hash=head.hash))
    with log.database.write() as connection:
        connection.execute(audit.insert(), rows)
    assert problem(log) == "record 1 is not the one that was signed: the log was rewritten"


def test_forged_and_missing_checkpoints(log, settings):  # type: ignore[no-untyped-def]
    data = settings.checkpoints.read_bytes()
    settings.checkpoints.write_bytes(data.replace(b'"seq":10', b'"seq":11'))
    assert problem(log) == "a checkpoint of record 11 has no valid signature"
    settings.checkpoints.unlink()
    assert "is missing" in problem(log)
    settings.checkpoints.write_bytes(data)
    assert verify(log.audit).ok


def test_verified_elsewhere(log):  # type: ignore[no-untyped-def]
    """An export and a checkpoint are enough: no database, no master key."""
    lines, signed, public = list(export(log.database)), log.audit.checkpoint(), log.audit.public
    assert verify_lines(lines, [signed], public).ok
    assert not verify_lines(lines[:-1], [signed], public).ok
    assert not verify_lines(lines[1:], [signed], public).ok


def test_export_in_pages(log, monkeypatch):  # type: ignore[no-untyped-def]
    whole = list(export(log.database))
    monkeypatch.setattr("ripguard.platform.audit.verifying.PAGE", 3)
    assert list(export(log.database)) == whole
    assert list(export(log.database, after=7)) == whole[7:]
    assert verify(log.audit).head.seq == 10


def test_usage(world):  # type: ignore[no-untyped-def]
    world.grant()
    files = list(world.golden.files())
    admission = world.session("user").restoring(world.dataset.id)
    first = world.clock.now
    admission.admit(files[:2])
    world.clock.now += 60
    admission.admit([*files[:1], bytes(32)])
    user = world.accounts["user"]
    (found,) = usage(world.platform.database, world.dataset.id)
    assert (found.principal, found.name, found.images) == (user.id, "user", 3)
    assert (found.first, found.last) == (first, first + 60)
    assert usage(world.platform.database, "ds_other") == []
    assert sum("restore" in line for line in export(world.platform.database, world.dataset.id)) == 3


def test_nothing_secret_is_recorded(world):  # type: ignore[no-untyped-def]
    world.grant()
    with world.platform.database.read() as connection:
        names = [row[0] for row in connection.execute(select(audit.c.line))]
        assert connection.execute(text("SELECT 1")).scalar() == 1
    whole = "\n".join(names)
    assert not any(token in whole or token[4:] in whole for token in world.texts.values())
    assert world.golden.secret.hex() not in whole
