"""Make the application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable

import anyio
from fastapi import APIRouter, Depends, FastAPI

from ripguard import __version__
from ripguard.platform.http import errors
from ripguard.platform.http.callers import refuse_unknown_queries
from ripguard.platform.http.guard import Guard
from ripguard.platform.http.metrics import Counted
from ripguard.platform.http.routes import ROUTERS
from ripguard.platform.http.state import State

SWEEP = 10.0  # seconds between two looks at unused pools


def application(state: State, docs: bool = False, more: Iterable[APIRouter] = ()) -> FastAPI:
    """The application of a server process. It closes pools and platform when it stops.

    Args:
        docs: whether ``/docs`` shows a page to try the routes.
        more: routes beside those of the API.
    """

    @contextlib.asynccontextmanager
    async def running(_app: FastAPI) -> AsyncIterator[None]:
        state.runner.start()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_sweep, state)
            yield
            tasks.cancel_scope.cancel()
        state.stopping.set()
        await anyio.to_thread.run_sync(state.close)

    app = FastAPI(
        title="ripguard platform",
        version=__version__,
        docs_url="/docs" if docs else None,
        redoc_url=None,
        lifespan=running,
        dependencies=[Depends(refuse_unknown_queries)],
        redirect_slashes=False,
    )
    app.state.ripguard = state
    errors.install(app)
    for router in (*ROUTERS, *more):
        app.include_router(router)
    app.add_middleware(Guard)
    app.add_middleware(Counted, metrics=state.metrics)
    return app


async def _sweep(state: State) -> None:
    while True:
        await anyio.sleep(SWEEP)
        await anyio.to_thread.run_sync(state.pools.sweep)
