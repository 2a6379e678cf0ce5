"""Restore uploaded images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Annotated, Any, Literal

import anyio
from fastapi import Query, Request
from fastapi.responses import StreamingResponse

from ripguard.platform.access.session import Session
from ripguard.platform.http.callers import Calling, Served, group
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.state import State
from ripguard.platform.http.streams import pieces_of, received, sent
from ripguard.platform.restoring.download import archive
from ripguard.platform.restoring.reasons import Outcome
from ripguard.platform.restoring.upload import members
from ripguard.platform.service.restoration import Restoration

router = group("restore", "/v1/datasets", responses=RESPONSES)
TYPES = {"tar": "application/x-tar", "zip": "application/zip"}
BINARY = {"schema": {"type": "string", "format": "binary"}}
BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {"application/octet-stream": BINARY}}}
ARCHIVES: dict[int | str, dict[str, Any]] = {
    200: {"content": dict.fromkeys(TYPES.values(), BINARY), "description": "The restored images, and RESULT.json."}
}


@router.post("/{dataset}/restore", response_class=StreamingResponse, responses=ARCHIVES, openapi_extra=BODY)
async def restore(
    request: Request,
    caller: Calling,
    state: Served,
    dataset: str,
    form: Annotated[Literal["tar", "zip"], Query(alias="format")] = "tar",
    name: Annotated[str, Query(min_length=1, max_length=255)] = "image",
) -> StreamingResponse:
    """Restore images: the body is one image, called `name`, or a zip or tar archive of them, in any order.

    The answer is an archive with the restored images, and at its end `RESULT.json`, which lists every image of the
    upload. An answer without it was cut off.
    """
    restoration = await anyio.to_thread.run_sync(_may, caller, state, dataset)
    seal = await anyio.to_thread.run_sync(state.seal, dataset)
    file = await received(request, state, state.uploads.total_bytes, caller.caller)
    outcomes = restoration.outcomes(members(pieces_of(file), state.uploads, name=name, folder=state.folder))
    started = await anyio.to_thread.run_sync(_started, outcomes, file, state.metrics.count)
    return StreamingResponse(sent(archive(started, form, state.folder, seal)), media_type=TYPES[form])


def _may(caller: Session, state: State, dataset: str) -> Restoration:
    caller.restoring(dataset)  # records a denial
    return Restoration(state.platform, state.pools, caller.caller, dataset, state.stopping)


def _started(outcomes: Iterator[Outcome], file: IO[bytes], count: Callable[[Outcome], Outcome]) -> Iterator[Outcome]:
    """The outcomes, after the first was made: what refuses everything is an answer of its own, not a list."""
    try:
        first = next(outcomes)
    except BaseException:
        file.close()
        raise
    return _again(first, outcomes, count)


def _again(first: Outcome, outcomes: Iterator[Outcome], count: Callable[[Outcome], Outcome]) -> Iterator[Outcome]:
    try:
        yield count(first)
        yield from map(count, outcomes)
    finally:
        outcomes.close()  # type: ignore[attr-defined]
