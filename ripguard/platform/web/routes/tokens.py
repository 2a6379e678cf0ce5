"""Own tokens: which there are, new ones with less power, and an end for each."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ripguard.platform.callers import Wanted
from ripguard.platform.clock import DAY
from ripguard.platform.roles import Scope
from ripguard.platform.web.downloads import secret_file
from ripguard.platform.web.forms import Form, Sent
from ripguard.platform.web.pages import Done, PageRoute, page, to
from ripguard.platform.web.visits import Visiting

router = APIRouter(prefix="/web/tokens", route_class=PageRoute, include_in_schema=False)


@router.get("")
def list_tokens(request: Request, visit: Visiting, done: Done = None) -> Response:
    """Own tokens, the newest first."""
    rows = visit.session.tokens()
    return page(request, "tokens", visit, rows=rows, issues=visit.may(Scope.TOKENS), done=done)


@router.post("")
def issue(visit: Visiting, sent: Sent) -> Response:
    """A child of the token of this session. The answer is a file with it, this one time."""
    made = visit.session.issue_token(wanted(sent))
    return secret_file(f"{made.accessor}.token", made.text.encode() + b"\n", "text/plain")


@router.post("/{accessor}/revoke")
def revoke(visit: Visiting, sent: Sent, accessor: str) -> Response:
    """Revoke a token and its children; where it is that of this session, the next page is that to sign in."""
    visit.session.revoke_token(accessor)
    return to("/web/tokens", "revoked")


def wanted(sent: Form) -> Wanted:
    """What a form asks for."""
    return Wanted(images=sent.count("images"), life=(sent.count("days") or 0) * DAY, note=sent.text("note"))
