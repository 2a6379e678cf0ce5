"""The pages, one file a subject."""

from __future__ import annotations

from ripguard.platform.web.routes import (
    accounts,
    asking,
    assets,
    audit,
    datasets,
    granting,
    jobs,
    restoring,
    settings,
    signing,
    tokens,
)

# assets last: its last route is every address that is no page
ROUTERS = tuple(
    one.router
    for one in (signing, datasets, settings, granting, asking, restoring, jobs, tokens, accounts, audit, assets)
)
