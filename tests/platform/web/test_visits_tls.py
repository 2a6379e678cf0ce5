"""Cookies behind a proxy that ends TLS."""

from __future__ import annotations

import re

from ripguard.platform.serving import Serving

SERVING = Serving(port=0, behind_tls_proxy=True)


def test_the_cookie_is_never_sent_unencrypted(site):  # type: ignore[no-untyped-def]
    page = site.page()
    page.headers.update({"X-Forwarded-Proto": "https", "Host": "data.example.org"})
    first = page.get("/web/sign-in")
    visitor = dict(one.split("; ")[0].split("=", 1) for one in first.headers.get_list("set-cookie"))
    csrf = re.search(r'name="csrf" value="([0-9a-f]{64})"', first.text)[1]  # type: ignore[index]
    # httpx keeps a Secure cookie from an address without TLS, as a browser does
    sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in visitor.items())}
    about = {"csrf": csrf, "token": site.tokens["owner"]}
    refused = page.post("/web/sign-in", data=about, headers={"Origin": "http://data.example.org", **sent})
    assert refused.status_code == 403
    answer = page.post(
        "/web/sign-in", data=about, headers={"Origin": "https://data.example.org", **sent}, follow_redirects=False
    )
    assert answer.status_code == 303
    (made,) = [one for one in answer.headers.get_list("set-cookie") if one.startswith("__Host-ripguard=")]
    assert {"httponly", "samesite=strict", "path=/", "secure"} == set(made.lower().split("; ")[1:])
    session = {"Cookie": made.split(";")[0]}
    shown = page.get("/web/datasets", headers=session)
    assert "--server https://data.example.org" in shown.text
    # the name of the cookie without the prefix gives nothing
    assert page.get("/web/datasets", headers={"Cookie": made.split(";")[0].removeprefix("__Host-")}).url.path.endswith(
        "/sign-in"
    )
