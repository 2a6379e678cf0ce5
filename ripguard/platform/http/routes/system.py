"""Whether the server runs, and who calls."""

from __future__ import annotations

from fastapi.responses import PlainTextResponse

from ripguard.platform.errors import LimitReached
from ripguard.platform.http.callers import Called, Served, group
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.models import Me, Status

TEXT = "text/plain; version=0.0.4; charset=utf-8"
router = group("system", prefix="")


@router.get("/health", responses={422: RESPONSES[422]})
async def health() -> Status:
    """Whether the process answers."""
    return Status(status="ok")


@router.get("/ready", responses={one: RESPONSES[one] for one in (422, 429, 503)})
def ready(state: Served) -> Status:
    """Whether the database can be read, and the server does not stop."""
    state.platform.audit.head()
    if state.stopping.is_set():
        raise LimitReached("the server stops", "try again", 5)
    return Status(status="ready")


@router.get("/metrics", response_class=PlainTextResponse, responses={422: RESPONSES[422]})
def metrics(state: Served) -> PlainTextResponse:
    """Numbers for Prometheus, without names and ids."""
    return PlainTextResponse(state.metrics.text(), media_type=TEXT)


@router.get("/v1/me", responses=RESPONSES)
def me(caller: Called, state: Served) -> Me:
    """The caller, as its token says."""
    own = caller.caller
    return Me(
        account=own.principal, role=own.role, accessor=own.accessor, scopes=sorted(own.scopes),
        dataset=own.dataset, split=own.split, label=own.label, expires_at=own.expires_at,
        signer=state.platform.audit.public.hex(),
    )  # fmt: skip
