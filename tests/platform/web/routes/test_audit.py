"""The audit log, by an auditor."""

from __future__ import annotations

import json
import re

import pytest

from ripguard.platform.web.routes import audit as pages


def test_pages_of_the_log(site, monkeypatch):  # type: ignore[no-untyped-def]
    monkeypatch.setattr(pages, "SHOWN", 20)
    for number in range(15):
        site.session("owner").create_dataset(f"d{number}")
    page = site.page("auditor")
    shown = page.get("/web/audit").text
    length = site.session("auditor").log_length()
    numbers = [int(one) for one in re.findall(r'data-label="Number">(\d+)<', shown)]
    assert numbers == list(range(length, length - 20, -1))
    assert "create dataset" in shown
    assert ">owner<" in shown  # its name, not its id
    earlier = page.get("/web/audit", params={"before": numbers[-1]}).text
    rest = [int(one) for one in re.findall(r'data-label="Number">(\d+)<', earlier)]
    assert numbers + rest == list(range(length, 0, -1))
    assert len(rest) > 1
    assert "Earlier records" not in earlier
    assert page.get("/web/audit", params={"before": 1 << 39}).text == shown


def test_verify_and_save(site):  # type: ignore[no-untyped-def]
    page = site.page("auditor")
    answer = page.form("/web/audit/verify", "/web/audit")
    assert "The log is whole" in answer.text
    saved = page.get("/web/audit/export")
    assert saved.headers["content-disposition"].startswith("attachment")
    rows = [json.loads(line) for line in saved.text.splitlines()]
    assert [one["seq"] for one in rows] == list(range(1, len(rows) + 1))


def test_a_log_that_was_changed(site):  # type: ignore[no-untyped-def]
    from sqlalchemy import text

    with site.platform.database.write() as connection:
        connection.execute(text("UPDATE audit SET action = 'nothing' WHERE seq = 3"))
    try:
        answer = site.page("auditor").form("/web/audit/verify", "/web/audit")
        assert "The log was changed" in answer.text
        assert "record 3" in answer.text
    finally:
        with site.platform.database.write() as connection:
            connection.execute(text("UPDATE audit SET action = 'create account' WHERE seq = 3"))


@pytest.mark.parametrize("name", ["owner", "user", "admin"])
def test_nobody_else(site, name):  # type: ignore[no-untyped-def]
    page = site.page(name)
    assert page.get("/web/audit").status_code == page.get("/web/audit/export").status_code == 404
    assert page.form("/web/audit/verify", "/web/datasets").status_code == 404
