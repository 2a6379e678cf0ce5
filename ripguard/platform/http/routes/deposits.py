"""Deposits of owners."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import IO, Any

import anyio
from fastapi import Request
from starlette.exceptions import HTTPException

from ripguard.errors import InputRefused
from ripguard.platform.access.session import Session
from ripguard.platform.deposits.deposits import MOST_BYTES, Deposited
from ripguard.platform.http.callers import Calling, Served, group
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.models import DepositedOut
from ripguard.platform.http.streams import pieces_of, received

router = group("datasets", "/v1/datasets", responses=RESPONSES)
KEY = 32  # bytes
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.post("/{dataset}/deposit", openapi_extra=BODY)
async def deposit(request: Request, caller: Calling, state: Served, dataset: str) -> DepositedOut:
    """Deposit a release as a new version.

    The body is the 32 bytes of the release's subkey, and then the container `release.ripguard`. It is taken over TLS,
    or from the same machine, alone.
    """
    if not private(request):
        raise HTTPException(403, "a key is taken over TLS, or from the same machine")
    await anyio.to_thread.run_sync(caller.depositing, dataset)
    file = await received(request, state, MOST_BYTES)
    done = await anyio.to_thread.run_sync(_deposit, caller, dataset, file)
    return DepositedOut(**vars(done))


def private(request: Request) -> bool:
    """Whether nobody between client and server can read the request."""
    if request.url.scheme == "https":
        return True
    try:
        return request.client is not None and ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _deposit(caller: Session, dataset: str, file: IO[bytes]) -> Deposited:
    with file:
        secret = file.read(KEY)
        if len(secret) < KEY:
            raise InputRefused("deposit: the body is shorter than a key")
        pieces: Iterator[bytes] = pieces_of(file)
        return caller.deposit(dataset, pieces, secret)
