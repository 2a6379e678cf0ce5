"""Files of the page, which are in the package."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("name", "kind"), [("style.css", "text/css"), ("script.js", "text/javascript"), ("icon.svg", "image/svg+xml")]
)
def test_files(site, name, kind):  # type: ignore[no-untyped-def]
    answer = site.page().get(f"/web/static/{name}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(kind)
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["nothing.css", "..%2fpages.py", "../../pages.py", "style.css%00"])
def test_nothing_else(site, name):  # type: ignore[no-untyped-def]
    answer = site.page().get(f"/web/static/{name}")
    assert answer.status_code in (404, 422)
    assert "import" not in answer.text
