"""Streams that are refused, cut, or stopped by a revocation."""

from __future__ import annotations

import json
import time

import pytest
from uploads import tar_of, zip_of

from ripguard.errors import Damaged, StorageError
from ripguard.platform.restoring.checker import Checker


def many(hundred, times):  # type: ignore[no-untyped-def]
    return [(f"{path}-{again}", data) for again in range(times) for path, data in hundred.published.items()]


def test_a_revocation_stops_a_running_stream(running, hundred):  # type: ignore[no-untyped-def]
    dataset = running.dataset(hundred, "stopped")
    grant = running.grant(dataset)
    body = tar_of(many(hundred, 30))
    with running.raw("user") as http, http.stream("POST", f"/v1/datasets/{dataset}/restore", content=body) as answer:
        pieces = answer.iter_bytes()
        held = next(pieces)
        running.client("owner").call("DELETE", f"/v1/grants/{grant}")
        checker = Checker([held, *pieces])
        came = list(checker)
    assert checker.result is not None
    assert not checker.result.complete
    assert checker.result.error == "the right to restore ended"
    assert 0 < len(came) < 3000


def test_a_client_that_goes_frees_the_pool(running, hundred):  # type: ignore[no-untyped-def]
    dataset = running.dataset(hundred, "gone")
    body = tar_of(many(hundred, 30))
    with running.raw("owner") as http, http.stream("POST", f"/v1/datasets/{dataset}/restore", content=body) as answer:
        next(answer.iter_raw())
    for _ in range(6000):
        if not any(one.users for one in running.state.pools._entries.values()):
            break
        time.sleep(0.01)
    else:
        pytest.fail("the pool is still in use")
    images = list(hundred.published.items())[:2]
    assert len(list(running.client("owner").restore(dataset, images))) == 2


@pytest.mark.parametrize("form", ["tar", "zip"])
@pytest.mark.parametrize("pack", [tar_of, zip_of])
def test_forms(running, hundred, form, pack):  # type: ignore[no-untyped-def]
    dataset = running.dataset(hundred, f"forms-{form}-{pack.__name__.replace('_', '-')}")
    body = pack(list(hundred.published.items())[:5])
    with running.raw("owner") as http:
        answer = http.post(f"/v1/datasets/{dataset}/restore", params={"format": form}, content=body)
        assert answer.headers["content-type"] == f"application/{'x-tar' if form == 'tar' else 'zip'}"
    checker = Checker([answer.content])
    assert len(list(checker)) == 5
    with pytest.raises(Damaged):
        list(Checker([answer.content[:-100]]))


def test_one_image(running, hundred):  # type: ignore[no-untyped-def]
    dataset = running.dataset(hundred, "one")
    path, data = next(iter(hundred.published.items()))
    with running.raw("owner") as http:
        answer = http.post(f"/v1/datasets/{dataset}/restore", params={"name": "my.png"}, content=data)
    checker = Checker([answer.content])
    assert [one.name for one in checker] == ["my.png"]
    assert checker.result is not None
    assert checker.result.images[0]["sha256"] == hundred.clean[path]


def test_no_record_no_bytes(running, hundred):  # type: ignore[no-untyped-def]
    """Where the log cannot be written, the answer is 503, and nothing was restored."""
    dataset = running.dataset(hundred, "unrecorded")
    body, file = tar_of(list(hundred.published.items())[:5]), running.platform.settings.checkpoints
    kept = file.rename(file.with_suffix(".kept"))
    file.mkdir()
    try:
        with running.raw("owner") as http:
            answer = http.post(f"/v1/datasets/{dataset}/restore", content=body)
        assert answer.status_code == 503
        assert json.loads(answer.content) == {
            "error": "storage", "message": "the server cannot store or record this now", "hint": "try again later",
        }  # fmt: skip
        with pytest.raises(StorageError):
            running.client("owner").call("POST", "/v1/datasets", {"name": "another"})
    finally:
        file.rmdir()
        kept.rename(file)
    assert len(list(running.client("owner").restore(dataset, list(hundred.published.items())[:2]))) == 2


@pytest.mark.parametrize("body", [b"", b"\x1f\x8bnothing", b"PK\3\4nothing"])
def test_uploads_that_are_none(running, hundred, body):  # type: ignore[no-untyped-def]
    dataset = running.dataset(hundred, f"none-{len(body)}-{body[:1].hex() or 'empty'}")
    with running.raw("owner") as http:
        answer = http.post(f"/v1/datasets/{dataset}/restore", content=body)
    assert answer.status_code == 422
    assert answer.json()["error"] == "input-refused"
