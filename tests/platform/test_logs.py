"""Lines for people and for programs; no token in either."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from ripguard.platform.logs import LOGGERS, set_up


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """Loggers belong to the process: give them back."""
    loggers = [logging.getLogger(name) for name in LOGGERS]
    kept = [(one, one.handlers, one.propagate, one.level) for one in loggers]
    yield
    for one, handlers, propagate, level in kept:
        one.handlers, one.propagate = handlers, propagate
        one.setLevel(level)


def logged(as_json: bool) -> str:
    out = io.StringIO()
    set_up(as_json, out)
    log = logging.getLogger("ripguard.platform")
    log.info("request", extra={"about": {"route": "/v1/me", "status": "200"}})
    log.warning("a line\nand rgd_Abc-123_x", extra={"about": {"token": "rgd_another"}})
    try:
        raise ValueError("with rgd_third inside")
    except ValueError:
        logging.getLogger("uvicorn.error").exception("failed")
    return out.getvalue()


def test_json():
    text = logged(True)
    lines = [json.loads(line) for line in text.splitlines()]
    assert [one["message"] for one in lines] == ["request", "a line\nand rgd_…", "failed"]
    assert (lines[0]["route"], lines[0]["level"], lines[1]["token"]) == ("/v1/me", "info", "rgd_…")
    assert lines[0]["time"].endswith("+00:00")
    assert "ValueError: with rgd_… inside" in lines[2]["exception"]
    assert not any(one in text for one in ("Abc", "another", "third"))


def test_lines_for_people():
    text = logged(False)
    assert "request" not in text  # only with --log-json
    assert "WARNING ripguard.platform: a line" in text
    assert not any(one in text for one in ("Abc", "another", "third"))
