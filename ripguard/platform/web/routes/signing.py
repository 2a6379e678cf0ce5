"""Sign in with a token or a profile file, and out."""

from __future__ import annotations

from urllib.parse import quote

import anyio
from fastapi import APIRouter, Request, Response

from ripguard.errors import KeyFileError, RipguardError, UsageError
from ripguard.platform.errors import LimitReached, SignInFailed
from ripguard.platform.http.callers import Served
from ripguard.platform.http.errors import status_of
from ripguard.platform.http.state import State
from ripguard.platform.profiles import MOST, Profile
from ripguard.platform.web import forms
from ripguard.platform.web.pages import Done, PageRoute, page, to
from ripguard.platform.web.sessions import WebSessions
from ripguard.platform.web.visits import (
    SESSION,
    VISITOR,
    Visiting,
    cookie,
    csrf_of,
    new_visitor,
    set_cookie,
    visit,
)

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/")
@router.get("/web")
def start(request: Request) -> Response:
    """The first page: the datasets of who is signed in."""
    return to("/web/datasets" if cookie(request, SESSION) else "/web/sign-in")


@router.get("/web/sign-in")
def show_sign_in(request: Request, done: Done = None) -> Response:
    """The form to sign in."""
    try:
        visit(request)
    except SignInFailed:
        return _form(request, done=done)
    return to("/web/datasets")


@router.post("/web/sign-in")
async def sign_in(request: Request, state: Served) -> Response:
    """Sign in: the token goes no further than this call, and the browser gets the id of a session."""
    sent = await forms.read(request, csrf_of(cookie(request, VISITOR)))
    dataset = ""
    try:
        token = sent.text("token")
        if file := await sent.upload("profile", MOST):
            profile = Profile.parsed(file)
            token, dataset = profile.token, profile.dataset
        name = await anyio.to_thread.run_sync(_opened, state, token, request.client.host if request.client else "")
    except (SignInFailed, KeyFileError, LimitReached, UsageError) as error:
        return _form(request, problem=error)
    answer = to(f"/web/datasets/{quote(dataset, safe='')}" if dataset else "/web/datasets")
    set_cookie(request, answer, VISITOR, "")
    set_cookie(request, answer, SESSION, name)
    return answer


@router.post("/web/sign-out")
def sign_out(request: Request, state: Served, _: forms.Sent, __: Visiting) -> Response:
    """End the session."""
    WebSessions(state.platform).close(cookie(request, SESSION))
    answer = to("/web/sign-in", "signed-out")
    set_cookie(request, answer, SESSION, "")
    return answer


def _opened(state: State, token: str, address: str) -> str:
    return WebSessions(state.platform).open(state.platform.session(token, address).caller)


def _form(request: Request, problem: RipguardError | None = None, done: str | None = None) -> Response:
    visitor = cookie(request, VISITOR) or new_visitor()
    status = status_of(problem) if problem else 200
    if isinstance(problem, KeyFileError | UsageError):  # of the profile, not of the server
        status = 422
    answer = page(request, "sign_in", None, status, csrf=csrf_of(visitor), problem=problem, done=done)
    set_cookie(request, answer, VISITOR, visitor)
    return answer
