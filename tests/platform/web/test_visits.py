"""Cookies, and forms that other sites send."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Route

from ripguard.platform.web.routes import ROUTERS
from ripguard.platform.web.visits import csrf_of

SAME = {"Sec-Fetch-Site": "same-origin"}
POSTS = sorted(
    route.path
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, Route) and "POST" in (route.methods or ())
)


def filled(path, dataset):  # type: ignore[no-untyped-def]
    return re.sub(r"\{\w+\}", "x", path.replace("{dataset}", dataset))


def csrf(page, on="/web/datasets"):  # type: ignore[no-untyped-def]
    return re.search(r'name="csrf" value="([0-9a-f]{64})"', page.get(on).text)[1]  # type: ignore[index]


def test_the_cookie_is_for_this_site_and_no_script(site):  # type: ignore[no-untyped-def]
    page = site.page()
    answer = page.post(
        "/web/sign-in", data={"csrf": csrf(page, "/web/sign-in"), "token": site.tokens["user"]}, headers=SAME,
        follow_redirects=False,
    )  # fmt: skip
    (made,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("ripguard=")]
    name, *about = made.lower().split("; ")
    assert {"httponly", "samesite=strict", "path=/"} == set(about)
    assert site.tokens["user"].lower() not in name


def test_the_api_knows_no_cookie(site):  # type: ignore[no-untyped-def]
    page = site.page("owner")
    for path in ("/v1/me", "/v1/datasets", "/v1/tokens"):
        assert page.get(path).status_code == 401
    assert page.post("/v1/datasets", json={"name": "x"}, headers=SAME).status_code == 401


def test_there_are_forms():
    assert len(POSTS) >= 20


@pytest.mark.parametrize("path", POSTS)
def test_every_form_is_refused_from_elsewhere(site, golden, path):  # type: ignore[no-untyped-def]
    """Also those of objects that are not there: who sends it is looked at first, and nothing is done."""
    page = site.page() if path == "/web/sign-in" else site.page("owner")
    known = csrf(page, "/web/sign-in" if path == "/web/sign-in" else "/web/datasets")
    dataset = next((one.id for one in site.session("owner").datasets()), None) or site.dataset("photos", golden)
    before = site.session("auditor").log_length()
    right, files = {"csrf": known}, {"images": ("a.png", b"x")}
    for data, headers in (
        ({}, SAME),
        ({"csrf": "0" * 64}, SAME),
        ({"csrf": csrf_of("another cookie")}, SAME),
        (right, {"Sec-Fetch-Site": "cross-site"}),
        (right, {"Sec-Fetch-Site": "same-site"}),
        (right, {"Sec-Fetch-Site": "none"}),
        (right, {"Sec-Fetch-Site": "cross-site", "Origin": site.url}),
        (right, {"Origin": "https://elsewhere.example"}),
        (right, {"Origin": "null"}),
        (right, {}),
    ):
        more = {"files": files} if path.endswith("/jobs") else {}
        answer = page.post(filled(path, dataset), data=data, headers=headers, **more)
        assert (answer.status_code, "was not sent from its page" in answer.text) == (403, True), (data, headers)
    assert site.session("auditor").log_length() == before


def test_an_old_browser_sends_its_origin(site):  # type: ignore[no-untyped-def]
    page = site.page("owner")
    answer = page.post("/web/sign-out", data={"csrf": csrf(page)}, headers={"Origin": site.url})
    assert answer.url.path == "/web/sign-in"


def test_forms_of_two_sessions_differ(site):  # type: ignore[no-untyped-def]
    assert csrf(site.page("owner")) != csrf(site.page("owner"))


@pytest.mark.parametrize("path", [path for path in POSTS if path != "/web/sign-in"])
def test_no_form_without_a_session(site, path):  # type: ignore[no-untyped-def]
    answer = site.page().post(filled(path, "x"), data={"csrf": "0" * 64}, headers=SAME)
    assert answer.url.path == "/web/sign-in"
