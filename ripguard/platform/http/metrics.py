"""Numbers about a server process for Prometheus. No name, no id and no address is in them."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ripguard.errors import StorageError
from ripguard.platform.restoring.reasons import Outcome, Restored

METHODS = ("GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS")
JOB_SECONDS = (1, 3, 10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)
LOG = logging.getLogger("ripguard.platform.requests")
UNKNOWN = "other"  # in place of a path that is no route: callers must not make new series


class Metrics:
    """The numbers of one server process; those of jobs that have not ended are of all that share the database.

    Args:
        pools: how many run.
        jobs: how many are in each state.
    """

    def __init__(self, pools: Callable[[], int], jobs: Callable[[], Mapping[str, int]] = dict) -> None:
        self.registry = CollectorRegistry()
        own = self.registry
        self.requests = Counter("ripguard_requests", "Answers.", ["method", "route", "status"], registry=own)
        self.seconds = Histogram("ripguard_request_seconds", "Time to the end of an answer.", ["route"], registry=own)
        self.images = Counter("ripguard_images", "Images of uploads, by result.", ["result"], registry=own)
        self.bytes = Counter("ripguard_restored_bytes", "Bytes of restored images.", registry=own)
        self.jobs = Counter("ripguard_jobs_ended", "Jobs that ended here, by state.", ["state"], registry=own)
        self.job_seconds = Histogram(
            "ripguard_job_seconds", "Time that jobs ran here.", buckets=JOB_SECONDS, registry=own
        )
        own.register(OpenJobs(jobs))
        Gauge("ripguard_pools", "Pools of processes that restore.", registry=own).set_function(pools)

    def text(self) -> bytes:
        """All numbers in the format of Prometheus."""
        return generate_latest(self.registry)

    def job_ended(self, state: str, seconds: float) -> None:
        """Count a job that ended."""
        self.jobs.labels(state).inc()
        self.job_seconds.observe(seconds)

    def count(self, one: Outcome) -> Outcome:
        """Count a result."""
        if isinstance(one, Restored):
            self.images.labels("restored").inc()
            self.bytes.inc(len(one.data))
        else:
            self.images.labels("left-out" if one.harmless else "refused").inc()
        return one


class OpenJobs(Collector):
    """Jobs by state, asked for with each scrape. Nothing where the database does not answer."""

    def __init__(self, jobs: Callable[[], Mapping[str, int]]) -> None:
        self._jobs = jobs

    def describe(self) -> list[GaugeMetricFamily]:
        return [GaugeMetricFamily("ripguard_jobs", "Jobs by state.", labels=["state"])]

    def collect(self) -> Iterator[GaugeMetricFamily]:
        (found,) = self.describe()
        try:
            for state, number in self._jobs().items():
                found.add_metric([state], number)
        except StorageError as error:
            LOG.error("jobs cannot be counted: %s", error.message)
        yield found


class Counted:
    """An ASGI application whose answers are counted, and logged."""

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
            seconds = time.monotonic() - began
            self.metrics.requests.labels(method, route, status).inc()
            self.metrics.seconds.labels(route).observe(seconds)
            if LOG.isEnabledFor(logging.INFO):  # the route, not the path: a path may hold what somebody mistyped
                address = (scope.get("client") or ("",))[0]
                about = {"method": method, "route": route, "status": status, "seconds": round(seconds, 4)}
                LOG.info("request", extra={"about": {**about, "address": address}})
