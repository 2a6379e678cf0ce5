"""Jobs: restorations that go on after the answer."""

from __future__ import annotations

import hashlib
from typing import IO, Annotated, Literal

import anyio
from fastapi import Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from ripguard.platform.access.session import Session
from ripguard.platform.errors import Absent
from ripguard.platform.http.callers import PAGE, Called, Calling, Served, group, page
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.models import JobOut, JobsOut
from ripguard.platform.http.routes.datasets import Limit, Offset
from ripguard.platform.http.routes.restore import ARCHIVES, BODY, TYPES
from ripguard.platform.http.state import State
from ripguard.platform.http.streams import received, sent
from ripguard.platform.restoring.download import archive
from ripguard.platform.roles import Scope
from ripguard.platform.service.jobs import Job
from ripguard.platform.service.results import results

router = group("jobs", responses=RESPONSES)
Key = Annotated[str, Header(alias="Idempotency-Key", pattern=r"^[!-~]{1,100}$")]


def _out(job: Job) -> JobOut:
    return JobOut(**{name: getattr(job, name) for name in JobOut.model_fields})


@router.post("/datasets/{dataset}/jobs", status_code=202, openapi_extra=BODY)
async def create_job(
    request: Request, response: Response, caller: Calling, state: Served, dataset: str, key: Key
) -> JobOut:
    """Upload images to be restored later; the body is as for `restore`. The same key again gives the same job."""
    await anyio.to_thread.run_sync(caller.restoring, dataset)
    file = await received(request, state, state.uploads.total_bytes, caller.caller)
    job, new = await anyio.to_thread.run_sync(_create, caller, state, dataset, key, file)
    response.headers["Location"] = f"/v1/jobs/{job.id}"
    if new:
        state.runner.wake()
    return _out(job)


@router.get("/jobs")
def list_jobs(caller: Called, state: Served, limit: Limit = PAGE, offset: Offset = 0) -> JobsOut:
    """Own jobs, the newest first."""
    rows, following = page(state.runner.jobs.all(caller.caller), limit, offset)
    return JobsOut(jobs=[_out(one) for one in rows], next=following)


@router.get("/jobs/{job}")
def get_job(caller: Called, state: Served, job: str) -> JobOut:
    """A job, and how many images have a result."""
    return _out(state.runner.jobs.get(caller.caller, job))


@router.delete("/jobs/{job}")
def cancel_job(caller: Called, state: Served, job: str) -> JobOut:
    """End a job, and remove its files."""
    return _out(state.runner.jobs.cancel(caller.caller, job))


@router.post("/jobs/{job}/resume", status_code=202)
def resume_job(caller: Called, state: Served, job: str) -> JobOut:
    """Continue a job that failed, behind the images that have a result."""
    found = state.runner.jobs.resume(caller.caller, job)
    state.runner.wake()
    return _out(found)


@router.get("/jobs/{job}/result", response_class=StreamingResponse, responses=ARCHIVES)
def job_result(
    caller: Called,
    state: Served,
    job: str,
    form: Annotated[Literal["tar", "zip"], Query(alias="format")] = "tar",
) -> StreamingResponse:
    """The restored images of a job that ended, and `RESULT.json`."""
    if Scope.RESTORE not in caller.caller.scopes:
        raise Absent.of("job")
    outcomes = results(state.platform, state.runner.jobs, caller.caller, job, state.stopping)
    seal = state.seal(state.runner.jobs.get(caller.caller, job).dataset)
    return StreamingResponse(sent(archive(outcomes, form, state.folder, seal)), media_type=TYPES[form])


def _create(caller: Session, state: State, dataset: str, key: str, file: IO[bytes]) -> tuple[Job, bool]:
    with file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]
        file.seek(0)
        return state.runner.jobs.create(caller.caller, dataset, key, file, digest)
