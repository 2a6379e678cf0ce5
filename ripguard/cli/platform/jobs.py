"""`ripguard platform jobs`."""

from __future__ import annotations

import argparse

from ripguard.cli.output import show
from ripguard.cli.platform.connection import client_of
from ripguard.errors import UsageError

DESCRIPTION = (
    "List own jobs, restorations that go on after the answer, or act on one. A job whose server stopped or was killed "
    "goes on by itself. One that failed goes on with --resume, behind the images that have a result."
)


def add(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("job", nargs="?", metavar="JOB", help="id of a job, jb_…")
    act = parser.add_mutually_exclusive_group()
    act.add_argument("--resume", action="store_true", help="continue it, if it failed")
    act.add_argument("--cancel", action="store_true", help="end it, and remove its files")


def run(options: argparse.Namespace) -> int:
    from ripguard.platform.client import quoted

    if options.job is None and (options.resume or options.cancel):
        raise UsageError("no job", "name its id; ripguard platform jobs lists them")
    with client_of(options) as client:
        if options.job is None:
            rows = list(client.all("/v1/jobs", "jobs"))
            show(options, {"jobs": rows}, [_line(one) for one in rows] or ["no jobs"])
            return 0
        place = f"/v1/jobs/{quoted(options.job)}"
        if options.resume:
            found = client.call("POST", f"{place}/resume")
        else:
            found = client.call("DELETE" if options.cancel else "GET", place)
    show(options, found, [_line(found)])
    return 0


def _line(job: dict[str, object]) -> str:
    why = f": {job['error']}" if job["error"] else ""
    return f"{job['id']}  {job['state']}, {job['images']} images have a result{why}"
