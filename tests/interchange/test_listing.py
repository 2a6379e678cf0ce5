"""Names in annotations, as paths of the listing."""

from __future__ import annotations

import pytest

from ripguard.interchange.listing import normal


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("a/./b.png", "a/b.png"), ("a\\b.png", "a/b.png"), ("::/0.png", "::/0.png"), ("../x", None), ("/x", None),
        ("a/../../x", None), ("C:\\x", None), ("c:x", None), (".", None), ("..", None),
    ],
)  # fmt: skip
def test_names_that_lead_out(name, path):  # type: ignore[no-untyped-def]
    assert normal(name) == path
