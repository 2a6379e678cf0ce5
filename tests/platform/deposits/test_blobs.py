"""Files named by their digest."""

from __future__ import annotations

import hashlib

import pytest

from ripguard.errors import InputRefused
from ripguard.platform.deposits.blobs import Blobs


def test_published_under_the_digest(tmp_path):  # type: ignore[no-untyped-def]
    blobs, name = Blobs(tmp_path / "blobs"), hashlib.sha256(b"ab").hexdigest()
    for pieces in ([b"a", b"b"], [b"ab"]):
        with blobs.incoming(pieces, 2) as incoming:
            assert incoming.path.read_bytes() == b"ab"
            assert incoming.path.stat().st_mode & 0o777 == 0o600
            blobs.publish(incoming)
        assert incoming.digest == name
    assert list(blobs.names()) == [name]
    assert blobs.path(name).read_bytes() == b"ab"
    assert blobs.folder.stat().st_mode & 0o777 == 0o700
    blobs.remove(blobs.path(name))
    blobs.remove(blobs.path(name))
    assert list(blobs.names()) == list(blobs.left()) == []


def test_not_published(tmp_path):  # type: ignore[no-untyped-def]
    blobs = Blobs(tmp_path / "blobs")
    with blobs.incoming([b"ab"], 2):
        assert len(list(blobs.left())) == 1
    assert list(blobs.left()) == list(blobs.names()) == []


def test_too_long(tmp_path):  # type: ignore[no-untyped-def]
    blobs = Blobs(tmp_path / "blobs")
    with pytest.raises(InputRefused), blobs.incoming([b"ab", b"c"], 2):
        pass
    assert list(blobs.left()) == []


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63])
def test_no_other_names(tmp_path, name):  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match="not a digest"):
        Blobs(tmp_path).path(name)
