"""What happened to a file is read from its first bytes; intact files and unknown ones have no cause."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import numpy as np
import pytest

from ripguard.damage import Altered, explained, first_bytes, is_archive, last_bytes, what_happened
from ripguard.errors import InputRefused
from ripguard.images.encoding import png_bytes

PNG = png_bytes(np.arange(48, dtype=np.uint8).reshape(4, 4, 3))
CONTAINER = b"ripguard/v2\n" + bytes(7) + b"\x02[]"


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    return file.getvalue()


def zipped() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a"), b"a")  # of 1980: names of tests must not change
    return file.getvalue()


@pytest.mark.parametrize("data", [PNG, CONTAINER, b"anything else", b"\xff\xd8\xff\xe0"])
def test_no_cause(data):  # type: ignore[no-untyped-def]
    assert what_happened(data) is None
    refusal = InputRefused("x: no")
    assert explained(refusal, "x", data) is refusal
    assert explained(refusal, "x", None) is refusal


@pytest.mark.parametrize(
    ("data", "cause"),
    [
        (PNG.replace(b"\r\n", b"\n"), "line ends"),
        (PNG.replace(b"\n", b"\r\n"), "line ends"),
        (PNG.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"), "line ends"),
        (CONTAINER.replace(b"\n", b"\r\n"), "line ends"),
        (CONTAINER.replace(b"\n", b"\r"), "line ends"),
        (PNG.decode("latin-1").encode(), "text"),
        (PNG.decode(errors="replace").encode(), "text"),
        (b"", "empty"),
        (bytes(100), "zero bytes"),
        (b"  <html><body>404</body></html>", "web page"),
        (b'<?xml version="1.0"?>\n<Error><Code>AccessDenied</Code></Error>', "web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "pointer"),
        (b"/annex/objects/SHA256E-s1--0.png\n", "pointer"),
        *(
            (data, "packed")
            for data in (gzip.compress(b"a", mtime=0), bz2.compress(b"a"), lzma.compress(b"a"), tar(), zipped())
        ),
    ],
)
def test_causes(data, cause):  # type: ignore[no-untyped-def]
    found = what_happened(data[:4096])
    assert found is not None
    assert cause in found[0]
    assert found[1]
    error = explained(InputRefused("x: no"), "x", data)
    assert isinstance(error, Altered)
    assert error.message == f"x: {found[0]}"
    assert is_archive(data) == (cause == "packed")


def test_first_and_last_bytes(tmp_path):  # type: ignore[no-untyped-def]
    """Of regular files only: no links, no folders."""
    (tmp_path / "a").write_bytes(bytes(5000) + b"end")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert len(first_bytes(tmp_path / "a") or b"") == 4096
    assert (last_bytes(tmp_path / "a") or b"").endswith(b"\0end")
    (tmp_path / "a").write_bytes(b"ab")
    assert first_bytes(tmp_path / "a") == last_bytes(tmp_path / "a") == b"ab"
    assert [first_bytes(tmp_path / name) for name in ("link", "none", ".")] == [None] * 3
