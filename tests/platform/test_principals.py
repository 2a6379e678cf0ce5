"""Accounts."""

from __future__ import annotations

import pytest

from ripguard.errors import UsageError
from ripguard.platform.errors import Absent, SignInFailed
from ripguard.platform.roles import Role


def test_names_are_unique(world):  # type: ignore[no-untyped-def]
    principals = world.platform.principals
    with pytest.raises(UsageError, match="is taken"):
        principals.create("user", Role.USER, "pr_1")
    for name in ("User", "", "a b", "\u0430dmin"):
        with pytest.raises(UsageError, match="not a name"):
            principals.create(name, Role.USER, "pr_1")
    assert principals.named("user") == principals.get(world.accounts["user"].id)
    for call in (lambda: principals.named("nobody"), lambda: principals.get("pr_none")):
        with pytest.raises(Absent):
            call()


def test_disabled(world):  # type: ignore[no-untyped-def]
    principals, user = world.platform.principals, world.accounts["user"].id
    before = world.platform.audit.head()
    principals.disable(user, "pr_1")
    principals.disable(user, "pr_1")
    assert principals.get(user).disabled
    assert world.platform.audit.head().seq == before.seq + 1
    with pytest.raises(SignInFailed):
        world.platform.tokens.authenticate(world.texts["user"])
    with pytest.raises(Absent):
        principals.disable("pr_none", "pr_1")
