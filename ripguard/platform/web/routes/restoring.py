"""Upload protected images, to be restored by a job."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from typing import IO

import anyio
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from ripguard.platform.http.callers import Served
from ripguard.platform.http.state import State
from ripguard.platform.service.jobs import Job
from ripguard.platform.web.packing import packed
from ripguard.platform.web.pages import PageRoute, page, to, wants_json
from ripguard.platform.web.routes.datasets import restores
from ripguard.platform.web.visits import CSRF, Visit, Visiting, refuse_foreign, refuse_wrong

router = APIRouter(prefix="/web/datasets", route_class=PageRoute, include_in_schema=False)
ONCE = "once"  # field: two sendings of one page make one job
KEY = re.compile(r"[!-~]{1,100}")


@router.get("/{dataset}/restore")
def show_upload(request: Request, visit: Visiting, dataset: str) -> Response:
    """The form to upload."""
    found = visit.session.dataset(dataset)
    once = f"web-{secrets.token_hex(16)}"
    return page(request, "restore", visit, found=found, once=once, may=restores(visit, found))


@router.post("/{dataset}/jobs")
async def upload(request: Request, visit: Visiting, state: Served, dataset: str) -> Response:
    """Take images or an archive. The answer is the page of the job; for the script, its address."""
    refuse_foreign(request)
    await anyio.to_thread.run_sync(visit.session.restoring, dataset)
    file, fields = await packed(request, state, state.uploads.total_bytes)
    with file:
        refuse_wrong(fields.get(CSRF), visit.csrf)
        await anyio.to_thread.run_sync(state.platform.count_upload, visit.caller, os.fstat(file.fileno()).st_size)
        job, new = await anyio.to_thread.run_sync(_create, visit, state, dataset, fields.get(ONCE, ""), file)
    if new:
        state.runner.wake()
    place = f"/web/jobs/{job.id}"
    return JSONResponse({"job": place}, 202) if wants_json(request) else to(place)


def _create(visit: Visit, state: State, dataset: str, once: str, file: IO[bytes]) -> tuple[Job, bool]:
    start = file.tell()
    digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
    file.seek(start)
    key = once if KEY.fullmatch(once) else f"web-{secrets.token_hex(16)}"
    return state.runner.jobs.create(visit.caller, dataset, key, file, digest)
