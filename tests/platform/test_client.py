"""The client sends tokens nowhere but to the server that is named, and never unencrypted."""

from __future__ import annotations

import httpx
import pytest

from ripguard.errors import StorageError, UsageError
from ripguard.platform.client import Client
from ripguard.platform.errors import Conflict, LimitReached, SignInFailed


@pytest.mark.parametrize("server", ["http://data.example.org", "data", "ftp://x", "https://a:b@x", "http://10.0.0.1"])
def test_addresses_that_are_refused(server):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError):
        Client(server, "rgd_x")


def answering(status: int, body: object, **headers: str) -> Client:
    """A client of a server that always gives this answer."""
    transport = httpx.MockTransport(lambda _: httpx.Response(status, json=body, headers=headers))
    return Client("http://127.0.0.1:1", "rgd_x", transport)


def test_refusals_become_errors():
    about = {"message": "m", "hint": "h"}
    with pytest.raises(SignInFailed):
        answering(401, {"error": "sign-in", **about}).me()
    with pytest.raises(Conflict):
        answering(409, {"error": "usage", **about}).me()
    with pytest.raises(LimitReached) as refused:
        answering(429, {"error": "limit", **about}, **{"Retry-After": "7"}).me()
    assert refused.value.retry_after == 7
    for status, body in ((503, {"error": "storage", **about}), (502, "gateway"), (302, {})):
        with pytest.raises(StorageError):
            answering(status, body).me()


def test_a_server_that_is_not_there():
    with pytest.raises(StorageError, match="cannot be reached"):
        Client("http://127.0.0.1:1", "rgd_x").me()
