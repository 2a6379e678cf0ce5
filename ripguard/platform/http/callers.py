"""Who calls: the bearer token in the header, and nowhere else."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ripguard.platform.access.session import Session
from ripguard.platform.errors import SignInFailed
from ripguard.platform.http.state import State

BEARER = HTTPBearer(auto_error=False, description="A token that begins with rgd_.")
PAGE, MOST_PAGE = 50, 200  # objects in one answer


def state_of(request: Request) -> State:
    """What the application stands on."""
    return cast(State, request.app.state.ripguard)


def refuse_unknown_queries(request: Request) -> None:
    """Refuse parameters of the query that the route does not know, and so tokens there, too."""
    route = request.scope.get("route")
    known = {one.alias for one in route.dependant.query_params} if route else set()
    names = request.query_params.multi_items()
    if strange := sorted({name for name, _ in names} - known):
        raise RequestValidationError([{"loc": ("query", one[:40]), "msg": "unknown field"} for one in strange])
    if len({name for name, _ in names}) < len(names):
        raise RequestValidationError([{"loc": ("query",), "msg": "a field is given twice"}])


def session(request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]) -> Session:
    """The session of the caller."""
    if credentials is None:
        raise SignInFailed("the token is not valid", "send it in the header Authorization: Bearer")
    address = request.client.host if request.client else ""
    return state_of(request).platform.session(credentials.credentials, address)


Calling = Annotated[Session, Depends(session)]
Served = Annotated[State, Depends(state_of)]


def page(rows: list[Any], limit: int, offset: int) -> tuple[list[Any], int | None]:
    """One page of a list, and the offset of the next one, None at the end."""
    end = offset + limit
    return rows[offset:end], end if end < len(rows) else None
