"""Limits of bodies, headers of every answer, and forms of requests that are refused."""

from __future__ import annotations

import pytest

from ripguard.platform.http.guard import HEADERS, MOST_BODY


@pytest.mark.parametrize("path", ["/health", "/v1/me", "/nothing", "/openapi.json"])
def test_headers_of_every_answer(running, path):  # type: ignore[no-untyped-def]
    with running.raw() as http:
        answer = http.get(path, headers={"Origin": "https://evil.example"})
    assert {name.decode(): value.decode() for name, value in HEADERS.items()}.items() <= dict(answer.headers).items()
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert "server" not in answer.headers


def test_large_bodies(running):  # type: ignore[no-untyped-def]
    body = b" " * (MOST_BODY + 1)
    with running.raw("owner") as http:
        for content in (body, iter([body])):  # with its length, and in chunks
            answer = http.post("/v1/datasets", content=content, headers={"Content-Type": "application/json"})
            assert (answer.status_code, answer.json()["error"]) == (413, "too-large")
        assert http.post("/v1/datasets", json={"name": "x" * 100}).status_code == 422


def test_large_uploads(running, hundred, monkeypatch):  # type: ignore[no-untyped-def]
    dataset = running.dataset(hundred, "large")
    monkeypatch.setattr(running.state, "uploads", type(running.state.uploads)(total_bytes=10_000))
    with running.raw("owner") as http:
        for content in (bytes(10_001), iter([bytes(10_001)])):
            answer = http.post(f"/v1/datasets/{dataset}/restore", content=content)
            assert (answer.status_code, answer.json()["error"]) == (413, "too-large")


def test_a_token_belongs_into_the_header(running):  # type: ignore[no-untyped-def]
    token = running.tokens["owner"]
    with running.raw() as http:
        for path in (f"/v1/me?token={token}", f"/v1/me?access_token={token}"):
            answer = http.get(path)
            assert answer.status_code in (401, 422)
            assert token not in answer.text
        assert http.get("/v1/me", cookies={"Authorization": f"Bearer {token}"}).status_code == 401
        assert http.get("/v1/me", headers={"Authorization": f"Basic {token}"}).status_code == 401
        assert http.get("/v1/me", headers={"Authorization": f"Bearer {token}x"}).status_code == 401
    with running.raw("owner") as http:
        assert http.get(f"/v1/me?token={token}").status_code == 422
        assert http.get("/v1/me").json()["role"] == "owner"


def test_unknown_fields_and_methods(running):  # type: ignore[no-untyped-def]
    with running.raw("owner") as http:
        assert http.post("/v1/datasets", json={"name": "a", "owner": "me"}).status_code == 422
        assert http.get("/v1/datasets?limit=201").status_code == 422
        assert http.get("/v1/datasets?limit=1&limit=2").status_code == 422
        answer = http.put("/v1/datasets", headers={"X-HTTP-Method-Override": "GET"})
        assert answer.status_code == 405
        assert answer.headers["allow"]
        assert http.get("/docs").status_code == 404
        answer = http.post("/v1/datasets", content=b'{"name": "rgd_secret', headers={"Content-Type": "text/json"})
        assert answer.status_code == 422
        assert "rgd_secret" not in answer.text
