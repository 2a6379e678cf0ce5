"""A profile comes back as it was written, and no file that others can read is used."""

from __future__ import annotations

import pytest

from ripguard.errors import KeyFileError
from ripguard.platform.profiles import Profile, token_of


def test_there_and_back(tmp_path):  # type: ignore[no-untyped-def]
    made = Profile("https://data.example.org", "ds_1", "rgd_secret", 5, "ab" * 32)
    made.write(tmp_path / "p")
    assert (tmp_path / "p").stat().st_mode & 0o777 == 0o600
    assert Profile.read(tmp_path / "p") == made
    assert "rgd_secret" not in repr(made)
    older = '{"format": "ripguard-profile/1", "server": "https://x", "dataset": "d", "token": "t", "expires_at": 5}'
    (tmp_path / "p").write_text(older)
    assert Profile.read(tmp_path / "p").signer == ""


def test_files_that_are_refused(tmp_path):  # type: ignore[no-untyped-def]
    with pytest.raises(KeyFileError, match="there is no file"):
        Profile.read(tmp_path / "p")
    for text in ("", "[]", "{}", '{"format": "ripguard-profile/1"}', "\0", "x" * 20_000):
        (tmp_path / "p").write_text(text)
        (tmp_path / "p").chmod(0o600)
        with pytest.raises(KeyFileError):
            Profile.read(tmp_path / "p")
    (tmp_path / "p").write_text("rgd_secret\n")
    assert token_of(tmp_path / "p") == "rgd_secret"
    (tmp_path / "p").chmod(0o644)
    with pytest.raises(KeyFileError, match="can be read by others"):
        token_of(tmp_path / "p")
