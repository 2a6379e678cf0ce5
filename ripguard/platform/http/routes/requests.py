"""Requests for access."""

from __future__ import annotations

from ripguard.platform.http.callers import PAGE, Called, group, page
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.models import (
    ApprovalIn,
    GrantOut,
    PublishedListOut,
    PublishedOut,
    RefusalIn,
    RequestIn,
    RequestOut,
    RequestsOut,
)
from ripguard.platform.http.routes.datasets import Limit, Offset
from ripguard.platform.http.routes.grants import grant_out, terms_of

router = group("requests", responses=RESPONSES)


@router.get("/datasets/{dataset}/requests")
def list_requests(caller: Called, dataset: str, limit: Limit = PAGE, offset: Offset = 0) -> RequestsOut:
    """Requests for a dataset, the newest first: all for its owner and auditors, the own ones for others."""
    rows, following = page(caller.requests(dataset), limit, offset)
    return RequestsOut(requests=[RequestOut(**vars(one)) for one in rows], next=following)


@router.post("/datasets/{dataset}/requests", status_code=201)
def ask(caller: Called, dataset: str, body: RequestIn) -> RequestOut:
    """Ask for access."""
    made = caller.ask(dataset, body.purpose, body.answers, split=body.split, label=body.label)
    return RequestOut(**vars(made))


@router.get("/datasets/{dataset}/request-log")
def request_log(caller: Called, dataset: str, limit: Limit = PAGE, offset: Offset = 0) -> PublishedListOut:
    """The published requests for a dataset, the newest first."""
    rows, following = page(caller.public_log(dataset), limit, offset)
    return PublishedListOut(requests=[PublishedOut(**vars(one)) for one in rows], next=following)


@router.post("/requests/{request_id}/grant", status_code=201)
def grant_request(caller: Called, request_id: str, body: ApprovalIn) -> GrantOut:
    """Grant a request, on terms that may differ from what it asks for."""
    return grant_out(caller.grant_request(request_id, terms_of(body), body.reason or ""))


@router.post("/requests/{request_id}/refuse", status_code=204)
def refuse_request(caller: Called, request_id: str, body: RefusalIn) -> None:
    """Refuse a request."""
    caller.refuse_request(request_id, body.reason)


@router.delete("/requests/{request_id}", status_code=204)
def withdraw_request(caller: Called, request_id: str) -> None:
    """Withdraw an own request."""
    caller.withdraw(request_id)
