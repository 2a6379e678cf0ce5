"""Accounts."""

from __future__ import annotations

from ripguard.platform.http.account_models import AccountIn, AccountOut, AccountsOut
from ripguard.platform.http.callers import PAGE, Called, group, page
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.routes.datasets import Limit, Offset

router = group("accounts", "/v1/accounts", responses=RESPONSES)


@router.get("")
def list_accounts(caller: Called, limit: Limit = PAGE, offset: Offset = 0) -> AccountsOut:
    """All accounts, or the own one for who may not see others."""
    rows, following = page(caller.accounts(), limit, offset)
    return AccountsOut(accounts=[AccountOut(**vars(one)) for one in rows], next=following)


@router.post("", status_code=201)
def create_account(caller: Called, body: AccountIn) -> AccountOut:
    """A new account; it has no token yet."""
    return AccountOut(**vars(caller.create_account(body.name, body.role)))


@router.delete("/{account}", status_code=204)
def disable_account(caller: Called, account: str) -> None:
    """Refuse all tokens of an account from now on."""
    caller.disable_account(account)
