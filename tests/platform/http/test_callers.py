"""Who may do what over HTTP: every account tries every route on a dataset of the owner."""

from __future__ import annotations

import time

import pytest

from ripguard.platform.clock import DAY

SERVERS = (1, 2)
# statuses that are no refusal of rights; every other pair of account and route is a 404
EVERYBODY = {"me", "datasets", "accounts", "tokens", "jobs", "issue"}
SEEN = {"dataset", "grants", "requests", "request-log"}
MAY = {
    "owner": EVERYBODY | SEEN | {
        "create", "change", "usage", "restore", "deposit", "grant", "invite", "decide", "refuse", "revoke", "job",
        "close",
    },
    "other": EVERYBODY | {"create"},
    "user": EVERYBODY | SEEN | {"restore", "ask", "withdraw", "job"},
    "stranger": EVERYBODY,
    "auditor": EVERYBODY | SEEN | {"usage", "export", "verify", "head"},
    "admin": EVERYBODY | {"dataset", "request-log", "account", "disable", "other-tokens", "other-issue", "revoke"},
}  # fmt: skip


def routes(name, dataset, grant, request, accounts):  # type: ignore[no-untyped-def]
    """Method, path and body of every route, as this account would call it."""
    at, ends = f"/v1/datasets/{dataset}", int(time.time()) + DAY
    another = accounts["other" if name != "other" else "user"]
    return {
        "me": ("GET", "/v1/me", None),
        "datasets": ("GET", "/v1/datasets", None),
        "accounts": ("GET", "/v1/accounts", None),
        "tokens": ("GET", "/v1/tokens", None),
        "jobs": ("GET", "/v1/jobs", None),
        "issue": ("POST", "/v1/tokens", {}),
        "dataset": ("GET", at, None),
        "grants": ("GET", f"{at}/grants", None),
        "requests": ("GET", f"{at}/requests", None),
        "request-log": ("GET", f"{at}/request-log", None),
        "create": ("POST", "/v1/datasets", {"name": f"of-{name}"}),
        "change": ("PATCH", at, {"public_log": True}),
        "usage": ("GET", f"{at}/usage", None),
        "restore": ("POST", f"{at}/restore", b"no image"),
        "job": ("POST", f"{at}/jobs", b"no image"),
        "deposit": ("POST", f"{at}/deposit", bytes(40)),
        "grant": ("POST", f"{at}/grants", {"account": "stranger", "ends_at": ends, "images": 1}),
        "invite": ("POST", f"{at}/invitations", {"account": f"new-{name}", "ends_at": ends}),
        "ask": ("POST", f"{at}/requests", {"purpose": "to measure"}),
        "decide": ("POST", f"/v1/requests/{request}/grant", {"ends_at": ends}),
        "refuse": ("POST", f"/v1/requests/{request}/refuse", {"reason": "no"}),
        "withdraw": ("DELETE", f"/v1/requests/{request}", None),
        "revoke": ("DELETE", f"/v1/grants/{grant}", None),
        "account": ("POST", "/v1/accounts", {"name": f"made-by-{name}", "role": "user"}),
        "other-tokens": ("GET", f"/v1/tokens?account={another}", None),
        "other-issue": ("POST", "/v1/tokens", {"account": another}),
        "export": ("GET", "/v1/audit", None),
        "verify": ("POST", "/v1/audit/verify", None),
        "head": ("GET", "/v1/audit/head", None),
        "keys": ("POST", f"{at}/unit-keys", {}),  # the grant of this test is of images
        "disable": ("DELETE", f"/v1/accounts/{accounts['stranger']}", None),
        "close": ("POST", f"{at}/close", None),
    }


def called(http, one, **headers):  # type: ignore[no-untyped-def]
    method, path, body = one
    raw = isinstance(body, bytes)
    headers |= {"Idempotency-Key": "k"} if path.endswith("/jobs") and method == "POST" else {}
    return http.request(method, path, content=body if raw else None, json=None if raw else body, headers=headers)


@pytest.mark.parametrize("name", ["", *MAY])
def test_matrix(running, hundred, name):  # type: ignore[no-untyped-def]
    """What is denied looks as if it did not exist; without a token, everything is a 401."""
    accounts = {one.name: one.id for one in running.platform.principals.all()}
    dataset = running.dataset(hundred, f"matrix-{name or 'nobody'}")
    grant = running.grant(dataset)
    user = running.platform.principals.named("user").id
    request = running.platform.requests.ask(dataset, user, "to measure").id
    made = routes(name or "nobody", dataset, grant, request, accounts)
    absent = routes(name or "nobody", "ds_none", "gr_none", "rq_none", dict.fromkeys(accounts, "pr_none"))
    last = ["withdraw", "refuse", "revoke", "close", "disable"]
    with running.raw(name) as http:
        for case in sorted(made, key=lambda one: (one in last, one)):
            answer = called(http, made[case])
            if not name:
                assert answer.status_code == 401, case
            elif case in MAY[name]:
                assert answer.status_code in (200, 201, 202, 204, 409, 422), (case, answer.text)
            else:
                assert answer.status_code == 404, (case, answer.text)
                missing = called(http, absent[case])
                assert (missing.status_code, missing.json()) == (404, answer.json()), case


@pytest.mark.parametrize("token", ["", "rgd_" + "A" * 43])
def test_a_wrong_form_is_told_to_nobody_without_a_token(running, token):  # type: ignore[no-untyped-def]
    """Signing in comes first, whatever is wrong with the rest; behind it, the form is refused."""
    wrong = (
        ("POST", "/v1/datasets", b'{"name": 1, "more": 2}'), ("POST", "/v1/datasets", b"{"),
        ("POST", "/v1/tokens", b'{"scopes": ["none"]}'), ("GET", "/v1/datasets?limit=-1", b""),
        ("GET", "/v1/jobs?unknown=1", b""), ("POST", "/v1/datasets/x/restore?format=rar", b""),
    )  # fmt: skip
    with running.raw() as http:
        for method, path, body in wrong:
            about = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
            assert http.request(method, path, content=body, headers=about).status_code == 401, path
            about["Authorization"] = f"Bearer {running.tokens['owner']}"
            assert http.request(method, path, content=body, headers=about).status_code == 422, path


def test_every_route_is_tried():
    """The matrix has all routes of the application, but those that need no token, and those of single objects."""
    from ripguard.platform.http.routes import ROUTERS

    paths = {(method, route.path) for router in ROUTERS for route in router.routes for method in route.methods}
    tried = set()
    for method, path, _ in routes(
        "owner", "{dataset}", "{grant}", "{request_id}", {"other": "x", "stranger": "{account}"}
    ).values():
        tried.add((method, path.partition("?")[0]))
    assert paths - tried == {
        ("GET", "/health"), ("GET", "/ready"), ("GET", "/metrics"), ("DELETE", "/v1/tokens/{accessor}"),
        ("GET", "/v1/jobs/{job}"), ("DELETE", "/v1/jobs/{job}"), ("POST", "/v1/jobs/{job}/resume"),
        ("GET", "/v1/jobs/{job}/result"),
    }  # fmt: skip
