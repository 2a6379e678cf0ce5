"""Counters that all processes share."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import func, select

from ripguard.platform.clock import DAY, MINUTE
from ripguard.platform.database.tables import counters, failures
from ripguard.platform.errors import LimitReached
from ripguard.platform.limits import Throttle, take
from ripguard.platform.settings import Limits


def took(database, time, wanted, most=10):  # type: ignore[no-untyped-def]
    with database.write() as connection:
        return take(database, connection, "somebody", "things", wanted, most, DAY, time)


def test_windows(database, clock):  # type: ignore[no-untyped-def]
    start = clock.now - clock.now % DAY
    assert took(database, start, 8).amount == 8
    assert took(database, start + 10, 3).amount == 2
    last = took(database, start + 20, 1)
    assert (last.amount, last.retry_after) == (0, DAY - 20)
    assert took(database, start + DAY, 11).amount == 10
    assert took(database, start, 5, most=0).amount == 5


def test_threads_share_a_quota(database, clock):  # type: ignore[no-untyped-def]
    amounts = list[int]()

    def run() -> None:
        for _ in range(6):
            amounts.append(took(database, clock.now, 1).amount)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sum(amounts) == 10


@pytest.mark.parametrize("most", [3, 100, 1000])
def test_calls_exceeded_by_one(database, clock, most):  # type: ignore[no-untyped-def]
    clock.now -= clock.now % MINUTE
    throttle = Throttle(database, Limits(calls_a_minute=most), clock)
    for _ in range(most):
        throttle.call("token")
    with pytest.raises(LimitReached) as refused:
        throttle.call("token")
    assert refused.value.retry_after == MINUTE
    throttle.call("another token")
    clock.now += MINUTE
    throttle.call("token")


def test_two_processes_share_a_rate(database, clock):  # type: ignore[no-untyped-def]
    """Together they allow no more than the rate; they may leave a part of a portion unused."""
    clock.now -= clock.now % MINUTE
    both = [Throttle(database, Limits(calls_a_minute=300), clock) for _ in range(2)]
    allowed = 0
    for number in range(700):
        try:
            both[number % 2].call("token")
            allowed += 1
        except LimitReached:
            continue
    assert allowed == 300


def test_off(database, clock):  # type: ignore[no-untyped-def]
    throttle = Throttle(database, Limits(calls_a_minute=0, failures=0), clock)
    for _ in range(20):
        throttle.call("token")
        throttle.failed("token")
    throttle.refuse_waiting("token")


def test_waiting_grows_to_a_limit_and_is_forgotten(database, clock):  # type: ignore[no-untyped-def]
    throttle = Throttle(database, Limits(failures=2, longest_wait=60), clock)
    waits = []
    for _ in range(10):
        throttle.failed("address")
        try:
            throttle.refuse_waiting("address")
            waits.append(0)
        except LimitReached as refused:
            waits.append(refused.retry_after)
    assert waits == [0, 0, 2, 4, 8, 16, 32, 60, 60, 60]
    clock.now += 60
    throttle.refuse_waiting("address")
    throttle.failed("address")
    throttle.refuse_waiting("address")


def test_all_or_nothing(database, clock):  # type: ignore[no-untyped-def]
    throttle = Throttle(database, Limits(), clock)
    throttle.count("account", "bytes", 7, 10)
    with pytest.raises(LimitReached) as refused:
        throttle.count("account", "bytes", 4, 10)
    assert refused.value.retry_after == DAY - clock.now % DAY
    throttle.count("account", "bytes", 3, 10)


def test_swept(database, clock):  # type: ignore[no-untyped-def]
    throttle = Throttle(database, Limits(), clock)
    throttle.call("token")
    throttle.failed("address")

    def rows() -> list[int]:
        with database.read() as connection:
            counts = (select(func.count()).select_from(table) for table in (counters, failures))
            return [connection.execute(one).scalar_one() for one in counts]

    throttle.sweep()
    assert rows() == [1, 1]
    clock.now += 3 * DAY
    throttle.sweep()
    assert rows() == [0, 0]
