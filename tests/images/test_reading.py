"""Reading a source's files: every format, and nothing that is none."""

from __future__ import annotations

import pytest
from corpus import corpus

from ripguard.errors import InputRefused
from ripguard.images.reading import read_by, read_file


def test_sources_may_have_every_format(tmp_path):  # type: ignore[no-untyped-def]
    for one in corpus():
        path = tmp_path / one.name
        path.write_bytes(one.data)
        if one.reference is not None:
            assert read_file(path, source=True) == one.data
            assert read_by(lambda data=one.data: data, one.name) == one.data


@pytest.mark.parametrize("name", ["palette.gif", "rgb.heic", "rgb.jp2", "8-bit.dcm", "rgb.tga", "rgb.jxl"])
def test_published_files_may_not(name, tmp_path):  # type: ignore[no-untyped-def]
    path = tmp_path / name
    path.write_bytes(next(one.data for one in corpus() if one.name == name))
    with pytest.raises(InputRefused, match="not a readable PNG"):
        read_file(path)


def test_the_rest_of_other_files_is_not_read(tmp_path):  # type: ignore[no-untyped-def]
    path = tmp_path / "a.png"
    path.write_bytes(b"x" * 4000)
    with pytest.raises(InputRefused, match="not a readable image"):
        read_file(path, source=True)
    with pytest.raises(InputRefused, match="not a readable image"):
        read_by(lambda: b"x" * 4000, "a")
