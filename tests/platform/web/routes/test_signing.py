"""Sign in and out, by a real server."""

from __future__ import annotations


def test_with_a_token(site):  # type: ignore[no-untyped-def]
    page = site.page("owner")
    assert "owner" in page.get("/web/datasets").text
    print(page.cookies)
