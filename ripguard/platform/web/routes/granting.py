"""Grants of an own dataset, and decisions about requests for it."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ripguard.platform.http.callers import Served
from ripguard.platform.profiles import Profile
from ripguard.platform.web.downloads import secret_file
from ripguard.platform.web.forms import Sent
from ripguard.platform.web.pages import PageRoute, to
from ripguard.platform.web.visits import Visiting, address

router = APIRouter(prefix="/web", route_class=PageRoute, include_in_schema=False)


@router.post("/datasets/{dataset}/grants")
def grant(visit: Visiting, sent: Sent, dataset: str) -> Response:
    """Grant it to an account."""
    visit.session.grant(dataset, sent.text("account"), sent.terms())
    return to(f"/web/datasets/{dataset}", "granted")


@router.post("/datasets/{dataset}/invitations")
def invite(request: Request, visit: Visiting, state: Served, sent: Sent, dataset: str) -> Response:
    """Make an account with a grant. The answer is its profile file, this one time."""
    name = sent.text("account")
    made = visit.session.invite(dataset, name, sent.terms())
    signer = state.platform.audit.public.hex()
    profile = Profile(address(request), dataset, made.text, made.expires_at, signer)
    return secret_file(f"{name}.profile.json", profile.data(), "application/json")


@router.post("/datasets/{dataset}/grants/{grant}/revoke")
def revoke(visit: Visiting, sent: Sent, dataset: str, grant: str) -> Response:
    """End a grant."""
    visit.session.revoke_grant(grant)
    return to(f"/web/datasets/{dataset}", "revoked")


@router.post("/datasets/{dataset}/requests/{asked}/grant")
def grant_request(visit: Visiting, sent: Sent, dataset: str, asked: str) -> Response:
    """Grant a request, on the terms of the form."""
    visit.session.grant_request(asked, sent.terms(), sent.text("reason"))
    return to(f"/web/datasets/{dataset}", "granted")


@router.post("/datasets/{dataset}/requests/{asked}/refuse")
def refuse_request(visit: Visiting, sent: Sent, dataset: str, asked: str) -> Response:
    """Refuse a request, with a reason."""
    visit.session.refuse_request(asked, sent.text("reason"))
    return to(f"/web/datasets/{dataset}", "refused")
