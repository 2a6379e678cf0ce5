"""The list of datasets, and what a page asks of the platform."""

from __future__ import annotations

from ripguard.platform.callers import Wanted
from ripguard.platform.roles import Scope


def test_a_page_makes_no_denials(site, golden):  # type: ignore[no-untyped-def]
    """Whatever a token may do: what it may not do is not asked for, so that denials in the log mean something."""
    dataset = site.dataset("photos", golden)
    site.session("owner").change(dataset, listed=True, public_log=True)
    site.grant(dataset)
    before = site.session("auditor").log_length()
    for name in site.tokens:
        for path in ("/web/datasets", f"/web/datasets/{dataset}", f"/web/datasets/{dataset}/restore", "/web/tokens",
                     "/web/jobs"):  # fmt: skip
            assert site.page(name).get(path).status_code == 200, (name, path)
    assert site.session("auditor").log_length() == before


def test_a_token_with_less_power_is_offered_less(site, golden):  # type: ignore[no-untyped-def]
    dataset = site.dataset("scopes", golden)
    site.tokens["looks"] = site.session("owner").issue_token(Wanted(scopes=[Scope.SEE])).text
    before = site.session("auditor").log_length()
    text = site.page("looks").get(f"/web/datasets/{dataset}").text
    assert "Usage" in text
    for offer in ("Grant to an account", "Restore images", "Settings", "Revoke"):
        assert offer not in text
    assert site.session("auditor").log_length() == before


def test_groups(site, golden):  # type: ignore[no-untyped-def]
    names = {"listed-one": {"listed": True}, "granted-one": {}, "hidden-one": {}}
    for name, settings in names.items():
        made = site.dataset(name, golden)
        site.session("owner").change(made, **settings)
        if name == "granted-one":
            site.grant(made)
    shown = {name: site.page(name).get("/web/datasets").text for name in ("owner", "user", "other", "auditor")}
    assert [one in shown["user"] for one in names] == [True, True, False]
    assert [one in shown["other"] for one in names] == [True, False, False]
    assert all(one in shown["owner"] and one in shown["auditor"] for one in names)
    assert "ripguard platform deposit" in shown["owner"]
    assert "ripguard platform deposit" not in shown["user"]


def test_a_token_for_one_dataset_shows_that_one(site, golden):  # type: ignore[no-untyped-def]
    first, second = site.dataset("first", golden), site.dataset("second", golden)
    site.tokens["narrow"] = site.session("owner").issue_token(Wanted(dataset=first)).text
    page = site.page("narrow")
    text = page.get("/web/datasets").text
    assert first in text
    assert second not in text
    assert page.get(f"/web/datasets/{second}").status_code == 404
    assert page.get(f"/web/datasets/{first}").status_code == 200
