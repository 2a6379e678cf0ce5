"""Accounts, for an admin: new ones, their first tokens, and an end for each."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from ripguard.errors import UsageError
from ripguard.platform.errors import Absent
from ripguard.platform.roles import Role, Scope
from ripguard.platform.web.downloads import secret_file
from ripguard.platform.web.forms import Sent
from ripguard.platform.web.pages import Done, PageRoute, page, to
from ripguard.platform.web.routes.tokens import wanted
from ripguard.platform.web.visits import Visiting

router = APIRouter(prefix="/web/accounts", route_class=PageRoute, include_in_schema=False)


@router.get("")
def list_accounts(request: Request, visit: Visiting, done: Done = None) -> Response:
    """All accounts, or the own one for who may not see others."""
    makes = visit.caller.role is Role.ADMIN and visit.may(Scope.ADMIN)
    rows = visit.session.accounts()
    return page(request, "accounts", visit, rows=rows, makes=makes, roles=[one.value for one in Role], done=done)


@router.post("")
def create(visit: Visiting, sent: Sent) -> Response:
    """A new account, which has no token yet."""
    role = sent.text("role")
    if role not in list(Role):
        raise UsageError("role: expected one of the list")
    made = visit.session.create_account(sent.text("name"), Role(role))
    return to(f"/web/accounts/{made.id}", "made")


@router.get("/{account}")
def show_account(request: Request, visit: Visiting, account: str, done: Done = None) -> Response:
    """An account and its tokens."""
    about = next((one for one in visit.session.accounts() if one.id == account), None)
    if about is None:
        raise Absent.of("account")
    may = visit.caller.role is Role.ADMIN
    rows = visit.session.tokens(account) if may else []
    return page(request, "account", visit, about=about, rows=rows, may=may, done=done)


@router.post("/{account}/tokens")
def issue(visit: Visiting, sent: Sent, account: str) -> Response:
    """A token of an account. The answer is a file with it, this one time."""
    made = visit.session.issue_token(wanted(sent), account)
    return secret_file(f"{made.accessor}.token", made.text.encode() + b"\n", "text/plain")


@router.post("/{account}/tokens/{accessor}/revoke")
def revoke(visit: Visiting, sent: Sent, account: str, accessor: str) -> Response:
    """Revoke a token and its children."""
    visit.session.revoke_token(accessor)
    return to(f"/web/accounts/{account}", "revoked")


@router.post("/{account}/disable")
def disable(visit: Visiting, sent: Sent, account: str) -> Response:
    """Refuse all tokens of an account; the box of the form must be checked."""
    if sent.flag("sure"):
        visit.session.disable_account(account)
        return to(f"/web/accounts/{account}", "disabled")
    return to(f"/web/accounts/{account}")
