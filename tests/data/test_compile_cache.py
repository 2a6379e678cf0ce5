from __future__ import annotations

import getpass
import os
import tempfile

from ripguard.data.compile_cache import VARIABLE, name_compile_cache


def test_a_folder_where_torch_finds_none(tmp_path, monkeypatch):  # type: ignore[no-untyped-def]
    """Without a user's name, or without a folder for temporary files; otherwise torch chooses."""

    def missing() -> str:
        raise FileNotFoundError(2, "No usable temporary directory found")

    def nameless() -> str:
        raise KeyError("getpwuid(): uid not found: 12345")

    monkeypatch.setenv("RIPGUARD_CACHE", str(tmp_path))
    monkeypatch.setenv(VARIABLE, "mine")
    name_compile_cache()
    assert os.environ[VARIABLE] == "mine"
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr(getpass, "getuser", lambda: "somebody")
    name_compile_cache()
    assert VARIABLE not in os.environ
    monkeypatch.setattr(getpass, "getuser", nameless)
    name_compile_cache()
    assert os.environ.pop(VARIABLE).startswith(os.path.join(tempfile.gettempdir(), "torchinductor_"))
    monkeypatch.setattr(tempfile, "gettempdir", missing)
    name_compile_cache()
    assert os.environ.pop(VARIABLE) == str(tmp_path / "torchinductor")
