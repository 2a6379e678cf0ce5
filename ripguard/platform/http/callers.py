"""Who calls: the bearer token in the header, and nowhere else."""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from inspect import iscoroutinefunction
from typing import Annotated, Any, cast

import anyio
from fastapi import APIRouter, Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from ripguard.platform.access.session import Session
from ripguard.platform.errors import SignInFailed
from ripguard.platform.http.state import State

BEARER = HTTPBearer(auto_error=False, description="A token that begins with rgd_.")
PAGE, MOST_PAGE = 50, 200  # objects in one answer


def state_of(request: Request) -> State:
    """What the application stands on."""
    return cast(State, request.app.state.ripguard)


# asynchronous where nothing waits: a function that is not is run in another thread, which takes longer than it does
async def served(request: Request) -> State:
    """The same, as a dependency."""
    return state_of(request)


async def refuse_unknown_queries(request: Request) -> None:
    """Refuse parameters of the query that the route does not know, and so tokens there, too."""
    route = request.scope.get("route")
    known = {one.alias for one in route.dependant.query_params} if route else set()
    names = request.query_params.multi_items()
    if strange := sorted({name for name, _ in names} - known):
        raise RequestValidationError([{"loc": ("query", one[:40]), "msg": "unknown field"} for one in strange])
    if len({name for name, _ in names}) < len(names):
        raise RequestValidationError([{"loc": ("query",), "msg": "a field is given twice"}])


@dataclass(frozen=True)
class Knock:
    """A token that came, and was not looked at yet. It can do nothing but become a session."""

    state: State
    token: str = field(repr=False)
    address: str

    def session(self) -> Session:
        """The session of the caller. Reads the database. Raises :class:`SignInFailed`, :class:`LimitReached`."""
        return self.state.platform.session(self.token, self.address)


async def knock(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(BEARER)]
) -> Knock:
    """The token of a request."""
    if credentials is None:
        raise SignInFailed("the token is not valid", "send it in the header Authorization: Bearer")
    address = request.client.host if request.client else ""
    return Knock(state_of(request), credentials.credentials, address)


async def session(knock: Annotated[Knock, Depends(knock)]) -> Session:
    """The session of the caller."""
    return await anyio.to_thread.run_sync(knock.session)


class InThread(APIRoute):
    """A route whose function runs in a thread as a whole: signing in, what it does, and its answer.

    FastAPI takes a thread for each of these, and to change threads takes as long as a query. A request of a wrong form
    never comes to the function: whoever sent it signs in before it is told what is wrong.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint if iscoroutinefunction(endpoint) else _in_thread(endpoint), **more)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        private = any(one.call in (knock, session) for one in self.dependant.dependencies)

        async def handled(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError:
                if private:
                    caller = await knock(request, await BEARER(request))
                    await anyio.to_thread.run_sync(caller.session)
                raise

        return handled


def _in_thread(endpoint: Callable[..., Any]) -> Callable[..., Any]:
    def run(arguments: dict[str, Any]) -> Any:
        known = {name: one.session() if isinstance(one, Knock) else one for name, one in arguments.items()}
        return endpoint(**known)

    @functools.wraps(endpoint)
    async def made(**arguments: Any) -> Any:
        return await anyio.to_thread.run_sync(run, arguments)

    return made


def group(tag: str, prefix: str = "/v1", **more: Any) -> APIRouter:
    """A group of routes, which may ask for the caller as :data:`Called`."""
    return APIRouter(prefix=prefix, tags=[tag], route_class=InThread, **more)


Calling = Annotated[Session, Depends(session)]
Called = Annotated[Session, Depends(knock)]  # of a function that is not asynchronous, in a router of `group`
Served = Annotated[State, Depends(served)]


def page(rows: list[Any], limit: int, offset: int) -> tuple[list[Any], int | None]:
    """One page of a list, and the offset of the next one, None at the end."""
    end = offset + limit
    return rows[offset:end], end if end < len(rows) else None
