"""One caller's upload: what is recorded before it is restored, and what a revocation stops."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from ripguard.images.encoding import png_bytes
from ripguard.platform.audit.verifying import export
from ripguard.platform.core import Platform
from ripguard.platform.errors import Absent, AuditUnavailable
from ripguard.platform.restoring.limits import WorkerLimits
from ripguard.platform.restoring.reasons import Member, Reason, Refused, Restored, UploadRefused
from ripguard.platform.service.pools import Pools
from ripguard.platform.service.restoration import Restoration


@pytest.fixture
def pools() -> Iterator[Pools]:
    made = Pools(limits=WorkerLimits(batch_images=2))
    yield made
    made.close()


def upload(world, times: int = 1) -> list[Member]:  # type: ignore[no-untyped-def]
    """The images of the golden release, several times."""
    files = list(world.golden.files().values())
    return [Member(f"{number}-{again}", data) for again in range(times) for number, data in enumerate(files)]


def recorded(world) -> int:  # type: ignore[no-untyped-def]
    """Images that the log names as restored."""
    lines = map(json.loads, export(world.platform.database))
    return sum(one["count"] for one in lines if (one["action"], one["result"]) == ("restore", "allowed"))


def test_nothing_leaves_before_its_record(world, pools):  # type: ignore[no-untyped-def]
    world.grant()
    images = upload(world, 30)
    found = Restoration(world.platform, pools, world.callers["user"], world.dataset.id).outcomes(images)
    for count, one in enumerate(found, 1):
        assert isinstance(one, Restored)
        assert count <= recorded(world)
    assert count == recorded(world) == len(images)


@pytest.mark.parametrize("end", ["token", "grant", "account", "dataset", "time"])
def test_the_image_after_a_revocation_does_not_leave(world, pools, end):  # type: ignore[no-untyped-def]
    grant = world.grant()
    images = upload(world, 40)
    found = Restoration(world.platform, pools, world.callers["user"], world.dataset.id).outcomes(iter(images))
    assert isinstance(next(found), Restored)
    owner, user = world.dataset.owner, world.callers["user"]
    if end == "token":
        world.platform.tokens.revoke(user.accessor, owner)
    elif end == "grant":
        world.platform.grants.revoke(grant, owner)
    elif end == "account":
        world.platform.principals.disable(user.principal, owner)
    elif end == "dataset":
        world.platform.datasets.close(world.dataset.id, owner)
    else:
        world.clock.now += 100 * 86_400
    with pytest.raises(UploadRefused, match="the right to restore ended") as refused:
        next(found)
    assert refused.value.reason is Reason.ENDED


def test_a_revocation_at_another_server_stops_the_next_image(world, pools, settings, clock):  # type: ignore[no-untyped-def]
    grant = world.grant()
    images = iter(upload(world, 40))
    found = Restoration(world.platform, pools, world.callers["user"], world.dataset.id).outcomes(images)
    assert isinstance(next(found), Restored)
    other = Platform.start(settings, clock)
    other.grants.revoke(grant, world.dataset.owner)
    other.close()
    with pytest.raises(UploadRefused, match="the right to restore ended"):
        next(found)


def test_each_batch_is_checked_by_its_own_grant(world, pools):  # type: ignore[no-untyped-def]
    """Batches are read ahead under another grant; that one does not cover those before."""
    split = world.golden.release.info["units"][0]["split"]
    first = world.grant(split=split, images=64, ends_at=world.clock.now + 100)
    world.grant(ends_at=world.clock.now + 200)
    files = list(world.golden.files(split=split).values())
    images = [Member(f"{number}.png", files[number % len(files)]) for number in range(192)]
    found = Restoration(world.platform, pools, world.callers["user"], world.dataset.id).outcomes(images)
    assert isinstance(next(found), Restored)
    world.platform.grants.revoke(first, world.dataset.owner)
    with pytest.raises(UploadRefused, match="the right to restore ended"):
        next(found)


def test_without_a_record_nothing_is_restored(world, pools):  # type: ignore[no-untyped-def]
    world.grant()
    restoration = Restoration(world.platform, pools, world.callers["user"], world.dataset.id)
    world.platform.settings.checkpoints.unlink()
    world.platform.settings.checkpoints.mkdir()
    with pytest.raises(AuditUnavailable):
        next(restoration.outcomes(upload(world)))
    assert not len(pools)


def test_a_grant_that_the_first_batch_uses_up(world, pools):  # type: ignore[no-untyped-def]
    images = upload(world)
    world.grant(images=len(images))
    found = list(Restoration(world.platform, pools, world.callers["user"], world.dataset.id).outcomes(iter(images)))
    assert all(isinstance(one, Restored) for one in found)
    with pytest.raises(Absent):
        Restoration(world.platform, pools, world.callers["user"], world.dataset.id)


def test_who_may_not_restore(world, pools):  # type: ignore[no-untyped-def]
    for name in ("stranger", "other", "auditor", "admin"):
        with pytest.raises(Absent):
            Restoration(world.platform, pools, world.callers[name], world.dataset.id)


def test_a_server_that_stops_finishes_the_image(world, pools):  # type: ignore[no-untyped-def]
    restoration = Restoration(world.platform, pools, world.callers["owner"], world.dataset.id)
    found = restoration.outcomes(upload(world, 10))
    assert isinstance(next(found), Restored)
    restoration._stopping.set()
    with pytest.raises(UploadRefused, match="the server stops"):
        next(found)


def test_refused_images_beside_good_ones(world, pools):  # type: ignore[no-untyped-def]
    good = upload(world)
    other = [Member("a.txt", b"text"), Member("b.png", b"nothing"), Refused("c", Reason.LINK, "c: a link")]
    found = list(Restoration(world.platform, pools, world.callers["owner"], world.dataset.id).outcomes([*other, *good]))
    assert [one.reason for one in found[:3] if isinstance(one, Refused)] == ["left-out", "not-in-dataset", "link"]
    assert all(isinstance(one, Restored) for one in found[3:])


def saved_again(data: bytes, form: str, **options: object) -> bytes:
    out = io.BytesIO()
    with Image.open(io.BytesIO(data)) as image:
        image.save(out, form, **options)
    return out.getvalue()


def test_images_that_were_saved_again(world, pools):  # type: ignore[no-untyped-def]
    """The same samples in other bytes and formats are restored, recorded and counted; others are refused."""
    grant = world.grant(images=5)
    whole = [one for one in upload(world) if Image.open(io.BytesIO(one.data)).mode == "RGB"]
    again = [
        Member("small.png", saved_again(whole[0].data, "PNG", optimize=True)),
        Member("plain.png", saved_again(whole[1].data, "PNG", compress_level=0)),
        Member("as-published.png", whole[0].data),
        Member("lossless.webp", saved_again(whole[1].data, "WEBP", lossless=True, exact=True)),
        Member("lossy.jpg", saved_again(whole[0].data, "JPEG")),
        Member("other.png", png_bytes(np.zeros((32, 32, 3), np.uint8))),
        Member("cut.png", whole[0].data[:80]),
        Member("rest.png", saved_again(whole[0].data, "PNG", compress_level=1)),
    ]
    found = list(Restoration(world.platform, pools, world.callers["user"], world.dataset.id).outcomes(again))
    assert [one.name for one in found] == [one.name for one in again]
    known = list(Restoration(world.platform, pools, world.callers["owner"], world.dataset.id).outcomes(whole[:2]))
    for number, same in ((0, 0), (1, 1), (2, 0), (3, 1), (7, 0)):
        assert isinstance(found[number], Restored), found[number]
        assert found[number].data == known[same].data
        assert found[number].home == known[same].home
    assert [one.reason for one in found[4:7]] == [Reason.UNKNOWN] * 3
    assert recorded(world) == 5 + 2
    with world.platform.database.read() as connection:
        assert world.platform.grants.get(connection, grant).used == 5


def test_images_of_others_that_were_saved_again(world, pools):  # type: ignore[no-untyped-def]
    """One of a class that is not granted, and one of an upload that ends its process, are refused like any other."""
    units = world.golden.release.info["units"]
    world.grant(split=units[0]["split"], label=units[0]["label"])
    closed = next(iter(world.golden.files(units[1]["split"], units[1]["label"]).values()))
    own = next(iter(world.golden.files(units[0]["split"], units[0]["label"]).values()))
    members = [Member("a.png", saved_again(closed, "PNG", compress_level=0)), Member("b.png", own)]
    found = list(Restoration(world.platform, pools, world.callers["user"], world.dataset.id).outcomes(members))
    assert isinstance(found[0], Refused)
    assert found[0].reason is Reason.UNKNOWN
    assert isinstance(found[1], Restored)
    assert recorded(world) == 1
