"""Who visits a page: the cookie of a session, and what keeps other sites from sending forms for its holder.

The cookie is ``HttpOnly``, so that no script reads it, and ``SameSite=Strict``, so that no other site sends it. Forms
carry a value besides that follows from the cookie, and a browser says which site they come from. Routes below ``/v1``
know no cookie.
"""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from starlette.exceptions import HTTPException

from ripguard.platform.access.session import Session
from ripguard.platform.callers import Caller
from ripguard.platform.errors import SignInFailed
from ripguard.platform.http.callers import state_of
from ripguard.platform.roles import Scope
from ripguard.platform.web.sessions import WebSessions

SESSION, VISITOR = "ripguard", "ripguard-visitor"  # cookies: who signed in, and who has not
CSRF = "csrf"  # field of a form
FOREIGN = "this form was not sent from its page: open the page again"


@dataclass(frozen=True)
class Visit:
    """A visitor who signed in.

    Attributes:
        csrf: value of the field of the same name in its forms.
    """

    session: Session
    csrf: str = field(repr=False)

    @property
    def caller(self) -> Caller:
        return self.session.caller

    def may(self, scope: Scope) -> bool:
        """Whether the token has a scope. Pages do not ask for what it lacks: each denial is in the audit log."""
        return scope in self.caller.scopes


def tls(request: Request) -> bool:
    """Whether the browser speaks TLS, with a proxy or with this server."""
    return state_of(request).tls or request.url.scheme == "https"


def address(request: Request) -> str:
    """The address of the platform as the browser has it, such as ``https://data.example.org``."""
    return f"{'https' if tls(request) else 'http'}://{request.url.netloc}"


def cookie(request: Request, name: str) -> str:
    """Value of a cookie, "" for none."""
    return request.cookies.get(_named(request, name), "")


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """Set a cookie until the browser closes, or remove it for the value ""."""
    about = {"path": "/", "secure": tls(request), "httponly": True, "samesite": "strict"}
    if value:
        response.set_cookie(_named(request, name), value, **about)  # type: ignore[arg-type]
    else:
        response.delete_cookie(_named(request, name), **about)  # type: ignore[arg-type]


def new_visitor() -> str:
    """A random value for the cookie of somebody who has not signed in."""
    return secrets.token_urlsafe(32)


def csrf_of(value: str) -> str:
    """What the forms of the holder of a cookie carry. The cookie does not follow from it."""
    return hmac.new(value.encode("utf-8", "replace"), b"ripguard form", "sha256").hexdigest()


def refuse_foreign(request: Request) -> None:
    """Refuse a form that another site sends. Raises :class:`HTTPException`, 403.

    Browsers of 2023 and later send ``Sec-Fetch-Site``. Others must send the origin of the page.
    """
    if (site := request.headers.get("sec-fetch-site")) is not None:
        ours = site == "same-origin"
    else:
        origin = urlsplit(request.headers.get("origin", ""))
        ours = f"{origin.scheme}://{origin.netloc}" == address(request)
    if not ours:
        raise HTTPException(403, FOREIGN)


def refuse_wrong(given: object, wanted: str) -> None:
    """Refuse a form without the value that follows from its cookie. Raises :class:`HTTPException`, 403."""
    if not isinstance(given, str) or not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        raise HTTPException(403, FOREIGN)


def visit(request: Request) -> Visit:
    """The visitor of a page. Raises :class:`SignInFailed`, :class:`LimitReached`."""
    if not (name := cookie(request, SESSION)):
        raise SignInFailed("you are not signed in", "sign in")
    platform = state_of(request).platform
    caller = WebSessions(platform).caller(name)
    platform.throttle.call(f"token {caller.accessor}")
    return Visit(platform.session_of(caller), csrf_of(name))


Visiting = Annotated[Visit, Depends(visit)]


def _named(request: Request, name: str) -> str:
    return f"__Host-{name}" if tls(request) else name
