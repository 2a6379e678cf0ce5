"""Requests for access, by who asks."""

from __future__ import annotations

from fastapi import APIRouter, Response

from ripguard.platform.web.forms import Sent
from ripguard.platform.web.pages import PageRoute, to
from ripguard.platform.web.visits import Visiting

router = APIRouter(prefix="/web/datasets", route_class=PageRoute, include_in_schema=False)


@router.post("/{dataset}/requests")
def ask(visit: Visiting, sent: Sent, dataset: str) -> Response:
    """Ask for access."""
    part = {"split": sent.part("split"), "label": sent.part("label")}
    visit.session.ask(dataset, sent.text("purpose"), sent.texts("answer"), **part)
    return to(f"/web/datasets/{dataset}", "asked")


@router.post("/{dataset}/requests/{asked}/withdraw")
def withdraw(visit: Visiting, sent: Sent, dataset: str, asked: str) -> Response:
    """Withdraw an own request."""
    visit.session.withdraw(asked)
    return to(f"/web/datasets/{dataset}", "withdrawn")
