"""The log of a server on standard error: plain lines, or one JSON object a line (``--log-json``).

Tokens are taken out of every line, wherever a library put them. Nothing else that is secret is ever given to the log:
no body, no query, no path, no key.
"""

from __future__ import annotations

import datetime
import json
import logging
import re
import sys
from typing import TextIO

TOKEN = re.compile(r"rgd_[0-9A-Za-z_-]+")
HIDDEN = "rgd_…"
LOGGERS = ("ripguard", "uvicorn")


def without_tokens(text: str) -> str:
    """The text with every token taken out."""
    return TOKEN.sub(HIDDEN, text)


class Lines(logging.Formatter):
    """A line for people: time, level, logger, message, and what the event is about."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        about = "".join(f" {name}={value}" for name, value in getattr(record, "about", {}).items())
        return without_tokens(super().format(record) + about)


class JsonLines(logging.Formatter):
    """One JSON object: ``time`` (UTC), ``level``, ``logger``, ``message``, and what the event is about."""

    def format(self, record: logging.LogRecord) -> str:
        time = datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds")
        about = {"time": time, "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        if record.exc_info:
            about["exception"] = self.formatException(record.exc_info)
        return without_tokens(json.dumps(about | getattr(record, "about", {}), default=str))


def set_up(as_json: bool, stream: TextIO | None = None) -> None:
    """Send the log of this process to a stream, standard error by default. Requests are logged in JSON only."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.setFormatter(JsonLines() if as_json else Lines())
    for name in LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
        logger.setLevel(logging.INFO if as_json and name == "ripguard" else logging.WARNING)
