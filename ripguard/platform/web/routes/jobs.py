"""Jobs: their progress, their results, and their download."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse

from ripguard.platform.errors import Absent
from ripguard.platform.http.callers import Served
from ripguard.platform.http.routes.restore import TYPES
from ripguard.platform.http.state import State
from ripguard.platform.http.streams import sent as streamed
from ripguard.platform.restoring.download import archive
from ripguard.platform.restoring.reasons import Refused, UploadRefused
from ripguard.platform.roles import Scope
from ripguard.platform.service.jobs import CANCELLED, QUEUED, RUNNING, Job
from ripguard.platform.service.results import results
from ripguard.platform.web.downloads import saved_as
from ripguard.platform.web.forms import Sent
from ripguard.platform.web.pages import Done, PageRoute, page, to
from ripguard.platform.web.visits import Visit, Visiting

router = APIRouter(prefix="/web/jobs", route_class=PageRoute, include_in_schema=False)
MOST_READ, MOST_BYTES = 5_000, 1 << 29  # images, and bytes of the upload, of a job whose results a page reads
MOST_LISTED = 500  # refused images in its list


@dataclass
class Results:
    """What a page shows of the results of a job.

    Attributes:
        refused: the first of them, with their reasons.
        ended: why the list ends early, "" if it does not.
    """

    restored: int = 0
    left_out: int = 0
    more: int = 0  # refused ones that are not in the list
    refused: list[Refused] = field(default_factory=list)
    ended: str = ""


@router.get("")
def list_jobs(request: Request, visit: Visiting, state: Served) -> Response:
    """Own jobs, the newest first."""
    rows = state.runner.jobs.all(visit.caller)
    names = {one.id: one.name for one in visit.session.datasets()}
    return page(request, "jobs", visit, rows=rows, names=names)


@router.get("/{job}")
def show_job(request: Request, visit: Visiting, state: Served, job: str, done: Done = None) -> Response:
    """A job: its progress, or its results."""
    found = state.runner.jobs.get(visit.caller, job)
    running = found.state in (QUEUED, RUNNING)
    readable = not running and found.state != CANCELLED and state.runner.jobs.here(found)
    shown = None
    if readable and visit.may(Scope.RESTORE) and _few(state, found):
        shown = _read(visit, state, found)
    names = {one.id: one.name for one in visit.session.datasets()}
    return page(request, "job", visit, job=found, running=running, readable=readable, results=shown,
                name=names.get(found.dataset, ""), done=done)  # fmt: skip


@router.get("/{job}/state")
def job_state(visit: Visiting, state: Served, job: str) -> Response:
    """The progress of a job, for the script."""
    found = state.runner.jobs.get(visit.caller, job)
    return JSONResponse({"state": found.state, "images": found.images, "error": found.error})


@router.post("/{job}/cancel")
def cancel(visit: Visiting, state: Served, sent: Sent, job: str) -> Response:
    """End a job, and remove its files."""
    state.runner.jobs.cancel(visit.caller, job)
    return to(f"/web/jobs/{job}", "cancelled")


@router.post("/{job}/resume")
def resume(visit: Visiting, state: Served, sent: Sent, job: str) -> Response:
    """Continue a job that failed."""
    state.runner.jobs.resume(visit.caller, job)
    state.runner.wake()
    return to(f"/web/jobs/{job}")


@router.get("/{job}/result")
def result(
    visit: Visiting, state: Served, job: str, form: Annotated[Literal["tar", "zip"], Query(alias="format")] = "zip"
) -> Response:
    """The archive with the restored images, and `RESULT.json` as its last member."""
    if not visit.may(Scope.RESTORE):
        raise Absent.of("job")
    outcomes = results(state.platform, state.runner.jobs, visit.caller, job, state.stopping)
    seal = state.seal(state.runner.jobs.get(visit.caller, job).dataset)
    pieces = streamed(archive(outcomes, form, state.folder, seal))
    return StreamingResponse(pieces, media_type=TYPES[form], headers=saved_as(f"restored.{form}"))


def _few(state: State, job: Job) -> bool:
    try:
        return job.images <= MOST_READ and state.runner.jobs.upload(job.id).stat().st_size <= MOST_BYTES
    except OSError:  # it was removed meanwhile
        return False


def _read(visit: Visit, state: State, job: Job) -> Results:
    found = Results()
    try:
        for one in results(state.platform, state.runner.jobs, visit.caller, job.id, state.stopping):
            if not isinstance(one, Refused):
                found.restored += 1
            elif one.harmless:
                found.left_out += 1
            elif len(found.refused) < MOST_LISTED:
                found.refused.append(one)
            else:
                found.more += 1
    except UploadRefused as refusal:
        found.ended = refusal.message
    return found
