"""Settings of an own dataset."""

from __future__ import annotations

from fastapi import APIRouter, Response

from ripguard.platform.web.forms import Sent
from ripguard.platform.web.pages import PageRoute, to
from ripguard.platform.web.visits import Visiting

router = APIRouter(prefix="/web/datasets", route_class=PageRoute, include_in_schema=False)


@router.post("/{dataset}/settings")
def change(visit: Visiting, sent: Sent, dataset: str) -> Response:
    """Save the settings: who sees the dataset, and what a request must answer, one question a line."""
    criteria = [one.strip() for one in sent.text("criteria").splitlines() if one.strip()]
    visit.session.change(dataset, listed=sent.flag("listed"), public_log=sent.flag("public_log"), criteria=criteria)
    return to(f"/web/datasets/{dataset}", "changed")


@router.post("/{dataset}/close")
def close(visit: Visiting, sent: Sent, dataset: str) -> Response:
    """End all restoration from it; the box of the form must be checked."""
    if sent.flag("sure"):
        visit.session.close(dataset)
        return to(f"/web/datasets/{dataset}", "closed")
    return to(f"/web/datasets/{dataset}")
