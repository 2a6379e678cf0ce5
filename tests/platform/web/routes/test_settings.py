"""Settings of a dataset, and its end."""

from __future__ import annotations


def test_save_and_close(site, golden):  # type: ignore[no-untyped-def]
    dataset = site.dataset("photos", golden)
    place, page = f"/web/datasets/{dataset}", site.page("owner")
    answer = page.form(f"{place}/settings", place, data={"listed": "on", "criteria": "Who?\r\n\r\n Where? \r\n"})
    assert "The settings were saved." in answer.text
    found = site.session("owner").dataset(dataset).dataset
    assert (found.listed, found.public_log, found.criteria) == (True, False, ["Who?", "Where?"])
    page.form(f"{place}/settings", place, data={"criteria": ""})
    found = site.session("owner").dataset(dataset).dataset
    assert (found.listed, found.criteria) == (False, [])
    page.form(f"{place}/close", place)  # the box is not checked
    assert not site.session("owner").dataset(dataset).dataset.closed
    assert "nobody restores from it any more" in page.form(f"{place}/close", place, data={"sure": "on"}).text
    assert site.session("owner").dataset(dataset).dataset.closed
    assert "Restore images" not in page.get(place).text
