"""What every request passes: the limit of its body, and headers of every answer."""

from __future__ import annotations

from typing import Any

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BODY = 1 << 18  # bytes of a body of JSON
STREAMED = ("/restore", "/deposit", "/jobs")  # ends of the paths whose routes count for themselves
HEADERS = {
    b"cache-control": b"no-store",
    b"content-security-policy": b"default-src 'none'; frame-ancestors 'none'",
    b"cross-origin-resource-policy": b"same-origin",
    b"referrer-policy": b"no-referrer",
    b"strict-transport-security": b"max-age=31536000",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
}


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                own: list[Any] = list(message.get("headers", ()))
                known = {name.lower() for name, _ in own}
                message["headers"] = own + [one for one in HEADERS.items() if one[0] not in known]
            await send(message)

        if "\0" in scope["path"]:  # no id has one, and PostgreSQL takes none
            about = {"error": "absent", "message": "not found", "hint": ""}
            await JSONResponse(about, 404)(scope, receive, secured)
            return
        if scope["path"].endswith(STREAMED):
            await self.app(scope, receive, secured)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"")
        if declared.isdigit() and int(declared) > MOST_BODY:
            about = {"error": "too-large", "message": "the body is too large", "hint": ""}
            await JSONResponse(about, 413, {"Connection": "close"})(scope, receive, secured)
            return
        size = 0

        async def counted() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > MOST_BODY:
                raise HTTPException(413, "the body is too large")
            return message

        await self.app(scope, counted, secured)
