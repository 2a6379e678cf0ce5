"""A platform starts, restarts, and refuses what is not its own."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest
from platforms import Golden, World

from ripguard.crypto.keys import Key
from ripguard.errors import KeyFileError, UsageError
from ripguard.platform.clock import DAY
from ripguard.platform.core import Platform
from ripguard.platform.errors import Absent, LimitReached, SignInFailed
from ripguard.platform.roles import Role
from ripguard.platform.settings import Limits
from ripguard.release.manifest import Release
from ripguard.release.restorer import Restorer


def test_start_twice(settings, clock, platform):  # type: ignore[no-untyped-def]
    token = platform.first_admin().text
    again = Platform.start(settings, clock)
    assert again.tokens.authenticate(token).role == "admin"
    assert again.audit.head() == platform.audit.head()
    again.close()


def test_files_are_private(settings, platform):  # type: ignore[no-untyped-def]
    platform.first_admin()
    assert settings.folder.stat().st_mode & 0o777 == 0o700
    files = [settings.master_file, settings.checkpoints]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_another_master_key_is_refused(settings, clock, platform, tmp_path):  # type: ignore[no-untyped-def]
    settings.master_file.rename(tmp_path / "kept")
    with pytest.raises(KeyFileError, match="there is no master key file"):
        Platform.start(settings, clock)
    assert not settings.master_file.exists()  # a new one would open nothing
    platform.custody.masters.make(7)
    shutil.copy(platform.custody.masters.place(7), settings.master_file)
    with pytest.raises(KeyFileError, match="is not the one of the database") as refused:
        Platform.start(settings, clock)
    assert "\n" not in refused.value.message


def test_only_the_first_account_is_made_by_nobody(platform):  # type: ignore[no-untyped-def]
    platform.first_admin()
    with pytest.raises(UsageError, match="has accounts"):
        platform.first_admin("another")


@pytest.mark.parametrize("name", ["v2-ranked", "v2-seal", "v2-seal-model", "v2-byte-exact", "v1-ranked", "assignment"])
def test_restores_loose_images_with_nothing_else_at_hand(world, name):  # type: ignore[no-untyped-def]
    """From deposit to clean image: the protected files alone come back as the owner's key restores them."""
    golden = Golden(name)
    dataset = world.session("owner").create_dataset(name)
    world.session("owner").deposit(dataset.id, golden.container(), golden.secret)
    world.session("owner").grant(dataset.id, "user", world.terms())
    admission = world.session("user").restoring(dataset.id)
    files = golden.files()
    admitted = admission.admit(list(files))
    assert all(one.found for one in admitted)
    partial = admission.index(1)
    admission.fill(partial, 1, admitted)
    with admission.keys(1) as keys:
        restorer = Restorer(keys, partial)
        got = restorer.restore([("", data) for data in files.values()])
    want = Restorer(Key(bytes(range(32))), golden.release).restore([("", data) for data in files.values()])
    with admission.keys(1) as keys:  # the same from the folder of the deposit, which is a release without images
        root = world.platform.deposits.root(dataset.id, 1)
        whole = Restorer(keys, Release.open(root)).restore([("", data) for data in files.values()])
    assert [(one.file, one.error is None) for one in whole] == [(one.file, one.error is None) for one in got]
    for own, other in zip(got, want, strict=True):
        assert (own.error is None) == (other.error is None), own.error
        if own.error is None:
            assert own.file == other.file
            assert (own.clean is None and other.clean is None) or (own.clean == other.clean).all()


def test_tokens_of_the_machine(world):  # type: ignore[no-untyped-def]
    """When all tokens have expired, whoever has the machine makes one for an admin, and for nobody else."""
    token = world.platform.operator_token("admin")
    assert world.platform.session(token.text).create_account("somebody", Role.USER)
    for name in ("owner", "nobody"):
        with pytest.raises(Absent):
            world.platform.operator_token(name)


def test_sign_in(world):  # type: ignore[no-untyped-def]
    assert world.platform.session(world.texts["user"]).caller.role == "user"
    with pytest.raises(SignInFailed):
        world.platform.session("rgd_" + "a" * 43)


def test_bytes_of_a_day(settings, clock, platform):  # type: ignore[no-untyped-def]
    """What an account sends is counted for all its tokens, all of an upload or nothing; 0 is no limit."""
    world = World(platform, clock)
    platform.settings = replace(settings, limits=Limits(bytes_a_day=100))
    platform.count_upload(world.callers["user"], 60)
    with pytest.raises(LimitReached, match="too many bytes"):
        platform.count_upload(world.callers["user"], 41)
    platform.count_upload(world.callers["user"], 40)
    platform.count_upload(world.callers["owner"], 100)
    clock.now += DAY
    platform.count_upload(world.callers["user"], 100)
    platform.settings = replace(settings, limits=Limits(bytes_a_day=0))
    platform.count_upload(world.callers["user"], 1 << 40)
