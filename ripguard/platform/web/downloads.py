"""Answers that the browser saves as a file."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Response


def saved_as(name: str) -> dict[str, str]:
    """Headers of an answer that is saved under a name."""
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}"}


def secret_file(name: str, data: bytes, kind: str) -> Response:
    """A file with a secret: it is in no page, and is sent once."""
    return Response(data, media_type=kind, headers=saved_as(name))
