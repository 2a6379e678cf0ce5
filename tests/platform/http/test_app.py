"""From deposit to clean images over HTTP, by a real server and the client."""

from __future__ import annotations

import hashlib
import io
import random
import time

import pytest
from PIL import Image as Image_

from ripguard.errors import Damaged
from ripguard.platform.audit.chain import Head
from ripguard.platform.audit.checkpoints import Checkpoint
from ripguard.platform.audit.verifying import verify_lines
from ripguard.platform.client import Client, Image, Missing
from ripguard.platform.errors import Absent

SERVERS = (1, 2)


def shuffled(published: dict[str, bytes], seed: int = 1) -> tuple[list[tuple[str, bytes]], list[str]]:
    """Images in any order under any names, and their paths."""
    paths = random.Random(seed).sample(sorted(published), len(published))
    return [(f"{number:03}.png", published[path]) for number, path in enumerate(paths)], paths


def test_deposit_request_grant_restore_revoke(running, hundred):  # type: ignore[no-untyped-def]
    owner, user = running.client("owner"), running.client("user")
    dataset = running.dataset(hundred, "photos")
    images, paths = shuffled(hundred.published)
    with pytest.raises(Absent):
        list(user.restore(dataset, images))
    owner.call("PATCH", f"/v1/datasets/{dataset}", {"listed": True, "public_log": True, "criteria": ["Who are you?"]})
    asked = user.call("POST", f"/v1/datasets/{dataset}/requests", {"purpose": "to train", "answers": ["A lab"]})
    with pytest.raises(Absent):
        list(user.restore(dataset, images))
    terms = {"ends_at": running.platform.clock() + 3600}
    grant = owner.call("POST", f"/v1/requests/{asked['id']}/grant", terms)
    assert [one["state"] for one in user.all(f"/v1/datasets/{dataset}/request-log", "requests")] == ["granted"]
    found = list(user.restore(dataset, images))
    assert all(isinstance(one, Image) for one in found)
    assert [one.upload for one in found] == [name for name, _ in images]
    assert [hashlib.sha256(one.data).hexdigest() for one in found] == [hundred.clean[path] for path in paths]
    uses = list(owner.all(f"/v1/datasets/{dataset}/usage", "uses"))
    assert [(one["name"], one["images"]) for one in uses] == [("user", 100)]
    owner.call("DELETE", f"/v1/grants/{grant['id']}")
    with pytest.raises(Absent):
        list(user.restore(dataset, images))
    verified = running.client("auditor").call("POST", "/v1/audit/verify")
    assert verified["ok"]
    assert verified["records"] > 4


def test_what_is_not_granted_is_refused_by_image(running, hundred):  # type: ignore[no-untyped-def]
    dataset = running.dataset(hundred, "one-class")
    label = sorted({path.split("/")[1] for path in hundred.published})[0]
    running.grant(dataset, split="train", label=label)
    images, paths = shuffled(hundred.published)
    found = list(running.client("user").restore(dataset, [*images, ("note.txt", b"a note"), ("x.png", b"no image")]))
    restored = {one.home for one in found if isinstance(one, Image)}
    assert restored == {path for path in paths if path.split("/")[1] == label}
    reasons = {one.upload: one.reason for one in found if isinstance(one, Missing)}
    assert reasons.pop("note.txt") == "left-out"
    assert set(reasons.values()) == {"not-in-dataset"}
    assert len(reasons) == 76


def test_results_are_signed_by_the_platform(running, hundred):  # type: ignore[no-untyped-def]
    """By the key of the audit log; a client that knows another key refuses them, of jobs, too."""
    dataset = running.dataset(hundred, "signed")
    running.grant(dataset)
    signer = running.client("user").me()["signer"]
    assert signer == running.platform.audit.public.hex()
    images = shuffled(hundred.published)[0][:3]
    for known in (signer, ""):
        with Client(running.url, running.tokens["user"], signer=known) as client:
            assert len(list(client.restore(dataset, images))) == 3
    with Client(running.url, running.tokens["user"], signer="0" * 64) as client:
        with pytest.raises(Damaged, match="signed by another key"):
            list(client.restore(dataset, images))
        job = client.create_job(dataset, "signed", images)["id"]
        while client.call("GET", f"/v1/jobs/{job}")["state"] != "done":
            time.sleep(0.05)
        with pytest.raises(Damaged, match="signed by another key"):
            list(client.job_result(job))


def test_the_head_of_the_log(running):  # type: ignore[no-untyped-def]
    """An auditor keeps it, and later verifies an exported log with it alone."""
    auditor = running.client("auditor")
    found = auditor.log_head()
    kept = Checkpoint(Head(found["seq"], found["hash"]), found["time"], bytes.fromhex(found["signature"]))
    public = bytes.fromhex(found["public"])
    assert kept.signed_by(public)
    lines = list(auditor.export_log())
    assert verify_lines(lines, [kept], public).ok
    assert not verify_lines(lines[: found["seq"] - 1], [kept], public).ok
    for name in ("user", "owner", "admin"):
        with pytest.raises(Absent):
            running.client(name).log_head()


def test_images_saved_again_over_http(running, hundred):  # type: ignore[no-untyped-def]
    """A PNG that another program compressed restores; as JPEG it does not."""
    dataset = running.dataset(hundred, "again")
    running.grant(dataset)
    path = sorted(hundred.published)[0]
    files = []
    with Image_.open(io.BytesIO(hundred.published[path])) as image:
        for form, options in (("PNG", {"compress_level": 0}), ("JPEG", {})):
            out = io.BytesIO()
            image.save(out, form, **options)
            files.append((f"a.{form.lower()}", out.getvalue()))
    assert files[0][1] != hundred.published[path]
    good, bad = running.client("user").restore(dataset, files)
    assert hashlib.sha256(good.data).hexdigest() == hundred.clean[path]
    assert good.home == path
    assert bad.reason == "not-in-dataset"
