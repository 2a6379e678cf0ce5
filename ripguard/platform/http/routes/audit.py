"""The audit log."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse

from ripguard.platform.http.callers import Called, Served, group
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.models import HeadOut, VerifiedOut
from ripguard.platform.http.streams import sent

router = group("audit", "/v1/audit", responses=RESPONSES)
LINES = {200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}, "description": "Records."}}


@router.get("", response_class=StreamingResponse, responses=LINES)  # type: ignore[arg-type]
def export_log(
    caller: Called,
    after: Annotated[int, Query(ge=0, le=1 << 40)] = 0,
    dataset: Annotated[str | None, Query(pattern=r"^[!-~]{1,80}$")] = None,
) -> StreamingResponse:
    """Records of the log in order, one a line, from the one behind `after`."""
    lines = caller.export_log(dataset, after)
    return StreamingResponse(sent(lines_of(lines)), media_type="application/x-ndjson")


@router.get("/head")
def log_head(caller: Called, state: Served) -> HeadOut:
    """The end of the log, signed now: who keeps it can show later that the log was cut off or written anew."""
    found, public = caller.log_head(), state.platform.audit.public.hex()
    return HeadOut(**vars(found.head), time=found.time, signature=found.signature.hex(), public=public)


@router.post("/verify")
def verify_log(caller: Called) -> VerifiedOut:
    """Verify the whole log against its signed heads."""
    found = caller.verify_log()
    return VerifiedOut(ok=found.ok, records=found.head.seq, checkpoints=found.checkpoints, problems=found.problems)


def lines_of(lines: Iterator[str]) -> Iterator[bytes]:
    """The lines of a file."""
    for line in lines:
        yield line.encode() + b"\n"
