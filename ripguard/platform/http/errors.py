"""Refusals as answers: one form for all, and no word about files, databases or keys of the server."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from ripguard.errors import KeyFileError, RipguardError, StorageError, UsageError
from ripguard.platform.errors import Absent, LimitReached, SignInFailed
from ripguard.platform.http.models import Problem
from ripguard.platform.restoring.reasons import Reason, UploadRefused

LOG = logging.getLogger("ripguard.platform")
TOO_MUCH = (Reason.TOO_MUCH, Reason.TOO_LARGE)
WORDS = {404: "absent", 405: "method", 413: "too-large", 403: "forbidden"}
TEXTS = {
    401: "No token, or one that is not valid.",
    403: "Not over this connection, or a count is used up for good.",
    404: "There is no such object, or the token does not open it.",
    409: "It conflicts with what is there: a name that is taken, an end in the past, more than the token may.",
    413: "The body is too large.",
    422: "The request is not as described, or its content is refused.",
    429: "A rate or a quota is used up; `Retry-After` says for how long.",
    503: "The server cannot store or record this now. Nothing was restored.",
}
RESPONSES: dict[int | str, dict[str, Any]] = {
    code: {"model": Problem, "description": text} for code, text in TEXTS.items()
}
RESPONSES[429]["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
RESPONSES[401]["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer"}}


def status_of(error: RipguardError) -> int:
    """The status code of a refusal."""
    match error:
        case SignInFailed():
            return 401
        case Absent():
            return 404
        case LimitReached():
            return 429 if error.retry_after else 403
        case UsageError():  # the form was right: it was checked before
            return 409
        case UploadRefused() if error.reason in TOO_MUCH:
            return 413
        case UploadRefused() if error.reason is Reason.ENDED:
            return 404
        case UploadRefused() if error.reason is Reason.STOPPED:
            return 503
        case StorageError() | KeyFileError():
            return 503
    return 422


def problem(status: int, code: str, message: str, hint: str = "", **headers: str) -> JSONResponse:
    """An answer that refuses."""
    return JSONResponse({"error": code, "message": message, "hint": hint}, status, headers)


def refusal(error: RipguardError) -> JSONResponse:
    """The answer for an error of the platform."""
    status = status_of(error)
    if status == 503:
        LOG.error("%s: %s", error.code, error.message)
        return problem(503, error.code, "the server cannot store or record this now", "try again later")
    if status == 404:
        hint = "ask the owner of the dataset"
        message = error.message if isinstance(error, Absent) else Absent.of("dataset").message
        return problem(404, Absent.code, message, hint)
    headers = {}
    if isinstance(error, LimitReached) and error.retry_after:
        headers["Retry-After"] = str(error.retry_after)
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse({"error": error.code, "message": error.message, "hint": error.hint}, status, headers)


def install(app: FastAPI) -> None:
    """Let an application answer every error in this form."""

    @app.exception_handler(RipguardError)
    async def _refused(request: Request, error: RipguardError) -> JSONResponse:
        return refusal(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
        # never the input: it may be a secret
        found = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]]
        return problem(422, "usage", "; ".join(found)[:1000] or "the request is not as described")

    @app.exception_handler(HTTPException)
    async def _other(request: Request, error: HTTPException) -> JSONResponse:
        status = 422 if error.status_code == 400 else error.status_code  # a body that is no JSON
        code = WORDS.get(status, "usage")
        return JSONResponse({"error": code, "message": str(error.detail).lower(), "hint": ""}, status, error.headers)

    @app.exception_handler(Exception)
    async def _defect(request: Request, error: Exception) -> JSONResponse:
        return problem(500, "error", "the server failed", "tell who runs it")
