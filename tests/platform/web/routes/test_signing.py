"""Sign in with a token or a profile, and out."""

from __future__ import annotations

import pytest

from ripguard.platform.profiles import Profile
from ripguard.platform.settings import Limits

LIMITS = Limits(failures=3)


def sent(page, **more):  # type: ignore[no-untyped-def]
    return page.form("/web/sign-in", "/web/sign-in", **more)


def test_with_a_token(site):  # type: ignore[no-untyped-def]
    page = site.page()
    answer = sent(page, data={"token": f" {site.tokens['owner']}\n"})  # as it is pasted
    assert answer.url.path == "/web/datasets"
    assert "owner" in answer.text
    assert site.tokens["owner"] not in answer.text + str(answer.history)
    assert page.get("/").url.path == page.get("/web").url.path == page.get("/web/sign-in").url.path == "/web/datasets"


def test_with_a_profile(site, golden):  # type: ignore[no-untyped-def]
    dataset = site.dataset("photos", golden)
    site.grant(dataset)
    profile = Profile(site.url, dataset, site.tokens["user"]).data()
    answer = sent(site.page(), data={"token": ""}, files={"profile": ("p.json", profile)})
    assert answer.url.path == f"/web/datasets/{dataset}"


def test_a_profile_of_elsewhere_leads_nowhere_else(site):  # type: ignore[no-untyped-def]
    for dataset in ("//example.org/", "../../v1/me", "x\r\nSet-Cookie: a=b"):
        profile = Profile(site.url, dataset, site.tokens["user"]).data()
        answer = sent(site.page(), files={"profile": ("p.json", profile)})
        assert (answer.status_code, answer.url.host) == (404, "127.0.0.1")
        assert "a=b" not in str(answer.headers)


@pytest.mark.parametrize("data", [b"{}", b"\xff\xfe", b"[" * 10_000, b'{"format": 1, "server": [], "token": {}}'])
def test_no_profile(site, data):  # type: ignore[no-untyped-def]
    answer = sent(site.page(), files={"profile": ("p.json", data)})
    assert answer.status_code == 422
    assert "The file is not a profile." in answer.text


def test_a_large_profile(site):  # type: ignore[no-untyped-def]
    answer = sent(site.page(), files={"profile": ("p.json", b" " * 20_000)})
    assert "Profile: the file is too large." in answer.text


def test_sign_out_ends_the_session_and_not_the_token(site):  # type: ignore[no-untyped-def]
    page = site.page("user")
    cookie = page.cookies["ripguard"]
    answer = page.form("/web/sign-out", "/web/datasets")
    assert "You are signed out." in answer.text
    assert "ripguard" not in page.cookies
    again = site.page()
    again.cookies.set("ripguard", cookie)
    assert "You were signed out" in again.get("/web/datasets").text
    site.session("user")


def test_failures_have_to_wait_and_a_right_token_has_not(site):  # type: ignore[no-untyped-def]
    page, statuses = site.page(), []
    for number in range(6):
        answer = sent(page, data={"token": f"rgd_{number}" + "x" * 42})
        statuses.append(answer.status_code)
        assert f"rgd_{number}" not in answer.text
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert "too many failures" in answer.text.lower()
    assert sent(page, data={"token": site.tokens["user"]}).url.path == "/web/datasets"


def test_a_new_session_has_a_new_name(site):  # type: ignore[no-untyped-def]
    page = site.page()
    page.cookies.set("ripguard", "chosen-by-somebody")
    (first, *_) = sent(page, data={"token": site.tokens["user"]}).history
    (made,) = [one for one in first.headers.get_list("set-cookie") if one.startswith("ripguard=")]
    assert "chosen-by-somebody" not in made
    assert len(made.split(";")[0]) == len("ripguard=") + 43
