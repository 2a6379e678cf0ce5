"""Pools are shared by equal grants, closed when unused, and bounded."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from platforms import Golden

from ripguard.crypto.keys import Key, KeyRing
from ripguard.platform.errors import LimitReached
from ripguard.platform.service.pools import For, Pools


@contextlib.contextmanager
def opening() -> Iterator[tuple[Path, KeyRing]]:
    yield Golden("v2-ranked").root, Key(bytes(range(32)))


def wanted(number: int) -> For:
    return For("ds", number, frozenset({0}))


def test_equal_wishes_share_a_pool():
    pools = Pools()
    with pools.lease(wanted(1), opening) as one, pools.lease(wanted(1), opening) as two:
        assert one is two
    with pools.lease(wanted(1), opening) as three:
        assert three is one
    pools.close()
    assert len(pools) == 0
    with pytest.raises(LimitReached), pools.lease(wanted(1), opening):
        pass


def test_bound_and_idle():
    now = [0.0]
    pools = Pools(most=1, idle=10, clock=lambda: now[0])
    with pools.lease(wanted(1), opening) as one:
        with pytest.raises(LimitReached) as refused, pools.lease(wanted(2), opening):
            pass
        assert refused.value.retry_after
        now[0] = 100
        pools.sweep()
        assert len(pools) == 1  # in use
    with pools.lease(wanted(2), opening) as two:  # takes the place of the one that nobody uses
        assert len(pools) == 1
        assert one._closed
    assert not two._closed
    now[0] = 111
    pools.sweep()
    assert len(pools) == 0
    assert two._closed
