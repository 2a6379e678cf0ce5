"""Numbers about a server process for Prometheus. No name, no id and no address is in them."""

from __future__ import annotations

import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ripguard.platform.restoring.reasons import Outcome, Restored

METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")
UNKNOWN = "other"  # in place of a path that is no route: callers must not make new series


class Metrics:
    """The numbers of one server process."""

    def __init__(self, pools: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self.requests = Counter("ripguard_requests", "Answers.", ["method", "route", "status"], registry=own)
        self.seconds = Histogram("ripguard_request_seconds", "Time to the end of an answer.", ["route"], registry=own)
        self.images = Counter("ripguard_images", "Images of uploads, by result.", ["result"], registry=own)
        self.bytes = Counter("ripguard_restored_bytes", "Bytes of restored images.", registry=own)
        Gauge("ripguard_pools", "Pools of processes that restore.", registry=own).set_function(pools)

    def text(self) -> bytes:
        """All numbers in the format of Prometheus."""
        return generate_latest(self.registry)

    def count(self, one: Outcome) -> Outcome:
        """Count a result."""
        if isinstance(one, Restored):
            self.images.labels("restored").inc()
            self.bytes.inc(len(one.data))
        else:
            self.images.labels("left-out" if one.harmless else "refused").inc()
        return one


class Counted:
    """An ASGI application whose answers are counted."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self.metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        status, began = "cut", time.monotonic()

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self.app(scope, receive, noted)
        finally:
            route = getattr(scope.get("route"), "path_format", UNKNOWN)
            method = scope["method"] if scope["method"] in METHODS else UNKNOWN
            self.metrics.requests.labels(method, route, status).inc()
            self.metrics.seconds.labels(route).observe(time.monotonic() - began)
