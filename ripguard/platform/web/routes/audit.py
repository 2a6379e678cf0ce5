"""The audit log, for an auditor."""

from __future__ import annotations

import json
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from ripguard.platform.http.routes.audit import lines_of
from ripguard.platform.http.streams import sent as streamed
from ripguard.platform.web.downloads import saved_as
from ripguard.platform.web.forms import Sent
from ripguard.platform.web.pages import PageRoute, page
from ripguard.platform.web.visits import Visit, Visiting

router = APIRouter(prefix="/web/audit", route_class=PageRoute, include_in_schema=False)
SHOWN = 100  # records of a page
Before = Annotated[int | None, Query(ge=1, le=1 << 40)]


@router.get("")
def show_log(request: Request, visit: Visiting, before: Before = None) -> Response:
    """Records, the newest first.

    Args:
        before: number of the record behind the newest of the page.
    """
    return _page(request, visit, before)


@router.post("/verify")
def verify_log(request: Request, visit: Visiting, sent: Sent) -> Response:
    """Verify the whole log against its signed heads."""
    return _page(request, visit, None, verified=visit.session.verify_log())


@router.get("/export")
def export_log(visit: Visiting) -> Response:
    """All records as a file, one a line."""
    lines = visit.session.export_log()
    return StreamingResponse(
        streamed(lines_of(lines)), media_type="application/x-ndjson", headers=saved_as("audit.jsonl")
    )


def _page(request: Request, visit: Visit, before: int | None, verified: object = None) -> Response:
    length = visit.session.log_length()
    end = min(before or length + 1, length + 1)
    first = max(1, end - SHOWN)
    lines = islice(visit.session.export_log(after=first - 1), end - first)
    rows = [json.loads(line) for line in lines][::-1]
    names = {one.id: one.name for one in visit.session.accounts()}
    return page(request, "audit", visit, rows=rows, names=names, first=first, length=length, verified=verified)
