"""What every page has: its headers, escaped texts, and refusals that people can read."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from starlette.routing import Route

from ripguard.platform.web.pages import NOTICES, POLICY, _moment, _sentence
from ripguard.platform.web.routes import ROUTERS

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{7*7}}"
GETS = sorted(
    route.path
    for router in ROUTERS
    for route in router.routes
    if isinstance(route, Route) and "GET" in (route.methods or ()) and "{" not in route.path
)
PAGES = [path for path in GETS if path not in ("/", "/web", "/web/audit/export")]


class Elements(HTMLParser):
    """All elements of a page with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def shown(site, path: str) -> Iterator[tuple[str, object]]:  # type: ignore[no-untyped-def]
    for name in ("owner", "user", "auditor", "admin"):
        yield name, site.page(name).get(path)


@pytest.mark.parametrize("path", PAGES)
def test_headers_and_no_inline_script(site, path):  # type: ignore[no-untyped-def]
    for name, answer in shown(site, path):
        assert answer.status_code in (200, 404), name  # type: ignore[attr-defined]
        headers = answer.headers  # type: ignore[attr-defined]
        assert headers["content-security-policy"] == POLICY
        assert headers["cache-control"] == "no-store"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-frame-options"] == "DENY"
        elements = Elements(answer.text)  # type: ignore[attr-defined]
        for tag, about in elements.found:
            assert tag != "style"
            assert not [one for one in about if one == "style" or one.startswith("on")], (tag, about)
            if tag == "script":
                assert about["src"] == "/web/static/script.js"
            for link in ("href", "src", "action"):
                assert (about.get(link) or "/").startswith(("/", "#")), about


def test_the_policy_is_strict():
    rules = dict(one.strip().split(" ", 1) for one in POLICY.split(";"))
    assert rules["default-src"] == rules["frame-ancestors"] == rules["base-uri"] == "'none'"
    assert "unsafe" not in POLICY
    assert "http" not in POLICY
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == rules["form-action"] == "'self'"


def test_texts_of_others_are_shown_as_they_are(site, golden):  # type: ignore[no-untyped-def]
    dataset = site.dataset("hostile", golden)
    owner = site.session("owner")
    owner.change(dataset, listed=True, public_log=True, criteria=[HOSTILE])
    asked = site.session("user").ask(dataset, HOSTILE, [HOSTILE])
    owner.refuse_request(asked.id, HOSTILE)
    for name in ("owner", "user", "stranger", "auditor"):
        answer = site.page(name).get(f"/web/datasets/{dataset}")
        elements = Elements(answer.text)
        assert HOSTILE in elements.text, name
        assert not [one for one in elements.found if one[0] in ("img", "script")]


def test_without_a_session_there_is_only_the_page_to_sign_in(site):  # type: ignore[no-untyped-def]
    for path in PAGES:
        if path != "/web/sign-in":
            assert site.page().get(path).url.path == "/web/sign-in"
    assert site.page().get("/web/jobs/x/state", headers={"Accept": "application/json"}).json()["error"] == "sign-in"


def test_an_address_that_is_no_page(site):  # type: ignore[no-untyped-def]
    for path in ("/web/nothing", "/web/datasets/ds_0", "/web/jobs/jb_0", "/web/datasets/ds_0/restore"):
        answer = site.page("user").get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert "That did not work" in answer.text


def test_a_token_in_the_address_is_refused(site):  # type: ignore[no-untyped-def]
    answer = site.page().get("/web/sign-in", params={"token": site.tokens["user"]})
    assert answer.status_code == 422
    assert site.tokens["user"] not in answer.text


@pytest.mark.parametrize("done", NOTICES)
def test_notices(site, done):  # type: ignore[no-untyped-def]
    assert NOTICES[done] in site.page("user").get("/web/datasets", params={"done": done}).text


def test_no_other_notice(site):  # type: ignore[no-untyped-def]
    assert 'role="status"' not in site.page("user").get("/web/datasets", params={"done": "nothing"}).text
    assert site.page("user").get("/web/datasets", params={"done": "<b>"}).status_code == 422


def test_the_database_is_gone(site, monkeypatch):  # type: ignore[no-untyped-def]
    from ripguard.errors import StorageError

    page = site.page("user")

    def gone(*_: object) -> None:
        raise StorageError("the database /srv/secret/place.db cannot be used")

    monkeypatch.setattr(site.platform.datasets, "visible_to", gone)
    answer = page.get("/web/datasets")
    assert answer.status_code == 503
    assert "/srv" not in answer.text
    assert "try again later" in answer.text.lower()


def test_filters():
    assert _moment(0) == "1970-01-01 00:00"
    assert _sentence("nothing is there") == "Nothing is there."
    assert _sentence("") == ""
