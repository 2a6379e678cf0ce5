"""Render pages: one environment of templates, the headers of a page, and refusals as pages."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.exceptions import HTTPException

from ripguard.errors import RipguardError
from ripguard.platform.errors import SignInFailed
from ripguard.platform.http.callers import state_of
from ripguard.platform.http.errors import LOG, problem, refusal, status_of
from ripguard.platform.web.visits import SESSION, Visit, cookie, set_cookie

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
JSON = "application/json"
Done = Annotated[str | None, Query(pattern=r"^[a-z-]{1,20}$")]  # what was done before this page, a key of NOTICES
NOTICES = {
    "asked": "Your request was sent to the owner.",
    "withdrawn": "The request was withdrawn.",
    "granted": "The grant was made.",
    "refused": "The request was refused.",
    "revoked": "Revoked. Running restorations stop at their next image.",
    "changed": "The settings were saved.",
    "closed": "The dataset is closed: nobody restores from it any more.",
    "cancelled": "The job was cancelled, and its files were removed.",
    "made": "The account was made. It has no token yet.",
    "disabled": "The account is disabled. All its tokens are refused.",
    "signed-out": "You are signed out.",
    "ended": "You were signed out: the token ended or was revoked, or nothing happened for half an hour.",
}


def page(request: Request, template: str, visit: Visit | None = None, status: int = 200, **values: Any) -> HTMLResponse:
    """A page of a template.

    Args:
        visit: None for a page that needs no sign-in.
        values: what the template shows; ``done``: a key of :data:`NOTICES`.
    """
    known = visit.session.account() if visit else None
    notice = NOTICES.get(values.pop("done", None) or "", "")
    time = state_of(request).platform.clock()
    here = request.url.path.split("/")[2:3]
    common = {"visit": visit, "account": known, "notice": notice, "here": here[0] if here else "", "now": time}
    text = _environment().get_template(f"{template}.html").render(**common, **values)
    return HTMLResponse(text, status)


def to(path: str, done: str = "") -> RedirectResponse:
    """Go to a page after a form."""
    return RedirectResponse(f"{path}?done={done}" if done else path, 303)


def wants_json(request: Request) -> bool:
    """Whether the script of a page calls, and not the browser."""
    return JSON in request.headers.get("accept", "")


class PageRoute(APIRoute):
    """A route whose refusals are pages, for the script of a page JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handled(request: Request) -> Response:
            try:
                answer = await handle(request)
            except (RipguardError, HTTPException, RequestValidationError) as error:
                answer = _refused(request, error)
            answer.headers.setdefault("Content-Security-Policy", POLICY)
            return answer

        return handled


def _refused(request: Request, error: RipguardError | HTTPException | RequestValidationError) -> Response:
    if isinstance(error, SignInFailed) and not wants_json(request):
        answer = to("/web/sign-in", "ended" if cookie(request, SESSION) else "")
        set_cookie(request, answer, SESSION, "")
        return answer
    if isinstance(error, RipguardError):
        if wants_json(request):
            return refusal(error)
        status, message, hint = status_of(error), error.message, error.hint
        if status == 503:
            LOG.error("%s: %s", error.code, error.message)  # the message may name files of the server
            message, hint = "the server cannot store or record this now", "try again later"
    elif isinstance(error, HTTPException):
        status, message, hint = error.status_code, str(error.detail).lower(), ""
    else:
        status, message, hint = 422, "the address or a field is not as the page sends it", "open the page again"
    if wants_json(request):
        return problem(status, "usage", message, hint)
    return page(request, "refused", None, status, message=message, hint=hint)


@functools.cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("ripguard.platform.web"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.filters |= {"moment": _moment, "day": _day, "sentence": _sentence, "number": "{:,}".format}
    return made


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M")


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")


def _sentence(text: str) -> str:
    """A message of an error as a sentence of a page."""
    found = text.replace(os.linesep, " ").strip()
    return found[:1].upper() + found[1:] + ("" if found.endswith((".", "?", "!")) else ".") if found else ""
