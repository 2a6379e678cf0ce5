"""The stylesheet, the script, and every address below ``/web`` that is no page."""

from __future__ import annotations

from importlib.resources import files
from typing import Literal

from fastapi import APIRouter, Request, Response

from ripguard.platform.web.pages import PageRoute, page

router = APIRouter(prefix="/web", route_class=PageRoute, include_in_schema=False)
KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get("/static/{name}")
def asset(name: Literal["style.css", "script.js", "icon.svg"]) -> Response:
    """A file of the package; `no-cache`: a browser asks again, so that no page meets the script of another version."""
    found = files("ripguard.platform.web").joinpath("static", name).read_bytes()
    return Response(found, media_type=KINDS[name[name.index(".") :]], headers={"Cache-Control": "no-cache"})


@router.get("/{path:path}")
def absent(request: Request, path: str) -> Response:
    """There is no such page."""
    return page(request, "refused", None, 404, message="there is no such page", hint="")
