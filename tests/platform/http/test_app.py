"""From deposit to clean images over HTTP, by a real server and the client."""

from __future__ import annotations

import hashlib
import random

import pytest

from ripguard.platform.client import Image, Missing
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
