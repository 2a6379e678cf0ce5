"""Line ends of a text are undone if the digest shows the right ones; nothing else is."""

from __future__ import annotations

import hashlib

import pytest

from ripguard.release.line_ends import text_as_published

TEXT = b"one\ntwo\n\nthree"


@pytest.mark.parametrize("was", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("now", [b"\n", b"\r\n", b"\r"])
def test_line_ends(was, now, tmp_path):  # type: ignore[no-untyped-def]
    published = TEXT.replace(b"\n", was)
    digest = hashlib.sha256(published).hexdigest()
    (tmp_path / "a").write_bytes(TEXT.replace(b"\n", now))
    assert text_as_published(tmp_path / "a", digest) == (None if was == now else published)
    (tmp_path / "a").write_bytes(TEXT.replace(b"\n", now).replace(b"two", b"2"))
    assert text_as_published(tmp_path / "a", digest) is None
    assert text_as_published(tmp_path / "none", digest) is None
