"""Accounts, by an admin."""

from __future__ import annotations

import pytest

from ripguard.platform.errors import SignInFailed


def test_a_new_account_its_first_token_and_its_end(site):  # type: ignore[no-untyped-def]
    page = site.page("admin")
    answer = page.form("/web/accounts", "/web/accounts", data={"name": "anna", "role": "owner"})
    assert "It has no token yet." in answer.text
    place = answer.url.path
    token = page.form(f"{place}/tokens", place, data={"note": "first", "days": "3"})
    assert token.headers["content-disposition"].startswith("attachment")
    site.tokens["anna"] = token.text.strip()
    assert site.session("anna").account().name == "anna"
    theirs = site.page("anna")
    assert site.tokens["anna"] not in page.get(place).text
    page.form(f"{place}/disable", place)  # the box is not checked
    assert theirs.get("/web/datasets").status_code == 200
    assert "All its tokens are refused" in page.form(f"{place}/disable", place, data={"sure": "on"}).text
    assert theirs.get("/web/datasets").url.path == "/web/sign-in"
    with pytest.raises(SignInFailed):
        site.session("anna")


def test_an_admin_revokes_a_token(site):  # type: ignore[no-untyped-def]
    user = site.session("user").account().id
    made = site.session("user").issue_token(_wanted())
    page = site.page("admin")
    answer = page.form(f"/web/accounts/{user}/tokens/{made.accessor}/revoke", f"/web/accounts/{user}")
    assert "Revoked." in answer.text
    with pytest.raises(SignInFailed):
        site.platform.session(made.text)


@pytest.mark.parametrize("data", [{"name": "user"}, {"name": "A B"}, {"name": ""}, {"name": "x", "role": "king"}])
def test_wrong_accounts(site, data):  # type: ignore[no-untyped-def]
    answer = site.page("admin").form("/web/accounts", "/web/accounts", data={"role": "user", **data})
    assert answer.status_code == 409


@pytest.mark.parametrize("name", ["owner", "user", "auditor"])
def test_nobody_else(site, name):  # type: ignore[no-untyped-def]
    page, user = site.page(name), site.session("stranger").account().id
    assert page.form("/web/accounts", "/web/datasets", data={"name": "new", "role": "admin"}).status_code == 404
    for what in ("tokens", "disable"):
        assert page.form(f"/web/accounts/{user}/{what}", "/web/datasets", data={"sure": "on"}).status_code == 404
    shown = page.get(f"/web/accounts/{user}")
    assert shown.status_code == (200 if name == "auditor" else 404)
    assert "New token" not in shown.text


def _wanted():  # type: ignore[no-untyped-def]
    from ripguard.platform.callers import Wanted

    return Wanted()
