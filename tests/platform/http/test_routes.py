"""The application does what its description says, whatever is sent (schemathesis), with every role."""

from __future__ import annotations

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from platforms import Time, World
from schemathesis import GenerationMode
from starlette.testclient import TestClient

from ripguard.platform.core import Platform
from ripguard.platform.http.app import application
from ripguard.platform.http.state import State
from ripguard.platform.service.pools import Pools
from ripguard.platform.settings import Limits, Settings

NOT_HERE = ("/v1/datasets/{dataset}/restore", "/v1/datasets/{dataset}/deposit", "/v1/datasets/{dataset}/jobs")


@pytest.fixture(scope="module")
def world(tmp_path_factory):  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("platform")
    platform = Platform.start(Settings(folder=folder, limits=Limits(calls_a_minute=0, failures=0)), Time())
    yield World(platform, Time())
    platform.close()


@pytest.fixture(scope="module")
def app(world):  # type: ignore[no-untyped-def]
    return application(State(world.platform, Pools()))


def tried(app, world, account: str, examples: int) -> int:  # type: ignore[no-untyped-def]
    """Call every operation with generated requests; returns how many calls were checked."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    schema.config.generation.update(modes=list(GenerationMode))
    count = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=examples, deadline=None, database=None, derandomize=True,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate],
        )  # fmt: skip
        def check(case) -> None:  # type: ignore[no-untyped-def]
            nonlocal count
            count += 1
            case.call_and_validate(headers={"Authorization": f"Bearer {world.texts[account]}"})

        schemathesis_case = operation.as_strategy()
        from hypothesis import given

        given(case=schemathesis_case)(check)()
    return count


def test_a_few_of_every_route(app, world):  # type: ignore[no-untyped-def]
    assert tried(app, world, "owner", 3) >= 90


@pytest.mark.slow
@pytest.mark.parametrize("account", ["owner", "admin", "auditor", "user"])
def test_many_of_every_route(app, world, account):  # type: ignore[no-untyped-def]
    assert tried(app, world, account, 25) >= 500


def test_the_description_names_every_answer(app):  # type: ignore[no-untyped-def]
    with TestClient(app) as client:
        paths = client.get("/openapi.json").json()["paths"]
    for path, methods in paths.items():
        if path.startswith("/v1"):
            for about in methods.values():
                assert {"401", "403", "404", "409", "413", "422", "429", "503"} <= set(about["responses"])
