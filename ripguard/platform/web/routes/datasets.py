"""The list of datasets, and the page of one: what its visitor may do with it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from ripguard.platform.access.relations import Standing
from ripguard.platform.access.rules import Relation
from ripguard.platform.roles import Role, Scope
from ripguard.platform.web.pages import Done, PageRoute, page
from ripguard.platform.web.visits import Visit, Visiting, address

router = APIRouter(prefix="/web/datasets", route_class=PageRoute, include_in_schema=False)
GRANTED = (Relation.GRANTEE, Relation.KEY_GRANTEE)


@router.get("")
def list_datasets(request: Request, visit: Visiting, done: Done = None) -> Response:
    """Own datasets, those of grants, and listed ones."""
    found = [visit.session.dataset(one.id) for one in visit.session.datasets()]
    groups = {
        "Your datasets": [one for one in found if one.relation is Relation.OWN],
        "Granted to you": [one for one in found if one.relation in GRANTED],
        "Listed: you may ask for access": [one for one in found if one.relation is Relation.LISTED],
        "Other datasets": [one for one in found if one.relation is Relation.NONE],
    }
    if visit.caller.role in (Role.AUDITOR, Role.ADMIN):
        groups = {"All datasets": found}
    return page(request, "datasets", visit, groups=groups, address=address(request), done=done)


@router.get("/{dataset}")
def show_dataset(request: Request, visit: Visiting, dataset: str, done: Done = None) -> Response:
    """One dataset."""
    return dataset_page(request, visit, dataset, done)


def dataset_page(request: Request, visit: Visit, dataset: str, done: str | None = None) -> Response:
    """The page of a dataset."""
    found = visit.session.dataset(dataset)
    own, role = found.relation is Relation.OWN, visit.caller.role
    values: dict[str, Any] = {"grants": [], "requests": [], "names": {}, "uses": [], "units": [], "published": []}
    if role is not Role.ADMIN:
        values["grants"], values["requests"] = visit.session.grants(dataset), visit.session.requests(dataset)
        values["names"] = visit.session.names(dataset)
    if own or role is Role.AUDITOR:
        values["uses"] = visit.session.usage(dataset)
    elif found.dataset.public_log:
        values["published"] = visit.session.public_log(dataset)
    if manages(visit, found):
        values["units"] = visit.session.units(dataset)
    return page(
        request, "dataset", visit, found=found, own=own, granted=found.relation in GRANTED, done=done,
        manages=manages(visit, found), restores=restores(visit, found), asks=asks(visit, found),
        address=address(request), **values,
    )  # fmt: skip


def manages(visit: Visit, found: Standing) -> bool:
    """Whether the page offers to grant and to change settings."""
    return found.relation is Relation.OWN and visit.may(Scope.GRANT) and not found.dataset.closed


def restores(visit: Visit, found: Standing) -> bool:
    """Whether the page offers to restore."""
    return found.relation in (Relation.OWN, *GRANTED) and visit.may(Scope.RESTORE) and not found.dataset.closed


def asks(visit: Visit, found: Standing) -> bool:
    """Whether the page offers to ask for access."""
    known = found.relation in (Relation.LISTED, *GRANTED)
    return known and visit.caller.role in (Role.USER, Role.OWNER) and not found.dataset.closed
