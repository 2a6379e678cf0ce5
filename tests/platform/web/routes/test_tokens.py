"""Own tokens."""

from __future__ import annotations


def test_make_use_and_revoke(site):  # type: ignore[no-untyped-def]
    page = site.page("user")
    answer = page.form("/web/tokens", "/web/tokens", data={"note": "for the laptop", "images": "7", "days": "1"})
    assert answer.headers["content-disposition"].startswith("attachment")
    text = answer.text.strip()
    made = site.platform.session(text).caller
    row = next(one for one in site.session("user").tokens() if one.accessor == made.accessor)
    assert (row.note, row.images_limit, row.parent) == ("for the laptop", 7, site.session("user").caller.accessor)
    shown = page.get("/web/tokens").text
    assert "for the laptop" in shown
    assert text not in shown
    site.tokens["laptop"] = text
    laptop = site.page("laptop")
    assert site.page("other").form(f"/web/tokens/{made.accessor}/revoke", "/web/tokens").status_code == 404
    assert "Revoked." in page.form(f"/web/tokens/{made.accessor}/revoke", "/web/tokens").text
    assert laptop.get("/web/datasets").url.path == "/web/sign-in"


def test_to_revoke_the_own_token_signs_out(site):  # type: ignore[no-untyped-def]
    page = site.page("stranger")
    own = site.session("stranger").caller.accessor
    assert "You were signed out" in page.form(f"/web/tokens/{own}/revoke", "/web/tokens").text
