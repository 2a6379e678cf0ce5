"""Grants."""

from __future__ import annotations

from ripguard.platform.access.grants import Grant, Terms
from ripguard.platform.http.account_models import IssuedOut
from ripguard.platform.http.callers import PAGE, Called, group, page
from ripguard.platform.http.errors import RESPONSES
from ripguard.platform.http.models import GrantIn, GrantOut, GrantsOut, InviteIn, TermsIn
from ripguard.platform.http.routes.datasets import Limit, Offset

router = group("grants", responses=RESPONSES)


def terms_of(body: TermsIn) -> Terms:
    """The terms in a body."""
    return Terms(ends_at=body.ends_at, split=body.split, label=body.label, images=body.images, delivery=body.delivery)


def grant_out(one: Grant) -> GrantOut:
    """A grant as the API shows it."""
    own = {name: value for name, value in vars(one).items() if name != "terms"}
    return GrantOut(**own, **vars(one.terms))


@router.get("/datasets/{dataset}/grants")
def list_grants(caller: Called, dataset: str, limit: Limit = PAGE, offset: Offset = 0) -> GrantsOut:
    """Grants of a dataset, the newest first: all for its owner and auditors, the own ones for others."""
    rows, following = page(caller.grants(dataset), limit, offset)
    return GrantsOut(grants=[grant_out(one) for one in rows], next=following)


@router.post("/datasets/{dataset}/grants", status_code=201)
def create_grant(caller: Called, dataset: str, body: GrantIn) -> GrantOut:
    """Grant a part of a dataset, or all, to an account."""
    return grant_out(caller.grant(dataset, body.account, terms_of(body)))


@router.post("/datasets/{dataset}/invitations", status_code=201)
def invite(caller: Called, dataset: str, body: InviteIn) -> IssuedOut:
    """A new account with a grant, and its token, which opens this dataset alone."""
    made = caller.invite(dataset, body.account, terms_of(body), body.life)
    return IssuedOut(accessor=made.accessor, expires_at=made.expires_at, token=made.text)


@router.delete("/grants/{grant}", status_code=204)
def revoke_grant(caller: Called, grant: str) -> None:
    """End a grant, in running restorations too."""
    caller.revoke_grant(grant)
