"""The routes, one file a group."""

from __future__ import annotations

from ripguard.platform.http.routes import (
    accounts,
    audit,
    datasets,
    deposits,
    grants,
    jobs,
    keys,
    requests,
    restore,
    system,
    tokens,
)

ROUTERS = tuple(
    one.router for one in (system, datasets, deposits, grants, jobs, keys, requests, tokens, accounts, restore, audit)
)
