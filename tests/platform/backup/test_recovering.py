"""The drill: a backup of a platform that is written to, restored where nothing is, and 100 images out of it."""

from __future__ import annotations

import hashlib
import itertools
import json
import os
import shutil
import sqlite3
import threading
import time
from pathlib import Path

import pytest
from helpers import call, good, tree_digest
from platforms import World
from sqlalchemy import create_engine, make_url, text

from ripguard.errors import Damaged, InputRefused, KeyFileError, OutputRefused
from ripguard.platform.access.grants import Terms
from ripguard.platform.audit.verifying import export, verify
from ripguard.platform.backup.making import back_up
from ripguard.platform.backup.recovering import LOST, restore_backup
from ripguard.platform.callers import Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.core import Platform
from ripguard.platform.deposits.packing import packed
from ripguard.platform.errors import SignInFailed
from ripguard.platform.restoring.reasons import Member, Restored
from ripguard.platform.service.pools import Pools
from ripguard.platform.service.restoration import Restoration
from ripguard.platform.settings import Settings
from ripguard.release.manifest import Release

NUMBERS = itertools.count()


@pytest.fixture
def kinds(server):  # type: ignore[no-untyped-def]
    """Gives the URL of an empty database of a kind; "" for SQLite, in the folder."""
    made = []

    def url(kind: str) -> str:
        if kind == "sqlite":
            return ""
        if server is None:
            pytest.skip("no PostgreSQL here")
        made.append(f"drill{next(NUMBERS)}")
        _execute(server, f"CREATE DATABASE {made[-1]}")
        return make_url(server).set(database=made[-1]).render_as_string(hide_password=False)

    yield url
    for name in made:
        _execute(server, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(url: str, statement: str) -> None:
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def deposited(world: World, hundred) -> str:  # type: ignore[no-untyped-def]
    """A dataset of the owner with the release of 100 images, granted to the user."""
    made = world.session("owner").create_dataset("hundred")
    secret = hundred.key.dataset(Release.open(hundred.root).dataset_id).secret
    world.session("owner").deposit(made.id, list(packed(hundred.root)), secret)
    world.session("owner").grant(made.id, "user", Terms(ends_at=world.clock.now + DAY))
    return made.id


def restored(platform: Platform, token: str, dataset: str, hundred) -> dict[str, str]:  # type: ignore[no-untyped-def]
    """SHA-256 of each image that comes back, by its path in the release."""
    pools = Pools()
    try:
        caller = platform.tokens.authenticate(token)
        members = [Member(name, data) for name, data in hundred.published.items()]
        found = list(Restoration(platform, pools, caller, dataset).outcomes(members))
    finally:
        pools.close()
    return {one.home: hashlib.sha256(one.data).hexdigest() for one in found if isinstance(one, Restored)}


@pytest.fixture
def moved(world, settings, tmp_path) -> Settings:  # type: ignore[no-untyped-def]
    """Settings of another place, with a copy of the master key beside it."""
    shutil.copy(settings.master_file, tmp_path / "kept.key")
    return Settings(folder=tmp_path / "again", master_key=tmp_path / "kept.key")


@pytest.mark.parametrize("other", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def test_drill(world, hundred, settings, clock, moved, kinds, tmp_path, other):  # type: ignore[no-untyped-def]
    """While a thread makes accounts, grants and records, a snapshot; from it, into either kind of database."""
    platform, dataset, stop, failed = world.platform, deposited(world, hundred), threading.Event(), []

    def write() -> None:
        try:
            for number in itertools.count():
                if stop.is_set():
                    return
                grant = platform.grants.create(
                    dataset, world.accounts["stranger"].id, world.terms(), world.accounts["owner"].id
                )
                if number % 3 == 0:
                    platform.tokens.issue(world.accounts["stranger"].id, Wanted(), "platform")
                platform.grants.revoke(grant.id, "platform")
        except BaseException as error:
            failed.append(error)
            raise

    thread = threading.Thread(target=write)
    thread.start()
    while platform.audit.head().seq < 20 and thread.is_alive():
        time.sleep(0.01)
    before = platform.audit.head().seq
    made = back_up(settings, tmp_path / "backup", clock, lambda name: None)
    stop.set()
    thread.join()
    assert not failed
    assert before <= made.record.records <= platform.audit.head().seq
    assert (tmp_path / "backup").stat().st_mode & 0o777 == 0o700
    secret = settings.master_file.read_bytes().splitlines()[-1]
    assert not any(secret in one.read_bytes() for one in (tmp_path / "backup").rglob("*") if one.is_file())

    wanted = Settings(folder=moved.folder, master_key=moved.master_key, database=kinds(other))
    clock.now += 600
    done = restore_backup(tmp_path / "backup", wanted, clock=clock)
    assert (done.record, done.age, done.images, done.jobs) == (made.record, 600, 100, 0)
    assert done.keys == 2
    assert wanted.folder.stat().st_mode & 0o777 == 0o700
    assert {one.stat().st_mode & 0o777 for one in wanted.folder.rglob("*") if one.is_file()} == {0o600}
    again = Platform.start(wanted, clock)
    try:
        found = verify(again.audit)
        assert (found.ok, found.problems, found.head.seq) == (True, [], made.record.records + 1)
        assert json.loads(list(export(again.database))[-1])["action"] == "restore backup"
        assert restored(again, world.texts["user"], dataset, hundred) == hundred.clean
        assert again.deposits.index(dataset, 1).rows  # and a new version gets the next number
        next_one = again.datasets.create(world.accounts["owner"].id, "next")
        again.deposits.deposit(next_one.id, world.golden.container(), world.golden.secret, next_one.owner)
        assert verify(again.audit).ok
    finally:
        again.close()


def test_a_folder_that_goes_meanwhile_ends_no_backup(world, settings, clock, tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """The folder of a job that is cancelled while the backup lists all."""
    gone, scandir = settings.folder / "jobs" / "jb_1", os.scandir
    gone.mkdir(parents=True)

    def listing(folder):  # type: ignore[no-untyped-def]
        if folder == os.fspath(gone):
            gone.rmdir()
        return scandir(folder)

    monkeypatch.setattr("ripguard.files.os.scandir", listing)
    world.grant()
    assert "platform.db" in back_up(settings, tmp_path / "backup", clock).record.files
    assert not gone.exists()


def test_a_shared_folder_is_in_the_backup(hundred, clock, tmp_path):  # type: ignore[no-untyped-def]
    """Deposits of servers that share a folder: the command finds them there, and says what is missing without it."""
    place, shared, out = tmp_path / "a", tmp_path / "shared", tmp_path / "backup"
    about = {"master_key": tmp_path / "k", "host": "a", "shared": shared}
    platform = Platform.start(Settings(folder=place, **about), clock)
    try:
        deposited(World(platform, clock), hundred)
        assert "deposited releases are missing" in call("platform", "backup", place, out)[2]
        inside = call("platform", "backup", place, shared / "backup", "--shared", shared)[2]
        assert "overlaps" in inside
        good("platform", "backup", place, out, "--shared", shared)
    finally:
        platform.close()
    assert restore_backup(out, Settings(folder=tmp_path / "new", master_key=tmp_path / "k"), clock=clock).images == 100


def test_nothing_without_the_right_master_key(world, settings, moved, tmp_path, clock):  # type: ignore[no-untyped-def]
    world.grant()
    back_up(settings, tmp_path / "backup", clock)
    before = tree_digest(tmp_path / "backup")
    missing = Settings(folder=moved.folder, master_key=tmp_path / "nothing")
    with pytest.raises(KeyFileError, match="there is no master key file"):
        restore_backup(tmp_path / "backup", missing)
    elsewhere = Platform.start(Settings(folder=tmp_path / "elsewhere"))
    wrong = Settings(folder=moved.folder, master_key=elsewhere.settings.master_file)
    elsewhere.close()
    with pytest.raises(KeyFileError, match="not the one of the backup"):
        restore_backup(tmp_path / "backup", wrong)
    assert not moved.folder.exists()
    assert not list(tmp_path.glob(".again*"))
    assert tree_digest(tmp_path / "backup") == before
    dry = restore_backup(tmp_path / "backup", moved, dry_run=True, clock=clock)
    assert dry.images == len(world.golden.release.rows)
    assert not moved.folder.exists()


def test_damage_is_found(world, settings, moved, tmp_path, clock):  # type: ignore[no-untyped-def]
    """A file changed, missing or added; rows exchanged, records removed, with digests that fit again."""
    world.grant()
    back_up(settings, tmp_path / "backup", clock)

    def refused(change, match: str, name: str) -> None:  # type: ignore[no-untyped-def]
        place = tmp_path / name
        shutil.copytree(tmp_path / "backup", place)
        change(place)
        with pytest.raises(Damaged, match=match):
            restore_backup(place, moved, clock=clock)
        assert not moved.folder.exists()

    def edited(*statements: str):  # type: ignore[no-untyped-def]
        def change(place: Path) -> None:
            with sqlite3.connect(place / "platform.db") as connection:
                for one in statements:
                    connection.execute(one)
            connection.close()
            about, data = json.loads((place / "backup.json").read_text()), (place / "platform.db").read_bytes()
            about["files"]["platform.db"] = [hashlib.sha256(data).hexdigest(), len(data)]
            (place / "backup.json").write_text(json.dumps(about))

        return change

    container = next((tmp_path / "backup").rglob("release.ripguard")).relative_to(tmp_path / "backup")
    refused(lambda place: (place / container).write_bytes(b"x"), "changed", "a")
    refused(lambda place: (place / container).unlink(), "missing", "b")
    refused(lambda place: (place / "more").write_bytes(b"x"), "unknown", "c")
    refused(lambda place: (place / "backup.json").write_text("{"), "is damaged", "d")
    last = "(SELECT max(seq) FROM audit)"
    refused(edited(f"DELETE FROM audit WHERE seq = {last}"), "audit log is not whole", "e")
    refused(edited("DELETE FROM audit WHERE seq = 3"), "audit log is not whole", "f")
    swap = "UPDATE wrapped_keys SET wrapped = (SELECT wrapped FROM wrapped_keys WHERE purpose = 'audit') WHERE purpose"
    refused(edited(f"{swap} = 'release'"), "moved from another row", "g")
    with pytest.raises(InputRefused, match="is not a backup"):
        restore_backup(tmp_path / "platform", moved)


def test_where_something_is(world, settings, moved, tmp_path, clock, url):  # type: ignore[no-untyped-def]
    with pytest.raises(OutputRefused):
        back_up(settings, settings.folder / "backup", clock)
    back_up(settings, tmp_path / "backup", clock)
    with pytest.raises(OutputRefused):
        back_up(settings, tmp_path / "backup", clock)
    moved.folder.mkdir()
    (moved.folder / "mine").touch()
    with pytest.raises(OutputRefused):
        restore_backup(tmp_path / "backup", moved, clock=clock)
    if url.startswith("postgresql"):
        full = Settings(folder=tmp_path / "third", database=url, master_key=moved.master_key)
        with pytest.raises(OutputRefused, match="is not empty"):
            restore_backup(tmp_path / "backup", full, clock=clock)
    (tmp_path / "none").mkdir()
    with pytest.raises(InputRefused, match="holds no platform"):
        back_up(Settings(folder=tmp_path / "none"), tmp_path / "x")
    assert not list((tmp_path / "none").iterdir())


def test_jobs_without_uploads_fail_and_revoked_tokens_come_back(world, settings, moved, tmp_path, clock):  # type: ignore[no-untyped-def]
    """What a snapshot cannot have is told: uploads of jobs, and what was revoked after it."""
    import io
    from threading import Event

    from ripguard.platform.restoring.limits import UploadLimits
    from ripguard.platform.service.runner import Runner

    world.grant()
    runner = Runner(world.platform, Pools(), UploadLimits(), Event())
    job, _ = runner.jobs.create(world.callers["user"], world.dataset.id, "k", io.BytesIO(b"x"), "0" * 64)
    back_up(settings, tmp_path / "backup", clock)
    world.platform.tokens.revoke(world.callers["user"].accessor, "platform")
    with pytest.raises(SignInFailed):
        world.platform.tokens.authenticate(world.texts["user"])
    assert restore_backup(tmp_path / "backup", moved, clock=clock).jobs == 1
    again = Platform.start(moved, clock)
    assert again.tokens.authenticate(world.texts["user"])
    found = Runner(again, Pools(), UploadLimits(), Event()).jobs.find(job.id)
    assert (found.state, found.error) == ("failed", LOST)
    again.close()


def test_by_command(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    folder, out, again = tmp_path / "platform", tmp_path / "backup", tmp_path / "again"
    Platform.start(Settings(folder=folder)).close()
    done = good("platform", "backup", folder, out)
    assert (done["master_key"], done["database"]) == (False, "sqlite")
    shutil.move(folder / "master.key", tmp_path / "kept.key")
    found = good("platform", "restore-backup", out, again, "--master-key", tmp_path / "kept.key", "--dry-run")
    assert not found["restored"]
    code, text_, _ = call("platform", "restore-backup", out, again, "--master-key", tmp_path / "kept.key")
    assert code == 0
    assert "old: what was done since then is lost" in text_
    code, out_, _ = call("platform", "restore-backup", out, again, "--master-key", tmp_path / "kept.key", "--json")
    assert (code, json.loads(out_)["error"]) == (8, "output-refused")
    rotated = good("platform", "rotate", again, "--master-key", tmp_path / "kept.key")
    assert (rotated["generation"], rotated["retired"]) == (2, [1])
    assert good("platform", "migrate", again)["before"] == good("platform", "migrate", again, "--to", "head")["after"]
    assert good("platform", "migrate", again, "--to", "0001")["after"] == "0001"
    assert good("platform", "migrate", again, "--to", "head")["before"] == "0001"
