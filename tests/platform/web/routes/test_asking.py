"""Ask for access, and withdraw."""

from __future__ import annotations


def test_ask_and_withdraw(site, golden):  # type: ignore[no-untyped-def]
    dataset = site.dataset("photos", golden)
    place = f"/web/datasets/{dataset}"
    page = site.page("user")
    assert page.get(place).status_code == 404
    assert page.form(f"{place}/requests", "/web/datasets", data={"purpose": "x"}).status_code == 404
    site.session("owner").change(dataset, listed=True, criteria=["Who?", "Where?"])
    answer = page.form(f"{place}/requests", place, data={"purpose": "To\r\ntrain", "answer": ["A", "B"], "label": "a"})
    assert "Your request was sent" in answer.text
    (asked,) = site.session("owner").requests(dataset)
    assert (asked.purpose, asked.answers, asked.label) == ("To\ntrain", [("Who?", "A"), ("Where?", "B")], "a")
    again = page.form(f"{place}/requests", place, data={"purpose": "x", "answer": ["A", "B"]})
    assert (again.status_code, "withdraw it first" in again.text.lower()) == (409, True)
    assert site.page("stranger").form(f"{place}/requests/{asked.id}/withdraw", place).status_code == 404
    assert "withdrawn" in page.form(f"{place}/requests/{asked.id}/withdraw", place).text
    short = page.form(f"{place}/requests", place, data={"purpose": "x", "answer": ["A"]})
    assert "expected 2 answers, got 1" in short.text
