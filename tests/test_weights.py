"""Files of weights: written whole, and private where they are cached."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from ripguard.errors import StorageError
from ripguard.weights import save_bytes, save_whole


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o644)])
def test_mode(tmp_path: Path, private: bool, mode: int) -> None:
    """Checkpoints in the cache are readable by their owner alone; a model that a user asked for is as usual."""
    before = os.umask(0o022)
    try:
        save_whole({"a": torch.ones(2)}, tmp_path / "w", private)
        save_bytes(b"x", tmp_path / "b", private)
    finally:
        os.umask(before)
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {mode}
    assert torch.equal(torch.load(tmp_path / "w", weights_only=True)["a"], torch.ones(2))


def test_nothing_is_left_where_writing_fails(tmp_path: Path) -> None:
    (tmp_path / "w").mkdir()
    with pytest.raises(StorageError, match="cannot write"):
        save_bytes(b"x", tmp_path / "w")
    assert [path.name for path in tmp_path.iterdir()] == ["w"]
