"""The application does what its description says, whatever is sent (schemathesis), with every role."""

from __future__ import annotations

import contextlib
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from ripguard.platform.http.app import application
from ripguard.platform.http.state import State
from ripguard.platform.service.pools import Pools
from ripguard.platform.settings import Limits

ACCOUNTS = ("owner", "admin", "auditor", "user")
PATIENCE = 600  # seconds: to verify a long log takes a while on a busy machine
LIMITS = Limits(failures=0, calls_a_minute=0)  # wrong tokens and quick calls are among what is tried


def tried(running: Any, account: str, examples: int) -> Counter[int]:
    """Call every operation with generated requests, valid ones and others; returns how often each status came."""
    schema = schemathesis.openapi.from_url(f"{running.url}/openapi.json")
    headers, statuses = {"Authorization": f"Bearer {running.tokens[account]}"}, Counter[int]()

    def check(case: Any) -> None:
        statuses[case.call_and_validate(headers=headers, timeout=PATIENCE).status_code] += 1

    for result in schema.get_all_operations():
        for mode in GenerationMode:
            run = settings(
                max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )(given(case=result.ok().as_strategy(generation_mode=mode))(check))  # fmt: skip
            with contextlib.suppress(Unsatisfiable):  # nothing of this route can be wrong
                run()
    return statuses


@pytest.mark.parametrize("account", ACCOUNTS[::3])  # the long test has all
def test_a_few_of_every_route(running, account):  # type: ignore[no-untyped-def]
    statuses = tried(running, account, 2 if account == "owner" else 1)
    assert sum(statuses.values()) >= 50
    assert {200, 404} <= set(statuses)
    # wrong requests may come without a right token: a 401; test_callers has wrong forms behind a right one
    assert account != "owner" or {401, 422} & set(statuses)


@pytest.mark.slow
@pytest.mark.parametrize("account", ACCOUNTS)
def test_many_of_every_route(running, account):  # type: ignore[no-untyped-def]
    assert sum(tried(running, account, 15).values()) >= 500


def test_the_description_names_every_answer(running):  # type: ignore[no-untyped-def]
    paths = application(State(running.platform, Pools())).openapi()["paths"]
    for path, methods in paths.items():
        if path.startswith("/v1"):
            for about in methods.values():
                assert {"401", "403", "404", "409", "413", "422", "429", "503"} <= set(about["responses"])
