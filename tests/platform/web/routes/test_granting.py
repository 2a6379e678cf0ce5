"""Grants, invitations and decisions, by forms."""

from __future__ import annotations

import json

import pytest

from ripguard.platform.clock import DAY
from ripguard.platform.profiles import Profile


@pytest.fixture
def dataset(site, golden):  # type: ignore[no-untyped-def]
    known = [one for one in site.session("owner").datasets() if one.name == "photos"]
    return known[0].id if known else site.dataset("photos", golden)


def ends(site, days=10):  # type: ignore[no-untyped-def]
    from datetime import UTC, datetime

    return datetime.fromtimestamp(site.platform.clock() + days * DAY, UTC).date().isoformat()


def form(site, name, dataset, what, **data):  # type: ignore[no-untyped-def]
    place = f"/web/datasets/{dataset}"
    return site.page(name).form(f"{place}/{what}", "/web/datasets", data=data)


def test_grant_and_revoke(site, dataset):  # type: ignore[no-untyped-def]
    answer = form(site, "owner", dataset, "grants", account="user", label="a", images="5", ends=ends(site))
    assert "The grant was made." in answer.text
    grant = site.session("owner").grants(dataset)[0]
    assert (grant.terms.split, grant.terms.label, grant.terms.images) == (None, "a", 5)
    assert "0 of 5" in site.page("user").get(f"/web/datasets/{dataset}").text
    assert form(site, "other", dataset, f"grants/{grant.id}/revoke").status_code == 404
    answer = form(site, "owner", dataset, f"grants/{grant.id}/revoke")
    assert "Revoked." in answer.text
    assert site.session("owner").grants(dataset)[0].revoked


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"account": "nobody"}, "no such account"),
        ({"ends": "2001-01-01"}, "end in the past"),
        ({"ends": "soon"}, "expected a day"),
        ({"images": "many"}, "Images: expected a number"),
        ({"label": "zebra"}, "no version of the dataset has such a split or class"),
        ({"delivery": "keys", "images": "5"}, "cannot limit unit keys"),
        ({"delivery": "gold"}, "delivery"),
    ],
)
def test_wrong_terms(site, dataset, data, text):  # type: ignore[no-untyped-def]
    before = len(site.session("owner").grants(dataset))
    answer = form(site, "owner", dataset, "grants", **{"account": "user", "ends": ends(site), **data})
    assert answer.status_code in (404, 409)
    assert text in answer.text
    assert len(site.session("owner").grants(dataset)) == before


@pytest.mark.parametrize("name", ["user", "other", "auditor", "admin"])
def test_nobody_else_grants(site, dataset, name):  # type: ignore[no-untyped-def]
    for what in ("grants", "invitations", "settings"):
        assert form(site, name, dataset, what, account="user", ends=ends(site)).status_code == 404


def test_an_invitation_is_a_file_that_is_sent_once(site, dataset):  # type: ignore[no-untyped-def]
    answer = form(site, "owner", dataset, "invitations", account="lab", ends=ends(site))
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''lab.profile.json"
    assert answer.headers["cache-control"] == "no-store"
    profile = Profile.parsed(answer.content)
    assert (profile.server, profile.dataset) == (site.url, dataset)
    assert profile.signer == site.platform.audit.public.hex()
    assert profile.token not in repr(profile)
    assert site.platform.session(profile.token).restoring(dataset)
    assert json.loads(answer.content)["expires_at"] > site.platform.clock() + 9 * DAY
    for page in (f"/web/datasets/{dataset}", "/web/tokens"):
        assert profile.token not in site.page("owner").get(page).text
    again = form(site, "owner", dataset, "invitations", account="lab", ends=ends(site))
    assert (again.status_code, "the name lab is taken" in again.text) == (409, True)


def test_decisions(site, dataset):  # type: ignore[no-untyped-def]
    site.session("owner").change(dataset, listed=True, criteria=["Who are you?"])
    asked = site.session("stranger").ask(dataset, "To look", ["A friend"])
    for name in ("stranger", "other", "user"):
        assert form(site, name, dataset, f"requests/{asked.id}/grant", ends=ends(site)).status_code == 404
    assert form(site, "owner", dataset, f"requests/{asked.id}/refuse", reason=" ").status_code == 409
    assert "was refused" in form(site, "owner", dataset, f"requests/{asked.id}/refuse", reason="Who is that?").text
    assert "Who is that?" in site.page("stranger").get(f"/web/datasets/{dataset}").text
    asked = site.session("stranger").ask(dataset, "To train", ["A lab"])
    answer = form(site, "owner", dataset, f"requests/{asked.id}/grant", ends=ends(site), images="3", reason="Enjoy")
    assert "The grant was made." in answer.text
    assert [one.terms.images for one in site.session("stranger").grants(dataset)] == [3]
