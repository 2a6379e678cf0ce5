"""Settings that make no sense are refused; passwords are not shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from ripguard.errors import UsageError
from ripguard.platform.settings import Limits, Settings


def test_defaults():
    found = Settings(folder=Path("~/data"))
    assert found.folder == Path.home() / "data"
    assert found.database_url == f"sqlite:///{found.folder / 'platform.db'}"
    assert found.master_file.parent == found.folder


def test_no_password_in_repr():
    assert "hunter2" not in repr(Settings(folder=Path("/x"), database="postgresql+psycopg://a:hunter2@b/c"))


@pytest.mark.parametrize(
    "about", [{"database": "mysql://x"}, {"database": "postgresql://x"}, {"host": "a/b"}, {"host": ""}, {"host": "é"}]
)
def test_refused(about):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError):
        Settings(folder=Path("/x"), **about)


@pytest.mark.parametrize(
    "about", [{"images_a_day": -1}, {"failures": True}, {"token_life": 0}, {"token_life": 10**9}, {"token_depth": 0}]
)
def test_refused_limits(about):  # type: ignore[no-untyped-def]
    with pytest.raises(UsageError):
        Limits(**about)
