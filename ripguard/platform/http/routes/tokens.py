"""Tokens."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from sqlalchemy import Row

from ripguard.platform.callers import Wanted
from ripguard.platform.http.account_models import IssuedOut, TokenIn, TokenOut, TokensOut
from ripguard.platform.http.callers import PAGE, Called, group, page
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.models import EndedOut
from ripguard.platform.http.routes.datasets import Limit, Offset

router = group("tokens", "/v1/tokens", responses=RESPONSES)


def _out(row: Row) -> TokenOut:
    return TokenOut(
        accessor=row.accessor, account=row.principal, parent=row.parent, scopes=row.scopes.split(),
        dataset=row.dataset, split=row.split, label=row.label, images=row.images_limit, used=row.images_used,
        note=row.note, created_at=row.created_at, expires_at=row.expires_at, revoked=row.revoked_at is not None,
    )  # fmt: skip


@router.get("")
def list_tokens(
    caller: Called,
    account: Annotated[str, Query(pattern=r"^[!-~]{0,80}$")] = "",
    limit: Limit = PAGE,
    offset: Offset = 0,
) -> TokensOut:
    """Tokens of an account, the newest first; of the own one where none is named. Never the secrets."""
    rows, following = page(caller.tokens(account), limit, offset)
    return TokensOut(tokens=[_out(one) for one in rows], next=following)


@router.post("", status_code=201)
def issue_token(caller: Called, body: TokenIn) -> IssuedOut:
    """A child of the caller's token, or for an admin a token of another account."""
    wanted = Wanted(
        scopes=body.scopes, dataset=body.dataset, split=body.split, label=body.label, images=body.images,
        life=body.life, note=body.note or "",
    )  # fmt: skip
    made = caller.issue_token(wanted, body.account)
    return IssuedOut(accessor=made.accessor, expires_at=made.expires_at, token=made.text)


@router.delete("/{accessor}")
def revoke_token(caller: Called, accessor: str) -> EndedOut:
    """Revoke a token and its children, in running restorations too."""
    return EndedOut(ended=caller.revoke_token(accessor))
