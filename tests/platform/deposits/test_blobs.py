"""Files named by their digest."""

from __future__ import annotations

import hashlib

import pytest

from ripguard.errors import InputRefused
from ripguard.platform.deposits.blobs import Blobs


def test_stored_under_the_digest(tmp_path):  # type: ignore[no-untyped-def]
    blobs = Blobs(tmp_path / "blobs")
    name = blobs.add([b"a", b"b"], 2)
    assert name == hashlib.sha256(b"ab").hexdigest()
    assert blobs.path(name).read_bytes() == b"ab"
    assert blobs.add([b"ab"], 2) == name
    assert list(blobs.names()) == [name]
    assert blobs.folder.stat().st_mode & 0o777 == 0o700
    blobs.remove(name)
    blobs.remove(name)
    assert list(blobs.names()) == []


def test_too_long(tmp_path):  # type: ignore[no-untyped-def]
    blobs = Blobs(tmp_path / "blobs")
    with pytest.raises(InputRefused):
        blobs.add([b"ab", b"c"], 2)
    assert list(blobs.folder.iterdir()) == []


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63])
def test_no_other_names(tmp_path, name):  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="not a digest"):
        Blobs(tmp_path).path(name)
